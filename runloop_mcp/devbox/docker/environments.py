"""Images that devboxes are made from: a base image with the devbox's user, its directories and files.

Each is made once for all devboxes of the same kind and then shared: the thousandth run of a scenario copies nothing.
"""

import asyncio
import contextlib
import hashlib
import json
import posixpath
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import anyio
import anyio.to_thread

from runloop_mcp.api.errors import InvalidRequest, NotFound, Unavailable
from runloop_mcp.devbox.port import HOME, DevboxSpec, Files

from . import archives, names
from .containers import PIPES, scratch
from .engine import Engine, Refused
from .locks import Locks
from .names import Names

_FORMAT = 1
"""Changes when what is laid into an image does."""
_CLEAR = (
    "import os, shutil, sys\n"
    "for place in filter(os.path.isdir, sys.argv[1:]):\n"
    "    for entry in os.scandir(place):\n"
    "        shutil.rmtree(entry) if entry.is_dir(follow_symlinks=False) else os.unlink(entry)"
)
_PYTHON = "/usr/bin/python3"
_OTHER_PYTHONS = ("/usr/local/bin/python3", "/opt/conda/bin/python3")
_ACCOUNTS = ("passwd", "group")


def image_missing(image: str) -> NotFound:
    """What is told of an image that is not there."""
    return NotFound(
        f"The engine has no image {image}.",
        hint=f"Fetch it: docker pull {image}; or name one that is there: --docker-image.",
    )


class Environments:
    """Makes and finds these images.

    Args:
        engine: Where they are.
        called: The names of the state directory.
        locks: Its locks.
    """

    def __init__(self, engine: Engine, called: Names, locks: Locks) -> None:
        self._engine = engine
        self._names = called
        self._locks = locks
        self._making: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def base(self, image: str) -> dict[str, Any]:
        """What the engine says of an image.

        Raises:
            NotFound: It is not there.
            InvalidRequest: That is no name of one.
        """
        try:
            about: dict[str, Any] = await self._engine.get(f"/images/{image}/json")
        except Refused as refused:
            if refused.status == 404:
                raise image_missing(image) from refused
            if refused.status >= 500:
                raise
            raise InvalidRequest(
                f"The image {image!r} can't be used: {refused.message}.", hint="Name another."
            ) from refused
        return about

    async def image_for(self, spec: DevboxSpec, base: str) -> str:
        """The name of the image for devboxes of a kind, made where it is not there."""
        if spec.work_snapshot is not None:
            spec = replace(spec, files=None)  # they go over the snapshot
        about = await self.base(base)
        image = self._names.environment(_digest(about["Id"], spec))
        async with self._making[image]:
            if not await self._engine.exists(f"/images/{image}/json"):
                await self._make(image, about["Id"], spec)
        return image

    async def _make(self, image: str, base: str, spec: DevboxSpec) -> None:
        cleared = [place for place, snapshot in _snapshots(spec).items() if snapshot]
        async with self.scratch(base, ["python3", "-c", _CLEAR, *cleared]) as container:
            there = await self._there(container, spec)
            if not there.isdisjoint(cleared):
                await self._clear(container)
            accounts = {name: await self._account_file(container, name) for name in _ACCOUNTS}
            archive = await anyio.to_thread.run_sync(_pack, spec, there, accounts)
            with archive:
                await self._engine.put_archive(container, "/", archives.parts(archive))
            labels = self._names.labels(names.ENVIRONMENT, base, files=[files.key for files in files_of(spec)])
            await commit(self._engine, container, image, labels)

    async def lay_files_over(self, container: str, spec: DevboxSpec) -> None:
        """Lays a devbox's files over the snapshot that its working directory begins as; else its image has them."""
        if spec.files is None or spec.work_snapshot is None:
            return
        archive = await anyio.to_thread.run_sync(_pack_files, spec, spec.files)
        with archive:
            await self._engine.put_archive(container, "/", archives.parts(archive))

    async def _clear(self, container: str) -> None:
        """Has a container empty the directories of its image that a snapshot is going to fill."""
        await self._engine.post(f"/containers/{container}/start")
        ended = await self._engine.post(f"/containers/{container}/wait", seconds=600)
        if ended.get("StatusCode") != 0:
            raise Unavailable("The image's own files in the working directory can't be cleared away.")

    async def _there(self, container: str, spec: DevboxSpec) -> set[str]:
        """Which of the directories that the devbox needs the image has."""
        places = {_PYTHON, *_OTHER_PYTHONS}
        for place in (HOME, spec.working_directory, *spec.read_only):
            while place != "/":
                places.add(place)
                place = posixpath.dirname(place)  # noqa: PLW2901 - upwards
        found = set()
        for place in places:
            if await self._engine.exists(f"/containers/{container}/archive", path=place):
                found.add(place)
        return found

    async def _account_file(self, container: str, name: str) -> bytes:
        try:
            async with self._engine.archive_of(container, f"/etc/{name}") as content:
                return archives.single_file(b"".join([part async for part in content]))
        except Refused:
            return b""

    @asynccontextmanager
    async def scratch(self, image: str, command: list[str] | None = None) -> AsyncIterator[str]:
        """A container for as long as the block lasts; it is not started."""
        container = f"scratch-{secrets.token_hex(8)}"
        lock = await anyio.to_thread.run_sync(self._locks.hold, container)
        try:
            name = self._names.container(container)
            labels = self._names.labels(names.SCRATCH, container)
            request = scratch(image, labels, podman=self._engine.is_podman, command=command)
            try:
                await self._engine.post("/containers/create", request, name=name)
                yield name
            finally:
                with anyio.CancelScope(shield=True), contextlib.suppress(Refused, Unavailable):
                    await self._engine.delete(f"/containers/{name}", force=True, v=True)
        finally:
            self._locks.give_up(container, lock)


async def commit(engine: Engine, container: str, image: str, labels: Mapping[str, str]) -> None:
    """Makes an image of a container's disk."""
    repository, _, tag = image.rpartition(":")
    changes = tuple(f"LABEL {name}={value or 'none'}" for name, value in labels.items())  # Podman takes one at a time
    await engine.post(
        "/commit", {}, seconds=600, container=container, repo=repository, tag=tag, pause=False, changes=changes
    )


def files_of(spec: DevboxSpec) -> list[Files]:
    """All files that a devbox is made of."""
    return [each for each in (spec.files, *spec.read_only.values()) if isinstance(each, Files)]


def _snapshots(spec: DevboxSpec) -> dict[str, str | None]:
    return {HOME: spec.home_snapshot, spec.working_directory: spec.work_snapshot}


def _digest(base: str, spec: DevboxSpec) -> str:
    places = {at: source.key if isinstance(source, Files) else None for at, source in spec.read_only.items()}
    content = {
        "format": _FORMAT,
        "base": base,
        "user": [spec.user.name, spec.user.uid],
        "work": spec.working_directory,
        "files": spec.files.key if spec.files else None,
        "places": places,
        "filled": [place for place, snapshot in _snapshots(spec).items() if snapshot],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _pack(spec: DevboxSpec, there: set[str], accounts: Mapping[str, bytes]) -> IO[bytes]:
    """What is laid over a base image; blocks.

    Raises:
        NotFound: Files that belong to it are not there.
    """
    packer = archives.Packer()
    try:
        _pack_system(packer, spec, there, accounts)
        if spec.files is not None:
            packer.tree(_existing(spec.files), spec.working_directory, spec.user.uid)
        for at, source in spec.read_only.items():
            if isinstance(source, Files):
                packer.tree(_existing(source), at, None)
    except BaseException:
        packer.file.close()
        raise
    return packer.finish()


def _pack_files(spec: DevboxSpec, files: Files) -> IO[bytes]:
    packer = archives.Packer()
    try:
        packer.tree(_existing(files), spec.working_directory, spec.user.uid)
    except BaseException:
        packer.file.close()
        raise
    return packer.finish()


def _pack_system(packer: archives.Packer, spec: DevboxSpec, there: set[str], accounts: Mapping[str, bytes]) -> None:
    user = spec.user
    lines = {
        "passwd": f"{user.name}:x:{user.uid}:{user.uid}:{user.name}:{HOME}:/bin/bash",
        "group": f"{user.name}:x:{user.uid}:",
    }
    for name, content in accounts.items():
        others = [
            line
            for line in content.decode(errors="replace").splitlines()
            if not _is_account_of(line, user.name, user.uid)
        ]
        packer.text(f"/etc/{name}", "\n".join([*others, lines[name], ""]).encode())
    if _PYTHON not in there and (other := next((path for path in _OTHER_PYTHONS if path in there), None)):
        packer.link(_PYTHON, other)
    # Where it is mounted later: the second mount takes over the mode of what lies under it.
    packer.directory(PIPES, 0, 0o1777)
    made = set(there)
    for place in (HOME, spec.working_directory, *spec.read_only):
        for parent in _parents(place):
            if parent not in made:
                packer.directory(parent, user.uid if _is_below(parent, HOME) else 0)
                made.add(parent)
        packer.directory(place, 0 if place in spec.read_only else user.uid)
        made.add(place)


def _is_account_of(line: str, name: str, number: int) -> bool:
    fields = line.split(":")
    return fields[0] == name or (len(fields) > 2 and fields[2] == str(number))


def _parents(place: str) -> list[str]:
    parents = []
    while (place := posixpath.dirname(place)) != "/":
        parents.append(place)
    return parents[::-1]


def _is_below(place: str, above: str) -> bool:
    return place.startswith(f"{above}/")


def _existing(files: Files) -> Path:
    if not files.source.exists():
        raise NotFound(f"The files to lay out, {files.source}, are not there.", hint="Reinstall or mend the scenario.")
    return files.source
