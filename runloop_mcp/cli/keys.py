"""`runloop-mcp keys create|list|mint|tokens|revoke`: what clients of a server over HTTP prove themselves with."""

from collections.abc import Sequence
from pathlib import Path

import anyio
import click

from runloop_mcp.api.access import Role
from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.key import KeyView, NewKey
from runloop_mcp.api.models.run_token import RunTokenView
from runloop_mcp.cli.options import json_option, state_option
from runloop_mcp.cli.run_tokens import mint_command, tokens_command
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import print_json, print_table, say, utc_time
from runloop_mcp.cli.wiring import keyring_of

_ONCE = """\
This is the only time that the key is shown: only a hash of it is kept. Clients send it as a header:
  Authorization: Bearer KEY
"""
_AFTERWARDS = f"""\
{_ONCE}\
Runloop's own SDKs take it from the environment: RUNLOOP_API_KEY=KEY RUNLOOP_BASE_URL=http://127.0.0.1:8787
Serve with: runloop-mcp serve --transport http"""
_AFTERWARDS_SOLVER = f"""\
{_ONCE}\
Serve with: runloop-mcp serve --transport http; a solver's client connects to http://127.0.0.1:8787/mcp"""


@click.group()
def keys() -> None:
    """Make, list and revoke the keys of clients over HTTP."""


keys.add_command(mint_command)
keys.add_command(tokens_command)


@keys.command("create", short_help="Make a key, and print it once.")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.OPERATOR.value,
    show_default=True,
    help="What whoever has it is: an operator, who sets tasks, or a solver, who is given some.",
)
@state_option
@json_option
def create_command(*, state_dir: Path | None, name: str, role: str, as_json: bool) -> None:
    """Make a key, and print it once.

    NAME tells people what it is for. An operator has all of Runloop's API at /v1 and runs commands on devboxes. A
    solver starts runs over MCP, and knows of no runs but its own; /v1 is closed to it.
    """
    made = anyio.run(_create, load_settings(state_dir=state_dir), name, Role(role))
    if as_json:
        print_json(made)
        return
    click.echo(made.key)
    say(_AFTERWARDS if made.role == Role.OPERATOR else _AFTERWARDS_SOLVER)


async def _create(settings: Settings, name: str, role: Role) -> NewKey:
    return await (await keyring_of(settings)).create(name, role)


@keys.command("list")
@state_option
@json_option
def list_command(*, state_dir: Path | None, as_json: bool) -> None:
    """The keys, newest first: names and times, never the keys themselves."""
    found = anyio.run(_list, load_settings(state_dir=state_dir))
    if as_json:
        print_json(found)
        return
    if not found:
        say("There are no keys. Make one with: runloop-mcp keys create NAME")
        return
    rows = [
        (
            key.name,
            key.role,
            key.id,
            utc_time(key.create_time_ms),
            utc_time(key.last_used_ms),
            utc_time(key.revoke_time_ms),
        )
        for key in found
    ]
    print_table(("name", "role", "id", "made (UTC)", "last used (UTC)", "revoked (UTC)"), rows)


async def _list(settings: Settings) -> Sequence[KeyView]:
    return await (await keyring_of(settings)).list()


@keys.command("revoke", short_help="Make a key useless, or the token of a run.")
@click.argument("key", metavar="NAME|ID")
@state_option
@json_option
def revoke_command(*, state_dir: Path | None, key: str, as_json: bool) -> None:
    """Make a key useless, or the token of a run by its id.

    With a key go the tokens of runs that it has minted. Servers that are running refuse them within about a second, and
    end the streams that were opened with them a moment later.
    """
    revoked = anyio.run(_revoke, load_settings(state_dir=state_dir), key)
    if as_json:
        print_json(revoked)
        return
    named = revoked.name if isinstance(revoked, KeyView) else revoked.id
    say(f"{named} is revoked. Servers that are running refuse it within about a second, and end its streams.")


async def _revoke(settings: Settings, key: str) -> KeyView | RunTokenView:
    keyring = await keyring_of(settings)
    is_token = key.startswith(f"{IdPrefix.RUN_TOKEN}_")
    return await (keyring.run_tokens.revoke(key) if is_token else keyring.revoke(key))
