"""`runloop-mcp serve`, which is also what `runloop-mcp` does without a command."""

import sys

import click

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.cli.options import backend_options

_ON_A_TERMINAL = """\
runloop-mcp is serving MCP on this terminal's input and output, which is meant for an MCP client, not for a person.
To add it to a client:   claude mcp add runloop -- runloop-mcp
To see it work:          runloop-mcp demo
To see what else it can: runloop-mcp --help
Ctrl-C ends it."""


@click.command()
@click.option(
    "--transport", type=click.Choice(["stdio", "http", "sse"]), default="stdio", show_default=True, help="How to serve."
)
@click.option("--host", metavar="ADDRESS", help="Where to listen, over HTTP.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="The port, over HTTP.  [default: 8787]")
@click.option("--no-auth", is_flag=True, help="Serve HTTP without authentication; on this machine only.")
@backend_options
def serve(
    *,
    flags: dict[str, object],
    transport: str = "stdio",
    host: str | None = None,
    port: int | None = None,
    no_auth: bool = False,
) -> None:
    """Serve MCP: over stdio for a client on this machine, or over HTTP.

    Over HTTP one port answers both streamable HTTP, at /mcp, and SSE, at /sse.
    """
    import anyio

    from runloop_mcp.cli.settings import load_settings
    from runloop_mcp.cli.wiring import serve_over_http, serve_over_stdio

    if transport == "stdio":
        if host is not None or port is not None:
            raise click.UsageError("--host and --port need --transport http or sse.")
        settings = load_settings(**flags)
        if sys.stdin.isatty():
            click.echo(_ON_A_TERMINAL, err=True)
        anyio.run(serve_over_stdio, settings)
        return
    if not no_auth:
        raise InvalidRequest(
            "Serving over HTTP with authentication comes in a later version.",
            hint="Serve this machine only, without it: runloop-mcp serve --transport http --no-auth.",
        )
    anyio.run(serve_over_http, load_settings(**flags, host=host, port=port))
