"""`runloop-mcp runs log`: what happened in a run, in order."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import click

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.run import RunState
from runloop_mcp.api.trace import EventKind, RunEvent
from runloop_mcp.cli.options import backend_options, json_option
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import print_json, say
from runloop_mcp.cli.wiring import backend_for
from runloop_mcp.server.rendering.event import event_text, event_time
from runloop_mcp.server.rendering.quantities import amount

_ENDED = frozenset({RunState.COMPLETED, RunState.CANCELED, RunState.TIMEOUT, RunState.FAILED})
_LOOK_SECONDS = 1.0
"""How long it waits for an event before it looks whether the run has ended."""
_STYLES: dict[str, dict[str, Any]] = {
    EventKind.STATE: {"bold": True},
    EventKind.SCORE: {"bold": True},
    EventKind.NOTE: {"fg": "yellow"},
    EventKind.CALL: {"fg": "cyan"},
}


@click.command("log", short_help="What happened in a run: calls, commands, files, states, score.")
@click.argument("run_id")
@click.option("--follow", "-f", is_flag=True, help="Go on as it happens, until the run has ended.")
@click.option(
    "--zip",
    "archive",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write all there is to a zip file instead: the record, outputs of commands, the score, the task.",
)
@backend_options
@json_option
def log_command(*, flags: dict[str, object], run_id: str, follow: bool, archive: Path | None, as_json: bool) -> None:
    """What happened in a run, in order; with --json as JSON lines.

    Values of secrets are covered, and long texts are cut. Outputs of commands are in the zip file.
    """
    if archive is None:
        anyio.run(_print, load_settings(**flags), run_id, follow, as_json)
        return
    if follow:
        raise click.UsageError("--follow and --zip can't go together.")
    size = anyio.run(_archive, load_settings(**flags), run_id, archive.absolute())
    if as_json:
        print_json({"file": str(archive), "bytes": size})
    else:
        say(f"Wrote {archive} ({amount(size, 'byte')}).")


async def _archive(settings: Settings, run_id: str, target: Path) -> int:
    async with backend_for(settings, looks_after_runs=False) as backend:
        return await backend.runs.download_logs(run_id, target)


async def _print(settings: Settings, run_id: str, follow: bool, as_json: bool) -> None:
    async with backend_for(settings, looks_after_runs=False) as backend:
        async for event in _events(backend, run_id, follow=follow):
            click.echo(event.model_dump_json() if as_json else _line(event))


async def _events(backend: Backend, run_id: str, *, follow: bool) -> AsyncIterator[RunEvent]:
    after = 0
    while True:
        found = await backend.trace.events(run_id, after=after, wait_seconds=_LOOK_SECONDS if follow else 0)
        for event in found:
            yield event
            after = event.sequence
        if not found and (not follow or (await backend.runs.retrieve(run_id)).state in _ENDED):
            return


def _line(event: RunEvent) -> str:
    kind = click.style(f"{event.kind:<9}", **_STYLES.get(str(event.kind), {}))
    return f"{event_time(event)}  {kind}  {event_text(event)}"
