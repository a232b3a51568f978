"""Files for devboxes as parcels: packed once for each key, and kept here; everything here blocks."""

import os
import secrets
import stat
from pathlib import Path

from runloop_mcp.api.errors import NotFound
from runloop_mcp.devbox.port import Files

from .inside import parcel
from .records import Records

_OWNERS = 0o600


def packed(files: Files, records: Records) -> Path:
    """The parcel of files, made where it is not there: what was packed for a key is what the key means from then on.

    Raises:
        NotFound: They are not there.
    """
    place = records.files(files.key)
    if place.exists():
        return place
    if not files.source.exists():
        raise NotFound(f"The files to lay out, {files.source}, are not there.", hint="Reinstall or mend the scenario.")
    fresh = records.files_folder() / f"{secrets.token_hex(8)}.new"
    opened = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNERS)
    try:
        try:
            _pack(files.source, opened)
        finally:
            os.close(opened)
        fresh.rename(place)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return place


def _pack(source: Path, target: int) -> None:
    if source.is_dir():
        parcel.pack(os.fsencode(source), target, mode=_mode)
    else:  # a file alone lies in a folder that holds it
        parcel.pack_file(os.fsencode(source), os.fsencode(source.name), target, _mode)


def _mode(mode: int) -> int:
    """What files have in a devbox: permissions only, and all that its user needs to change them."""
    least = 0o700 if stat.S_ISDIR(mode) else _OWNERS
    return stat.S_IMODE(mode) & 0o777 | least
