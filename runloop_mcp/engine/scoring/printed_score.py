"""Reads the score that a script prints.

The last line of the form `score=<number>` is the score; where there is none, the last line that is not empty has to be
a number. Nothing is clamped: a number outside 0..1 means that the script is wrong, and a wrong script must not pass.
"""

import math
import re

_LONGEST_LINE = 4096
"""No line that says a score is longer than this many bytes, so that a reader's memory is bounded."""

_SHOWN = 80
"""How many characters of a line an error message quotes."""

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?i:nan|inf|infinity)"
_BARE = re.compile(_NUMBER)
_NAMED = re.compile(rf"score=({_NUMBER})")
_LINE_END = re.compile(rb"[\r\n]")
_TERMINAL_CODE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours and cursor moves
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # window titles and links
    r"|\x1b[ -/]*[0-Z\\^-~]"  # everything of two or three characters
)


class NoPrintedScore(ValueError):
    """No score can be read from what a script printed; the message says why, in a sentence."""


class PrintedScore:
    """Reads a score from output that comes in pieces of any size, in bounded memory."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._named: str | None = None
        self._last: str | None = None

    def feed(self, data: bytes) -> None:
        """Takes the next piece of output."""
        *lines, rest = _LINE_END.split(data)
        for line in lines:
            self._add(line)
            self._end_line()
        self._add(rest)

    def score(self) -> float:
        """The score, once all output was fed.

        Raises:
            NoPrintedScore: There is none, or it is no number in 0..1.
        """
        self._end_line()
        if self._named is not None:
            return _in_range(self._named)
        if self._last is None:
            raise NoPrintedScore("The script printed nothing. Its last line has to be score=<number>, from 0 to 1.")
        if not _BARE.fullmatch(self._last):
            raise NoPrintedScore(
                f"The script printed no score: its last line is {_quoted(self._last)}, where score=<number> or a bare "
                "number from 0 to 1 is expected."
            )
        return _in_range(self._last)

    def _add(self, part: bytes) -> None:
        # One byte more than the longest line is kept, so that a longer one is known as such.
        self._line += part[: _LONGEST_LINE + 1 - len(self._line)]

    def _end_line(self) -> None:
        line = _TERMINAL_CODE.sub("", self._line.decode(errors="replace")).strip()
        too_long = len(self._line) > _LONGEST_LINE
        self._line.clear()
        if not line:
            return
        self._last = line + ("…" if too_long else "")
        if named := _NAMED.fullmatch(self._last):
            self._named = named[1]


def parse_printed_score(output: bytes) -> float:
    """The score that this output says.

    Raises:
        NoPrintedScore: There is none, or it is no number in 0..1.
    """
    reader = PrintedScore()
    reader.feed(output)
    return reader.score()


def _in_range(number: str) -> float:
    value = float(number)
    if math.isnan(value):
        raise NoPrintedScore("The script printed a score that is not a number (NaN). It has to be from 0 to 1.")
    if not 0 <= value <= 1:
        raise NoPrintedScore(f"The script printed the score {_quoted(number)}. It has to be from 0 to 1.")
    return abs(value)  # -0 is 0


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
