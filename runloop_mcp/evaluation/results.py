"""What an evaluation is and what its attempts gave, on disk: a record, and one line of JSON for each attempt."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from runloop_mcp.api.errors import Conflict, InvalidRequest


class AttemptKey(NamedTuple):
    """Which attempt: there is one result for each."""

    scenario_id: str
    number: int
    """From 1."""


class Kept(BaseModel):
    """What is kept on disk; fields that are not known are ignored, for files of later versions."""

    model_config = ConfigDict(defer_build=True)


class AttemptResult(Kept):
    """What came of an attempt."""

    eval_id: str
    scenario: str
    """The scenario's name."""
    scenario_id: str
    attempt: int
    """From 1."""
    run_id: str = ""
    """Empty where no run could be started."""
    model: str | None = None
    state: str
    """The run's state in the end: `completed` where it has a score."""
    score: float | None = None
    counted: bool
    """Whether it counts: what broke for a reason that is not the agent's says nothing about the agent."""
    seconds: float | None = None
    """How long the agent worked."""
    agent_exit_status: int | None = None
    """Null where its time ran out, and where nobody saw it end."""
    agent_timed_out: bool = False
    error: str | None = None
    """Why there is no score, or what else went wrong."""
    logs: str = ""
    """The folder with what the agent printed."""

    @property
    def key(self) -> AttemptKey:
        """Which attempt this is the result of."""
        return AttemptKey(self.scenario_id, self.attempt)

    @property
    def value(self) -> float:
        """The score that it counts with: an agent that gave up, or let its time run out, has 0."""
        return self.score or 0.0


class EvalRecord(Kept):
    """What an evaluation was started with, kept beside what its agents print."""

    eval_id: str
    output: str
    """The file with the results."""
    agent: str
    model: str | None = None
    attempts: int = 1
    scenarios: list[str] = []
    timeout_seconds: float
    pass_mark: float = 1.0


class AgentEnd(Kept):
    """How an agent ended, kept so that its work is scored though nobody was there any more to have it scored."""

    run_id: str
    seconds: float
    exit_status: int | None = None
    timed_out: bool = False


K = TypeVar("K", bound=Kept)


def write_record(path: Path, record: Kept) -> None:
    """Keeps a record, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(record.model_dump_json(indent=2) + "\n")
    beside.replace(path)


def read_record(path: Path, kind: type[K]) -> K | None:
    """A record that was kept; None where there is none that can be read."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


class ResultsFile:
    """The results of an evaluation, one line of JSON for each attempt; entered by one process at a time.

    Entering it drops what need not be kept: a line that a killed process left unfinished, and results that do not
    count, whose attempts are then made again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results: dict[AttemptKey, AttemptResult] = {}
        self._file: BinaryIO

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+b")
        try:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    f"Another evaluation is writing to {self.path}.", hint="Wait for it, or name another --output."
                ) from None
            self._file.seek(0)
            found = parse(self._file.read(), self.path)
            self.results = {result.key: result for result in found if result.counted}
            self._rewrite()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, result: AttemptResult) -> None:
        """Appends a result; it is on the disk when this returns."""
        self.results[result.key] = result
        self._file.write(_line(result))
        self._file.flush()
        os.fsync(self._file.fileno())

    def _rewrite(self) -> None:
        """Leaves out what is not kept, by a new file that takes the old one's name and lock."""
        kept = b"".join(_line(result) for result in self.results.values())
        self._file.seek(0)
        if self._file.read() == kept:
            return
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        beside.write_bytes(kept)
        old, self._file = self._file, beside.open("a+b")
        with old:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            beside.replace(self.path)


def parse(data: bytes, path: Path) -> list[AttemptResult]:
    """The results in a file; of an attempt with several lines the last counts. A last line without its end is dropped.

    Raises:
        InvalidRequest: It holds something else.
    """
    found: dict[AttemptKey, AttemptResult] = {}
    *lines, unfinished = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            result = AttemptResult.model_validate_json(line)
        except ValidationError:
            raise _foreign(path, number) from None
        found[result.key] = result
    if not (unfinished.startswith(_BEGINNING) or _BEGINNING.startswith(unfinished)):
        raise _foreign(path, len(lines) + 1)
    return list(found.values())


_BEGINNING = b'{"eval_id":'
"""How every line begins, so that a file of somebody else's is never taken for one that a crash tore."""


def _foreign(path: Path, number: int) -> InvalidRequest:
    return InvalidRequest(
        f"Line {number} of {path} is no result of an evaluation.", hint="Name another file with --output."
    )


def _line(result: AttemptResult) -> bytes:
    return result.model_dump_json().encode() + b"\n"
