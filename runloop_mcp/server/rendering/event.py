"""Events of a run's record, each in a line."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from runloop_mcp.api.trace import EventKind, RunEvent
from runloop_mcp.server.printable import printable
from runloop_mcp.server.rendering.quantities import amount, score_text, span

_LINE: Final = 200
"""Characters of what a line tells."""


def event_time(event: RunEvent) -> str:
    """When it was recorded, in UTC, to the millisecond."""
    return datetime.fromtimestamp(event.time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def event_line(event: RunEvent) -> str:
    """An event whole: its number, when, what kind, and what it tells."""
    return f"{event.sequence} {event_time(event)} {event.kind}: {event_text(event)}"


def event_text(event: RunEvent) -> str:
    """What an event tells, in a few words."""
    return _one_line(_told(event), _LINE)


def _one_line(text: str, limit: int) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _told(event: RunEvent) -> str:
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
