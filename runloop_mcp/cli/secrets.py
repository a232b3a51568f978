"""`runloop-mcp secrets set|list|delete`. A value comes from a prompt or from stdin, and goes nowhere else."""

import sys
from datetime import UTC, datetime

import anyio
import click
from pydantic import SecretStr

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.base import PageParams
from runloop_mcp.api.models.secret import SecretCreateParams, SecretUpdateParams, SecretView, refuse_bad_secret_name
from runloop_mcp.cli.options import backend_options, json_option
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import print_json, print_table, say
from runloop_mcp.cli.wiring import backend_for

_PAGE = 1000


@click.group()
def secrets() -> None:
    """Set, list and delete values that runs get by name."""


@secrets.command("set", short_help="Keep a secret: a new one, or a new value for one.")
@click.argument("name")
@click.argument("rest", nargs=-1, metavar="")
@backend_options
def set_command(*, flags: dict[str, object], name: str, rest: tuple[str, ...]) -> None:
    """Keep a secret: a new one, or a new value for one.

    The value is asked for without showing it, or read from stdin, less one line end: runloop-mcp secrets set NAME <
    file. It is never an argument, which other users of the machine can see.
    """
    if rest or "=" in name:
        # Without what was given: it holds the value.
        raise InvalidRequest(
            "A value is no argument: other users of the machine can see those, and shells keep them.",
            hint="Give the name alone; the value is asked for, or read from stdin. Replace the one given away.",
        )
    refuse_bad_secret_name(name)
    settings = load_settings(**flags)
    added = anyio.run(_set, settings, name, SecretStr(_value(name)))
    say(f"{'Set' if added else 'Replaced the value of'} {name}. Runs get it when they bind a variable to that name.")


def _value(name: str) -> str:
    if sys.stdin is None:
        raise InvalidRequest("There is no stdin to read the value from.", hint="Pipe the value in.")
    if sys.stdin.isatty():
        return str(click.prompt(f"Value of {name}", hide_input=True, err=True))
    try:
        value = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise InvalidRequest("The value is no UTF-8 text.", hint="Encode it, in base 64 for example.") from None
    return value.removesuffix("\n").removesuffix("\r")


async def _set(settings: Settings, name: str, value: SecretStr) -> bool:
    """Whether the secret is a new one."""
    async with backend_for(settings) as backend:
        try:
            await backend.secrets.update(name, SecretUpdateParams(value=value))
        except NotFound:
            await backend.secrets.create(SecretCreateParams(name=name, value=value))
            return True
        return False


@secrets.command("list")
@backend_options
@json_option
def list_command(*, flags: dict[str, object], as_json: bool) -> None:
    """The secrets that are kept: names and times, never values."""
    found = anyio.run(_list, load_settings(**flags))
    if as_json:
        print_json(found)
        return
    if not found:
        say("There are no secrets. Set one with: runloop-mcp secrets set NAME")
        return
    rows = [(each.name, _time(each.create_time_ms), _time(each.update_time_ms)) for each in found]
    print_table(("name", "set (UTC)", "value of (UTC)"), rows)


async def _list(settings: Settings) -> list[SecretView]:
    found: list[SecretView] = []
    params = PageParams(limit=_PAGE)
    async with backend_for(settings) as backend:
        while True:
            page = await backend.secrets.list(params)
            found += page.items
            if not page.has_more or not page.items:
                return found
            params = PageParams(limit=_PAGE, starting_after=page.items[-1].id)


@secrets.command("delete")
@click.argument("name")
@backend_options
def delete_command(*, flags: dict[str, object], name: str) -> None:
    """Delete a secret and its value. Devboxes that have it keep it until they end."""
    deleted = anyio.run(_delete, load_settings(**flags), name)
    say(f"Deleted {deleted.name}.")


async def _delete(settings: Settings, name: str) -> SecretView:
    async with backend_for(settings) as backend:
        return await backend.secrets.delete(name)


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
