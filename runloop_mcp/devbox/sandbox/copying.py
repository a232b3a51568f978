"""Disks without overlays: where none can be mounted, or none are wanted, a new disk is a copy of what it begins as."""

import contextlib
import errno
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from runloop_mcp.api.errors import NotFound, Unavailable
from runloop_mcp.devbox.port import Finding

from .diagnosis import explain
from .disk_failure import disk_failure
from .launch import Refused
from .records import Chains, read_json, write_json

if TYPE_CHECKING:
    from .disk import Disk

COPY_SECONDS = 600.0
"""How long copying a disk may take."""

UNFILLED = "unfilled"
"""In a devbox's record: its copy is not complete, so that there is no devbox yet."""

COPIED = "copied"
"""In a devbox's record: it has no layers, and is not to get any, whatever the server is that uses it next."""

Fill = list[tuple[list[str], str]]
"""Layers, the first on top, and the directory that is to be filled with them."""

Ask = Callable[[Any], Awaitable[int]]
"""Has a keeper do something."""

_SLOW = "making a devbox or a snapshot takes as long as copying its files"


def begin_copy(disk: "Disk", folder: Path, about: dict[str, Any], chains: Chains) -> tuple[Chains, Fill]:
    """Prepares a new disk for being filled; gives the layers that it has then, and what has to be copied before.

    Args:
        disk: The driver's folder.
        folder: The new disk.
        about: What will be written down of it: it names the layers, which keeps them while they are copied.
        chains: What it begins as.
    """
    (folder / "staging").mkdir(mode=0o711)
    (folder / "staging").chmod(0o711)
    disk.make_owned(folder / "staging" / "links", 0o700)
    about[UNFILLED] = about[COPIED] = True
    parts = ((chains.home, "home"), (chains.work, "work"))
    fill = [(list(layers), f"devboxes/{folder.name}/{part}") for layers, part in parts if layers]
    return replace(chains, home=(), work=()), fill


def refuse_layers(devbox_id: str, chains: Chains) -> None:
    """Refuses a disk that can't be had without overlays.

    Raises:
        Unavailable: It was made where they could be mounted.
    """
    if chains.home or chains.work or any(len(chain) > 1 for _, chain in chains.read_only):
        raise Unavailable(
            f"The disk of the devbox {devbox_id} lies in layers, and overlays are not mounted here.",
            hint="Serve without --devbox-disks copy, with the state directory where overlays can be mounted.",
        )


async def fill(disk: "Disk", devbox_id: str, wanted: Fill, ask: Ask) -> None:
    """Copies into a new disk what it begins as.

    Raises:
        Unavailable: It can't be copied, or that takes too long.
    """
    try:
        if wanted:
            with anyio.fail_after(COPY_SECONDS):
                await ask(("fill", wanted, f"devboxes/{devbox_id}/staging/links"))
        await anyio.to_thread.run_sync(_filled, disk.state / "devboxes" / devbox_id)
    except Refused as error:
        failed = OSError(error.number, os.strerror(error.number))
        raise disk_failure(failed, "The devbox's disk can't be copied") from error
    except TimeoutError as error:
        raise Unavailable(f"Copying the devbox's disk took longer than {COPY_SECONDS:.0f} s.") from error


def _filled(folder: Path) -> None:
    """Notes that a disk has all that it is to have, and needs no layers any more."""
    about = read_json(folder / "devbox.json")
    if about is None:
        raise NotFound(f"The disk of the devbox {folder.name} is gone.", hint="Make a new devbox.")
    del about[UNFILLED]
    write_json(folder / "devbox.json", {**about, "home": [], "work": []})


async def why_no_overlays(disk: "Disk", ask: Ask) -> str:
    """Tries to mount an overlay; says what was refused, and nothing where it was not."""
    trial = _trial(disk)
    names = await anyio.to_thread.run_sync(trial.__enter__)
    try:
        await ask(("mountable", *names))
    except Refused as error:
        return str(error)
    finally:
        await anyio.to_thread.run_sync(trial.__exit__, None, None, None)
    return ""


@contextlib.contextmanager
def _trial(disk: "Disk") -> Iterator[list[str]]:
    """Three empty directories to mount an overlay of: what is lower, what is upper, and its scratch."""
    name = f"overlay-{os.getpid()}-{os.urandom(8).hex()}"
    folder = disk.state / "trash" / name
    folder.mkdir(mode=0o711)
    folder.chmod(0o711)
    try:
        names = [f"trash/{name}/{part}" for part in ("lower", "upper", "scratch")]
        for part in names:
            disk.make_owned(disk.state / part, 0o700)
        yield names
    finally:
        disk.delete("trash", name)


def finding(*, copying: bool, refused: str) -> Finding:
    """How disks are made, for who asks what works here.

    Args:
        copying: Whether they are copied.
        refused: What was refused when an overlay was tried; empty where copies were asked for.
    """
    if not copying:
        detail = "overlays: what devboxes begin as is mounted, and not copied"
        return Finding("disks", ok=True, detail=detail, required=False)
    if not refused:
        detail, remedy = f"copies, as was asked for: {_SLOW}", "Leave --devbox-disks out."
    else:
        found, remedy = explain(errno.EINVAL, refused)
        detail = f"copies, because {found}: {_SLOW}"
    return Finding("disks", ok=False, detail=detail, remedy=remedy, required=False)
