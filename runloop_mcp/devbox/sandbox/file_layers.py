"""Layers of files: a scenario's folder, copied so that the box's user owns it."""

import os
import re
import stat
from pathlib import Path

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,150}")
"""What can be a name in the driver's folder."""

FILES_PREFIX = "files-"


def layer_of_files(key: str) -> str:
    """The name of the layer for a key."""
    return f"{FILES_PREFIX}{key if SAFE_NAME.fullmatch(key) else _hashed(key)}"


def _hashed(key: str) -> str:
    import hashlib  # noqa: PLC0415 - a server's start need not pay for it

    return hashlib.sha256(os.fsencode(key)).hexdigest()


def copy_for_box(source: Path, target: Path, owner: int | None) -> None:
    """Copies a trusted folder, or a file into a folder of its own, so that the box's user owns all of it."""
    import shutil  # noqa: PLC0415 - a server's start need not pay for it

    target.mkdir(mode=0o700)
    if not source.is_dir():
        shutil.copyfile(source, target / source.name)
        _hand_over(target / source.name, source.stat(), 0o600, owner)
        _hand_over(target, source.parent.stat(), 0o700, owner)
        return
    with os.scandir(source) as entries:
        for entry in entries:
            new = target / entry.name
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                new.symlink_to(Path(entry.path).readlink())
                if owner is not None:
                    os.chown(new, owner, owner, follow_symlinks=False)
            elif stat.S_ISDIR(mode):
                copy_for_box(Path(entry.path), new, owner)
            elif stat.S_ISREG(mode):
                shutil.copyfile(entry.path, new)
                _hand_over(new, entry.stat(), 0o600, owner)
    _hand_over(target, source.stat(), 0o700, owner)


def _hand_over(new: Path, about: os.stat_result, least: int, owner: int | None) -> None:
    if owner is not None:
        os.chown(new, owner, owner)
    new.chmod(stat.S_IMODE(about.st_mode) & 0o777 | least)
    os.utime(new, ns=(about.st_atime_ns, about.st_mtime_ns))
