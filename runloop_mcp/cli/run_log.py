"""`runloop-mcp runs log`: what happened in a run, in order."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
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
from runloop_mcp.server.printable import printable
from runloop_mcp.server.rendering.quantities import amount, score_text, span

_ENDED = frozenset({RunState.COMPLETED, RunState.CANCELED, RunState.TIMEOUT, RunState.FAILED})
_LOOK_SECONDS = 1.0
"""How long it waits for an event before it looks whether the run has ended."""
_LINE = 200
"""Characters of what a line tells; `--json` tells all."""
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
    moment = datetime.fromtimestamp(event.time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    kind = click.style(f"{event.kind:<9}", **_STYLES.get(str(event.kind), {}))
    return f"{moment}  {kind}  {_one_line(_told(event), _LINE)}"


def _one_line(text: str, limit: int) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _told(event: RunEvent) -> str:
    """What an event tells, in a few words."""
    telling = _TELLING.get(str(event.kind))
    return telling(event.data) if telling else json.dumps(event.data)


_Data = Mapping[str, Any]


def _state(data: _Data) -> str:
    if data.get("move") == "start":
        return f"{data.get('state')}, attempt {data.get('attempt')} at {data.get('scenario')}"
    return f"{data.get('state')}{_reason(data)}"


def _devbox(data: _Data) -> str:
    how = {"launched": "launched", "again": "booted again"}.get(data.get("how", ""))
    return f"{how} in {_span(data)}" if how else f"{data.get('status')}{_reason(data)}"


def _queue(data: _Data) -> str:
    return f"place {data['place']} of {data.get('length')}" if data.get("place") else "its turn has come"


def _call(data: _Data) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in data.get("arguments", {}).items())
    outcome = f"failed: {data['error']}" if "error" in data else data.get("outcome")
    return f"{data.get('tool')}({_one_line(given, _LINE // 2)}) {outcome}, {_span(data)}"


def _execution(data: _Data) -> str:
    if "exit_status" not in data:
        return f"{data.get('status')}: {data.get('command')}"
    size = data.get("stdout_bytes", 0) + data.get("stderr_bytes", 0)
    ended = f"exit status {data['exit_status']} in {_span(data)}, {amount(size, 'byte')}"
    return f"{data.get('execution_id')} {ended}: {data.get('command')}"


def _score(data: _Data) -> str:
    each = ", ".join(f"{one.get('name')} {score_text(one.get('score', 0))}" for one in data.get("functions", ()))
    return f"{score_text(data.get('score', 0))} ({each})"


def _rescore(data: _Data) -> str:
    contract = "the same contract" if data.get("same_contract") else "another contract"
    return f"{_score(data)} with {contract}, by {data.get('principal')}; the run's score stays"


_TELLING: dict[str, Callable[[_Data], str]] = {
    EventKind.STATE: _state,
    EventKind.DEVBOX: _devbox,
    EventKind.QUEUE: _queue,
    EventKind.CALL: _call,
    EventKind.EXECUTION: _execution,
    EventKind.FILE: lambda data: f"{data.get('path')}, {amount(data.get('bytes', 0), 'byte')}",
    EventKind.SCORING: lambda data: f"{amount(data.get('functions', 0), 'function')}, {data.get('mode')}",
    EventKind.SCORE: _score,
    EventKind.RESCORE: _rescore,
    EventKind.NOTE: lambda data: str(data.get("text")),
}


def _reason(data: _Data) -> str:
    return f": {data['reason']}" if data.get("reason") else ""


def _span(data: _Data) -> str:
    return span((data.get("duration_ms") or 0) / 1000)
