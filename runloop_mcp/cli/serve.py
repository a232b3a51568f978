"""`runloop-mcp serve`, which is also what `runloop-mcp` does without a command."""

import gc
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.cli.options import backend_options, surface_options

if TYPE_CHECKING:
    from runloop_mcp.cli.settings import Settings

_ON_A_TERMINAL = """\
runloop-mcp is serving MCP on this terminal. That is for MCP clients, which start it by themselves:

  add it to a client     {command} install claude-code, or cursor, vscode, codex, …
  see it work            {command} demo
  see what else it can   {command} --help

Ctrl-C ends it."""

_NEEDS_HTTP = (
    "--host, --port, --allowed-host, --public-url, --trusted-proxy, --drain-seconds, --oauth-… and --no-auth need"
    " --transport http or sse."
)
_OF_HTTP = frozenset(
    {
        *("host", "port", "allowed_hosts", "public_url", "trusted_proxies", "drain_seconds", "no_auth"),
        *("oauth_issuer", "oauth_audience", "oauth_jwks_url"),
    }
)


@click.command()
@click.option(
    "--transport", type=click.Choice(["stdio", "http", "sse"]), default="stdio", show_default=True, help="How to serve."
)
@click.option("--host", metavar="ADDRESS", help="Where to listen, over HTTP.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="The port, over HTTP.  [default: 8787]")
@click.option(
    "--allowed-host",
    "allowed_hosts",
    metavar="NAME",
    multiple=True,
    help="A further name by which HTTP clients may address it, such as a proxy's.",
)
@click.option("--public-url", metavar="URL", help="Where HTTP clients reach it, if that is not where it listens.")
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    metavar="ADDRESS",
    multiple=True,
    help="A proxy in front of it, or a network of them, whose X-Forwarded-* and Forwarded headers are believed.",
)
@click.option(
    "--oauth-issuer", metavar="URL", help="An authorization server whose tokens HTTP clients may bring beside keys."
)
@click.option("--oauth-audience", metavar="NAME", help="How its tokens for this server name it.  [default: URL/mcp]")
@click.option("--oauth-jwks-url", metavar="URL", help="Where its keys are, if not where its metadata says.")
@click.option(
    "--drain-seconds", type=float, help="How long HTTP calls in progress may run on at its end.  [default: 5]"
)
@click.option("--log-format", type=click.Choice(["text", "json"]), help="What standard error gets.  [default: text]")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="From which level on; info has each call.  [default: warning]",
)
@click.option("--no-auth", is_flag=True, help="Serve HTTP to everyone on this machine, with any key or none.")
@click.option(
    "--run", "run_id", metavar="RUN_ID", help="Bind the client to one run, for a solver that someone else started."
)
@surface_options
@backend_options
def serve(
    *,
    flags: dict[str, object],
    transport: str = "stdio",
    host: str | None = None,
    port: int | None = None,
    allowed_hosts: tuple[str, ...] = (),
    public_url: str | None = None,
    trusted_proxies: tuple[str, ...] = (),
    oauth_issuer: str | None = None,
    oauth_audience: str | None = None,
    oauth_jwks_url: str | None = None,
    drain_seconds: float | None = None,
    log_format: str | None = None,
    log_level: str | None = None,
    no_auth: bool = False,
    run_id: str | None = None,
    toolsets: str | None = None,
    tools: str | None = None,
    exclude_tools: str | None = None,
    read_only: bool = False,
) -> None:
    """Serve MCP: over stdio for a client on this machine, or over HTTP.

    Over HTTP one port answers streamable HTTP at /mcp, SSE at /sse and Runloop's API at /v1; --transport sse answers
    SSE alone. Clients need a key (runloop-mcp keys create NAME), unless --no-auth is given, which serves this machine
    only.

    With --run the client reaches that run alone, and starts no other. It is served by the process that has the run's
    devbox, where one has.
    """
    if run_id is not None and transport != "stdio":
        raise click.UsageError("--run needs --transport stdio.")
    if run_id is not None and _relayed(flags, run_id):
        return
    # The collector's default looks through everything young after 700 new objects: too often for a program that makes
    # some thousands in a call and keeps hardly any. Measured: 7 % of a call's time. What has become older is looked
    # through often enough for what clients that vanish leave: 9 kB each, which otherwise stayed for hours.
    gc.set_threshold(20_000, 5, 5)
    from functools import partial

    import anyio

    from runloop_mcp.cli.logs import begin_logging
    from runloop_mcp.cli.serving import serve_over_http, serve_over_stdio
    from runloop_mcp.server.surface import surface

    offered = surface(_names(toolsets), tools=_names(tools), exclude_tools=_names(exclude_tools), read_only=read_only)

    begin_logging(log_format, log_level)
    flags = {**flags, "log_format": log_format, "log_level": log_level}
    over_http: dict[str, object] = {
        "host": host,
        "port": port,
        "allowed_hosts": allowed_hosts,
        "public_url": public_url,
        "trusted_proxies": trusted_proxies,
        "drain_seconds": drain_seconds,
        "oauth_issuer": oauth_issuer,
        "oauth_audience": oauth_audience,
        "oauth_jwks_url": oauth_jwks_url,
    }
    if transport == "stdio":
        if any(value not in (None, (), False) for value in (*over_http.values(), no_auth)):
            raise click.UsageError(_NEEDS_HTTP)
        anyio.run(serve_over_stdio, partial(_settings, flags), _say_where_on_a_terminal, run_id, offered)
        return
    settings = _settings({**flags, **over_http})
    sse_only = transport == "sse"
    ready = partial(_say_address, settings.host, sse_only, no_auth)
    anyio.run(partial(serve_over_http, settings, sse_only=sse_only, no_auth=no_auth, ready=ready, offered=offered))


def check_over_stdio(given: Mapping[str, object]) -> None:
    """Refuses what a server over stdio would refuse at its start, before it is written down for others to start it.

    Args:
        given: What its options were given, by the name of the parameter.

    Raises:
        click.UsageError: Some of it needs HTTP.
        InvalidRequest: Some of it is not valid.
    """
    from runloop_mcp.server.surface import surface

    if given.get("transport", "stdio") != "stdio":
        raise click.UsageError("Clients start the server over stdio: --transport has no place here.")
    if not _OF_HTTP.isdisjoint(given):
        raise click.UsageError(_NEEDS_HTTP)
    toolsets, tools, excluded = (_names(str(given.get(name, ""))) for name in ("toolsets", "tools", "exclude_tools"))
    surface(toolsets, tools=tools, exclude_tools=excluded, read_only=bool(given.get("read_only")))
    _settings({name: value for name, value in given.items() if name not in ("transport", "run_id")})


def _names(listed: str | None) -> list[str]:
    """Names that are separated by commas."""
    return [name for name in (part.strip() for part in (listed or "").split(",")) if name]


def _relayed(flags: dict[str, object], run_id: str) -> bool:
    """Whether another process has served the client, which is done now.

    Raises:
        Unavailable: That process ended before the client.
    """
    from runloop_mcp.cli.serving import servers_folder
    from runloop_mcp.server.transports.relay import relay

    try:
        return relay(servers_folder(_settings(flags)), run_id)
    except ConnectionError as error:
        raise Unavailable(str(error), hint="Start this server again: the run goes on from its disk.") from error


def _settings(flags: dict[str, object]) -> "Settings":
    from runloop_mcp.cli.settings import load_settings

    return load_settings(**flags)


def _say_where_on_a_terminal() -> None:
    if sys.stdin is not None and sys.stdin.isatty():
        from runloop_mcp.cli.terminal import own_command

        click.echo(_ON_A_TERMINAL.format(command=own_command()), err=True)


def _say_address(host: str, sse_only: bool, no_auth: bool, address: str) -> None:
    from runloop_mcp.cli.logs import announce, logs_json

    if logs_json():
        announce(f"Serving {_to_whom(host, no_auth)} at {address}")
        return
    click.echo(f"Serving {_to_whom(host, no_auth)}:\n", err=True)
    if not sse_only:
        click.echo(f"  MCP            {address}/mcp", err=True)
    click.echo(f"  MCP over SSE   {address}/sse", err=True)
    if not sse_only:
        click.echo(f"  Runloop's API  {address}/v1, for its SDKs: RUNLOOP_BASE_URL={address}", err=True)
    click.echo("\nCtrl-C ends it.", err=True)


def _to_whom(host: str, no_auth: bool) -> str:
    from runloop_mcp.server.transports.exposure import is_loopback

    if no_auth:
        return "this machine only, without authentication"
    if is_loopback(host):
        return "clients on this machine that have a key"
    return "every client that has a key; keys travel as they are, so put a proxy with TLS in front"
