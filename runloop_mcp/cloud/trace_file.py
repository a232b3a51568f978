"""The record of one run in a file: an event on each line, in order."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from runloop_mcp.api.trace import EventKind, RunEvent

MOST_BYTES: Final = 16 << 20
"""A record that has grown larger loses its older half."""


def append(path: Path, event: RunEvent) -> RunEvent:
    """Adds an event at the end, with its place in the record, as servers side by side may."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _held(path) as descriptor:
        last = _last(path)
        placed = event.model_copy(update={"sequence": last + 1})
        # Half of a surrogate pair is no character, and would keep everyone from reading the record.
        line = json.dumps(placed.model_dump(exclude={"run_id"}), ensure_ascii=True) + "\n"
        os.write(descriptor, line.encode())
        if os.fstat(descriptor).st_size > MOST_BYTES:
            _shorten(path, descriptor)
    return placed


def read(path: Path, run_id: str, after: int) -> list[RunEvent]:
    """The events past a place, in order; of an execution that has ended, only its end."""
    events = [_event(run_id, fields) for fields in _lines(path) if fields["sequence"] > after]
    ended = {
        event.data.get("execution_id")
        for event in events
        if event.kind == EventKind.EXECUTION and event.data.get("status") == "completed"
    }
    return [event for event in events if not _is_over(event, ended)]


def end(path: Path) -> int:
    """The place of the last event; 0 where there is none."""
    return _last(path)


def _event(run_id: str, fields: dict[str, Any]) -> RunEvent:
    event = RunEvent(run_id=run_id, **fields)
    if event.kind in set(EventKind):
        event.kind = EventKind(event.kind)
    return event


def _is_over(event: RunEvent, ended: set[object]) -> bool:
    under_way = event.kind == EventKind.EXECUTION and event.data.get("status") != "completed"
    return under_way and event.data.get("execution_id") in ended


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for line in content.splitlines():
        try:
            fields = json.loads(line)
        except ValueError:
            continue  # a line that was cut by a full disk
        if isinstance(fields, dict) and isinstance(fields.get("sequence"), int):
            yield fields


def _last(path: Path) -> int:
    if not path.exists():
        return 0
    with path.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
        tail = file.read()
    for line in reversed(tail.splitlines()):
        try:
            return int(json.loads(line)["sequence"])
        except (ValueError, KeyError, TypeError):
            continue
    return max((fields["sequence"] for fields in _lines(path)), default=0)


_TAIL: Final = 1 << 16


def _shorten(path: Path, descriptor: int) -> None:
    content = path.read_bytes()
    kept = content[len(content) // 2 :]
    kept = kept[kept.index(b"\n") + 1 :]
    os.ftruncate(descriptor, 0)
    os.write(descriptor, kept)


@contextmanager
def _held(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
