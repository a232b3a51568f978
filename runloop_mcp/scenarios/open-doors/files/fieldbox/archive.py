"""Unpacks archives that crews bring from the field."""

import os
import shutil
import tarfile

from fieldbox.store import Refused, Store


def unpack(store: Store, path: str, into: str = "") -> int:
    """Unpacks an archive of the store into a directory of the store; gives how many members it had.

    Raises:
        Refused: It is no archive, or holds something that does not belong into a store.
    """
    target = store.locate(into)
    count = 0
    try:
        with tarfile.open(store.locate(path)) as archive:
            for member in archive:
                if member.name.startswith("/") or ".." in member.name.split("/"):
                    raise Refused("the archive has members that are not among your files")
                _extract(archive, member, target)
                count += 1
    except tarfile.TarError:
        raise Refused("that is no archive") from None
    return count


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, into: str) -> None:
    place = os.path.join(into, member.name)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    if member.isdir():
        os.makedirs(place, exist_ok=True)
    elif member.issym():
        _clear(place)
        os.symlink(member.linkname, place)
    elif member.islnk():
        _clear(place)
        os.link(os.path.join(into, member.linkname), place)
    elif member.isreg():
        with archive.extractfile(member) as source, open(place, "wb") as file:
            shutil.copyfileobj(source, file)
    else:
        raise Refused("the archive has members that are no files")


def _clear(place: str) -> None:
    if os.path.lexists(place):
        os.unlink(place)
