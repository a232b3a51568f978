"""Replaces a file of somebody else's whole or not at all, with a copy of what it was beside it."""

import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from runloop_mcp.api.errors import Conflict, InvalidRequest


def read_text(path: Path) -> str | None:
    """What a file holds, every character of it; None where there is none.

    Raises:
        InvalidRequest: It is no text in UTF-8, or no file, or can't be read.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise InvalidRequest(
            f"{path} is no text in UTF-8.", hint="Save it as UTF-8, or add the server by hand."
        ) from None
    except (IsADirectoryError, NotADirectoryError):
        raise InvalidRequest(f"{path} is no file.", hint="Look what is there instead.") from None
    except OSError as error:
        raise InvalidRequest(
            f"{path} can't be read: {error.strerror}.", hint="Look whose it is, and its mode."
        ) from None


def replace(path: Path, before: str | None, after: str) -> Path | None:
    """Writes a file in one step, and returns the copy of what it was; None where it was not there.

    A link stays a link, and what it leads to is replaced; mode and owner stay.

    Args:
        path: The file.
        before: What it held when the change was made up; None where it was not there.
        after: What it is to hold.

    Raises:
        Conflict: Somebody has changed it since, or doesn't want it to be changed.
    """
    target = Path(os.path.realpath(path))
    if before is not None and not target.stat().st_mode & 0o222:
        raise Conflict(f"{target} is read-only, and was left as it is.", hint="Make it writable if it is to change.")
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(after.encode())
            file.flush()
            os.fsync(file.fileno())
        _like(target, Path(name), is_new=before is None)
        _still_holds(target, before)
        copy = _copied(target, before) if before is not None else None
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return copy


def _still_holds(target: Path, before: str | None) -> None:
    if read_text(target) != before:
        raise Conflict(f"{target} was changed meanwhile, and was left as it is.", hint="Run the command again.")


def _copied(target: Path, text: str) -> Path:
    """A copy that nobody can read who could not read the file."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    number = 0
    while True:
        copy = target.with_name(f"{target.name}.{moment}{f'-{number}' if number else ''}.bak")
        try:
            descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            number += 1
            continue
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
        _like(target, copy, is_new=False)
        return copy


def _like(target: Path, path: Path, *, is_new: bool) -> None:
    """Gives a file the mode and the owner of another; of a new one only its user may read it."""
    if is_new:
        path.chmod(0o600)
        return
    known = target.stat()
    if hasattr(os, "chown"):
        with suppress(PermissionError):
            os.chown(path, known.st_uid, known.st_gid)
    path.chmod(known.st_mode & 0o7777)
