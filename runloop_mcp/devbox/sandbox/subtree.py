"""A directory within layers: which directories of theirs an overlay would merge to show it."""

import os
import posixpath
import stat
from pathlib import Path
from typing import Any, Final

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.devbox.port import HOME, DevboxSpec

from .records import LAY_IN, chains_from_json

_OPAQUE: Final = "user.overlay.opaque"
_MOST_CHARACTERS: Final = 3_500
"""The kernel takes a page of options for a mount; most of it for the names of layers."""


def work_below(state: Path, about: dict[str, Any], spec: DevboxSpec) -> tuple[str, ...]:
    """The layers under the working directory of a devbox that begins as a snapshot.

    Where it lay elsewhere in the snapshot, it holds what that had in this place, over what it had itself: the snapshot
    of a disk is of all of it, and a working directory may be named afterwards.

    Args:
        state: The driver's folder.
        about: The snapshot's record.
        spec: What the devbox is made of.

    Raises:
        InvalidRequest: These are too many.
    """
    chains, lay_in = chains_from_json(about), about.get(LAY_IN, spec.working_directory)
    inside = posixpath.relpath(spec.working_directory, HOME)
    if lay_in == spec.working_directory or spec.home_snapshot != spec.work_snapshot or inside.startswith(".."):
        return chains.work
    work = (*subtree(state, chains.home, inside), *chains.work)
    if len(":".join(work)) > _MOST_CHARACTERS:
        raise InvalidRequest(
            f"The working directory can't be {spec.working_directory}: the snapshot {spec.work_snapshot} has too many"
            " layers for that.",
            hint=f"Leave it at {lay_in}, where it lay in the snapshot.",
        )
    return work


def subtree(state: Path, layers: tuple[str, ...], path: str) -> tuple[str, ...]:
    """The layers of a directory that lies in others; none where they hold no such directory.

    Nothing is followed on the way: what a devbox has made of it may be a link to anywhere on this machine.

    Args:
        state: What the layers' names are relative to.
        layers: The layers, top first. Nobody changes them any more.
        path: The directory, relative to them.
    """
    found: list[str] = []
    for layer in layers:
        place, covers_rest, is_there = layer, False, True
        for part in [] if path == "." else path.split("/"):
            place = f"{place}/{part}"
            try:
                mode = (state / place).lstat().st_mode
            except OSError:  # not there, or closed by its solver
                is_there = False
                break
            if not stat.S_ISDIR(mode):
                # Deleted here, or something else: what lies below is not seen.
                return tuple(found)
            covers_rest = covers_rest or _is_opaque(state / place)
        if is_there:
            found.append(place)
        if covers_rest:
            break
    return tuple(found)


def _is_opaque(folder: Path) -> bool:
    try:
        return os.getxattr(folder, _OPAQUE, follow_symlinks=False) == b"y"
    except OSError:
        return False
