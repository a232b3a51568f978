"""Text files of a scenario's folder, and nothing outside it."""

import os
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 4 * 1024 * 1024

_OUTSIDE = "{!r} leads out of the scenario's folder; copy the file into it"


class TextFileError(Exception):
    """Why a file can't be read, in words for its author."""


@dataclass(frozen=True, slots=True)
class FolderTexts:
    """Reads the text files of one folder."""

    folder: Path

    def read(self, name: str) -> str:
        """The text of a file, by its path relative to the folder.

        Raises:
            TextFileError: It is not there, leads out of the folder, or is no text.
        """
        return decode(self._resolve(name), name)

    def _resolve(self, name: str) -> Path:
        if not name.strip():
            raise TextFileError("the name of a file is missing; give a path relative to the scenario's folder")
        if Path(name).is_absolute() or os.path.normpath(name).split("/")[0] == "..":
            raise TextFileError(_OUTSIDE.format(name))
        try:
            root = self.folder.resolve(strict=True)
            path = (self.folder / name).resolve(strict=True)
        except FileNotFoundError:
            raise TextFileError(f"there is no file {name!r} in the scenario's folder") from None
        except (OSError, ValueError, RuntimeError):  # names that are too long, hold NUL or go round in circles
            raise TextFileError(f"{name!r} is no path of a file") from None
        if not path.is_relative_to(root):
            raise TextFileError(_OUTSIDE.format(name))
        if not path.is_file():
            raise TextFileError(f"{name!r} is no regular file")
        return path


def decode(path: Path, name: str) -> str:
    """The text of a file.

    Raises:
        TextFileError: It can't be read, is too large, or is no UTF-8 text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise TextFileError(f"{name!r} can't be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise TextFileError(f"{name!r} is larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise TextFileError(f"{name!r} is not UTF-8 text (line {line})") from None
    if "\0" in text:
        raise TextFileError(f"{name!r} holds the character NUL, so it is no text")
    return text
