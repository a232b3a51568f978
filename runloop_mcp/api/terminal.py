"""What a terminal would show of a command's output, as plain text: no escapes, each line in its last state.

Models read this; the output itself is kept as it came. A line that was written over, as progress bars are, stays as it
looked in the end. Where a terminal would show gaps or lose what was there, as on a cleared screen, the text is kept.
Works in linear time, and gives no more characters than it takes.
"""

import re
from typing import Final

_COLOURS: Final = re.compile("\x1b\\[[0-9;:]*m")
_ESCAPE: Final = re.compile(
    r"""
    \x1b\[ [0-?]* [ -/]* [@-~]?                             # cursor moves, erasing, modes; also an unfinished one
    | \x1b [\]PX^_] [^\x07\x1b\n]* (?: \x07 | \x1b\\ )?     # window titles, links, strings for the terminal itself
    | \x1b [ -/]* [0-~]?                                    # short escapes
    """,
    re.VERBOSE,
)
_MOVES: Final = frozenset("ABCDEFGHJKf")
"""The last characters of the escapes that say where text goes."""
_SILENT: Final = {ord(character): None for character in "\x07\x0e\x0f"} | {0x0B: "\n", 0x0C: "\n"}
"""What shows nothing, and what goes to the next line."""
_MOVING: Final = re.compile("[\r\b\x1b]")
_PIECE: Final = re.compile(r"[^\r\x08\x1b]+|[\r\x08]|\x1b\[[0-?]*[ -/]*[@-~]")
_UNFINISHED: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b\n\ufffd]*\x1b?|[ -/]*)\Z")
_LONGEST_ESCAPE: Final = 256
_LONGEST_NUMBER: Final = 4


def displayed(text: str) -> str:
    """The text as a terminal would show it in the end."""
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
        text = _ESCAPE.sub(_kept, text)
    text = text.translate(_SILENT).replace("\r\n", "\n")
    if not _MOVING.search(text):
        return text
    screen = _Screen()
    for number, line in enumerate(text.split("\n")):
        if number:
            screen.next_line()
        if _MOVING.search(line):
            for piece in _PIECE.findall(line):
                screen.take(piece)
        elif line:
            screen.write(line)
    return screen.text()


def unfinished(text: str) -> int:
    """How many characters at the end may be the beginning of an escape, better read together with what follows."""
    found = _UNFINISHED.search(text, max(len(text) - _LONGEST_ESCAPE, 0))
    return len(text) - found.start() if found else 0


def _kept(escape: "re.Match[str]") -> str:
    found = escape[0]
    return found if found[1:2] == "[" and len(found) > 2 and found[-1] in _MOVES else ""


class _Screen:
    """Lines as long as they come, and a cursor. Nothing is padded by more than one space."""

    def __init__(self) -> None:
        self._lines: list[str | list[str]] = [""]
        self._row = 0
        self._column = 0

    def text(self) -> str:
        """All lines."""
        return "\n".join(line if isinstance(line, str) else "".join(line) for line in self._lines)

    def next_line(self) -> None:
        """Goes to the beginning of the next line."""
        self._row += 1
        self._column = 0
        if self._row == len(self._lines):
            self._lines.append("")

    def write(self, text: str) -> None:
        """Writes over what stands at the cursor."""
        if not self._column and not self._lines[self._row]:
            self._lines[self._row] = text
        else:
            cells = self._cells()
            if self._column > len(cells):
                cells += " " if cells else ""
                self._column = len(cells)
            cells[self._column : self._column + len(text)] = text
        self._column += len(text)

    def take(self, piece: str) -> None:
        """Takes text, a carriage return, a backspace or an escape that moves or erases."""
        if piece == "\r":
            self._column = 0
        elif piece == "\b":
            self._column = max(self._column - 1, 0)
        elif piece[0] != "\x1b":
            self.write(piece)
        elif piece[-1] in "JK":
            self._erase(piece[-1], piece[2:-1])
        else:
            self._move(piece[-1], _number(piece[2:-1]))

    def _cells(self) -> list[str]:
        line = self._lines[self._row]
        if isinstance(line, str):
            line = self._lines[self._row] = list(line)
        return line

    def _erase(self, what: str, how: str) -> None:
        """Erases the line, or what comes after the cursor; a screen that is cleared keeps what it showed."""
        if how in {"", "0"}:
            if self._column < len(self._lines[self._row]):
                del self._cells()[self._column :]
            if what == "J":
                del self._lines[self._row + 1 :]
        elif how == "2" and what == "K":
            self._lines[self._row] = ""
            self._column = 0

    def _move(self, how: str, steps: int) -> None:
        match how:
            case "A" | "F":
                self._row = max(self._row - steps, 0)
            case "B" | "E":
                self._row = min(self._row + steps, len(self._lines) - 1)
            case "C":
                self._column += steps
            case "D":
                self._column = max(self._column - steps, 0)
            case "G":
                self._column = steps - 1
            case _:  # to a place of the screen: what stands there has been shown
                self._row = len(self._lines) - 1
                if self._lines[self._row]:
                    self.next_line()
        if how in "EF":
            self._column = 0


def _number(parameters: str) -> int:
    digits = parameters.partition(";")[0]
    return max(int(digits[:_LONGEST_NUMBER]), 1) if digits.isdigit() else 1
