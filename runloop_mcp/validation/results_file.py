"""Verdicts in a file, a line of JSON each, so that a long validation can be broken off and gone on with."""

import fcntl
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from runloop_mcp.api.errors import Conflict, InvalidRequest
from runloop_mcp.validation.verdicts import Validation, Verdict


@dataclass(frozen=True, slots=True)
class KeptVerdict:
    """A line of the file."""

    content_hash: str
    """Names exactly what was validated: scenario, environment, scorers, and the version of this program. Empty where
    that could not be told."""
    repeat: int
    cheats: list[str]
    """What was tried."""
    validation: Validation

    def answers(self, content_hash: str, *, repeat: int, cheats: Collection[str]) -> bool:
        """Whether nothing new could come of validating this again."""
        settled = self.validation.verdict in (Verdict.VALID, Verdict.INVALID)
        enough = self.repeat >= repeat and set(cheats) <= set(self.cheats)
        return settled and enough and bool(content_hash) and self.content_hash == content_hash


_LINE = TypeAdapter(KeptVerdict)
_BEGINNING = b'{"content_hash":'
"""How every line begins, so that a file of somebody else's is never taken for one that a crash tore."""


class ResultsFile:
    """The verdicts so far; entered by one process at a time. Later lines on a scenario replace earlier ones."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[str, KeptVerdict] = {}
        self._file: BinaryIO

    def __enter__(self) -> Self:
        """Reads what is there, without a line that a killed process left unfinished.

        Raises:
            InvalidRequest: The file can't be read and written, or holds something else.
            Conflict: Another process writes to it.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
        except OSError as error:
            raise InvalidRequest(
                f"The file for results can't be opened: {error.strerror}: {self.path}.", hint="Give another --results."
            ) from error
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def verdict(
        self, scenario_id: str, content_hash: str, *, repeat: int, cheats: Collection[str]
    ) -> Validation | None:
        """The verdict on a scenario that is as it was when that was found, from at least this much."""
        kept = self._kept.get(scenario_id)
        return kept.validation if kept and kept.answers(content_hash, repeat=repeat, cheats=cheats) else None

    def keep(self, verdict: KeptVerdict) -> None:
        """Adds a verdict."""
        self._kept[verdict.validation.scenario_id] = verdict
        self._file.write(_LINE.dump_json(verdict) + b"\n")
        self._file.flush()

    def _read(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"Another validation writes to {self.path}.", hint="Wait for it, or give another --results."
            ) from None
        self._file.seek(0)
        data = self._file.read()
        *lines, unfinished = data.split(b"\n")
        for number, line in enumerate(lines, start=1):
            try:
                kept = _LINE.validate_json(line)
            except ValidationError:
                raise self._foreign(number) from None
            self._kept[kept.validation.scenario_id] = kept
        if not (unfinished.startswith(_BEGINNING) or _BEGINNING.startswith(unfinished)):
            raise self._foreign(len(lines) + 1)
        self._file.truncate(len(data) - len(unfinished))

    def _foreign(self, number: int) -> InvalidRequest:
        return InvalidRequest(
            f"Line {number} of {self.path} is no verdict of a validation.",
            hint="Give --results a file that validate wrote, or one that is not there yet.",
        )
