"""`runloop-mcp keys mint|tokens`: what an operator hands to the solver of one run."""

from collections.abc import Sequence
from pathlib import Path

import anyio
import click

from runloop_mcp.api.errors import InvalidState
from runloop_mcp.api.models.run import RunState
from runloop_mcp.api.models.run_token import NewRunToken, RunTokenView
from runloop_mcp.api.models.scoring import Disclosure
from runloop_mcp.cli.options import backend_options, json_option, state_option
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import print_json, print_table, say, utc_time
from runloop_mcp.cli.wiring import backend_for, keyring_of, mcp_url
from runloop_mcp.server.surface import SOLVERS_TOOLS

_GOING_ON = (RunState.RUNNING, RunState.SCORING, RunState.SCORED)


@click.command("mint", short_help="Make a token that opens one run to its solver.")
@click.argument("run_id")
@click.option("--hours", type=click.FloatRange(0.02, 168), default=24.0, show_default=True, help="Its life at most.")
@click.option(
    "--tool",
    "tools",
    metavar="NAME",
    multiple=True,
    help="A tool that it opens, repeatable.  [default: all that a solver has]",
)
@click.option(
    "--disclosure",
    type=click.Choice([level.value for level in Disclosure]),
    help="The most that its solver learns of the score; never more than the scenario discloses.",
)
@backend_options
@json_option
def mint_command(
    *,
    flags: dict[str, object],
    run_id: str,
    hours: float,
    tools: tuple[str, ...],
    disclosure: str | None,
    as_json: bool,
) -> None:
    """Make a token that opens one run to its solver, and nothing else; and print it once.

    It ends with its time, 15 minutes after its run, or with: runloop-mcp keys revoke ID.
    """
    if unknown := sorted(set(tools) - set(SOLVERS_TOOLS)):
        raise click.UsageError(f"Solvers have no tool {unknown[0]!r}; they have {', '.join(SOLVERS_TOOLS)}.")
    settings = load_settings(**flags)
    level = Disclosure(disclosure) if disclosure else None
    made = anyio.run(_mint, settings, run_id, hours * 3600, list(tools) or None, level)
    if as_json:
        print_json(made)
        return
    click.echo(made.token)
    say(
        "This is the only time that the token is shown: only a hash of it is kept. The solver's client connects to\n"
        f"  {mcp_url(settings)}\n"
        "with the header\n"
        "  Authorization: Bearer TOKEN\n"
        f"It reaches run {made.run_id} alone, until {utc_time(made.expire_time_ms)} UTC or 15 minutes after the run.\n"
        f"End it early with: runloop-mcp keys revoke {made.id}"
    )


async def _mint(
    settings: Settings, run_id: str, seconds: float, tools: list[str] | None, disclosure: Disclosure | None
) -> NewRunToken:
    async with backend_for(settings, looks_after_runs=False) as backend:
        run = await backend.runs.retrieve(run_id)
    if run.state not in _GOING_ON:
        raise InvalidState(f"Run {run.id} has ended: it is {run.state}.", hint="A token would end with it.")
    keyring = await keyring_of(settings)
    return await keyring.run_tokens.mint(run.id, seconds=seconds, tools=tools, disclosure=disclosure)


@click.command("tokens", short_help="The tokens of runs, newest first.")
@click.argument("run_id", required=False)
@state_option
@json_option
def tokens_command(*, state_dir: Path | None, run_id: str | None, as_json: bool) -> None:
    """The tokens of all runs or of one, newest first: never the tokens themselves."""
    found = anyio.run(_list, load_settings(state_dir=state_dir), run_id)
    if as_json:
        print_json(found)
        return
    if not found:
        say("There are no tokens of runs. Make one with: runloop-mcp keys mint RUN_ID")
        return
    print_table(
        ("id", "run", "made by", "good until (UTC)", "revoked (UTC)"),
        [
            (each.id, each.run_id, each.made_by, utc_time(each.expire_time_ms), utc_time(each.revoke_time_ms))
            for each in found
        ],
    )


async def _list(settings: Settings, run_id: str | None) -> Sequence[RunTokenView]:
    return await (await keyring_of(settings)).run_tokens.list(run_id)
