"""How the tests of devboxes speak to them: run this, tell me all of it, and let me wait for what it says."""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from runloop_mcp.devbox.port import Command, Devbox, DevboxSpec, Driver, Exit, Process

PATIENCE_SECONDS = 30
"""How long anything may take before a test calls it hung."""


class Capture:
    """A sink that keeps what comes and lets a test wait for it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._more = anyio.Event()

    async def __call__(self, chunk: bytes) -> None:
        """Takes a chunk."""
        self.data += chunk
        more, self._more = self._more, anyio.Event()
        more.set()

    async def until(self, needle: bytes, *, after: int = 0) -> None:
        """Waits until `needle` has come, not counting the first `after` bytes."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while self.data.find(needle, after) < 0:
                await self._more.wait()


@dataclass(frozen=True)
class Running:
    """A process that runs, and what it has said so far."""

    process: Process
    stdout: Capture
    stderr: Capture

    async def wait(self) -> Exit:
        """How it ended."""
        with anyio.fail_after(PATIENCE_SECONDS):
            return await self.process.wait()


@dataclass(frozen=True)
class Ran:
    """A process that has ended, and all that it said."""

    exit: Exit
    stdout: bytes
    stderr: bytes

    @property
    def status(self) -> int:
        """Its exit status."""
        return self.exit.status

    @property
    def text(self) -> str:
        """What it printed, without white space at the ends."""
        return self.stdout.decode(errors="surrogateescape").strip()


async def start(devbox: Devbox, script: str | Sequence[str], **options: Any) -> Running:
    """Starts a shell script, or a program with its arguments; `options` are the fields of `Command`."""
    argv = ("bash", "-c", script) if isinstance(script, str) else script
    stdout, stderr = Capture(), Capture()
    with anyio.fail_after(PATIENCE_SECONDS):
        process = await devbox.start(Command(argv, **options), stdout=stdout, stderr=stderr)
    return Running(process, stdout, stderr)


async def run(devbox: Devbox, script: str | Sequence[str], **options: Any) -> Ran:
    """Runs a shell script, or a program with its arguments, to its end."""
    running = await start(devbox, script, **options)
    ended = await running.wait()
    return Ran(ended, bytes(running.stdout.data), bytes(running.stderr.data))


async def succeed(devbox: Devbox, script: str | Sequence[str], **options: Any) -> str:
    """Runs what must succeed, and gives what it printed."""
    ran = await run(devbox, script, **options)
    assert ran.status == 0, f"{script!r} ended with {ran.exit}: {ran.stderr.decode(errors='replace')}"
    return ran.text


def python(source: str, *arguments: str) -> tuple[str, ...]:
    """A Python program and its arguments, bare: without site-packages, environment or the current folder."""
    return ("python3", "-I", "-S", "-c", source, *arguments)


async def run_program(devbox: Devbox, program: Path, *arguments: Any) -> Any:
    """Runs a Python program of the tests in the devbox; arguments go in and its result comes out as JSON."""
    argv = ("python3", "-I", "-S", "-", *(json.dumps(argument) for argument in arguments))
    return json.loads(await succeed(devbox, argv, stdin=program.read_bytes()))


async def marked(devbox: Devbox, marker: str) -> list[int]:
    """The processes in the devbox that have `marker` among their arguments, by their ids in there."""
    found = await run(devbox, "grep -lsF -f - /proc/[0-9]*/cmdline", stdin=marker.encode())
    return [int(line.split("/")[2]) for line in found.text.splitlines()]


def marked_on_host(marker: str) -> list[int]:
    """The processes on the host that have `marker` among their arguments, except those that have it from us."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                arguments = (folder / "cmdline").read_bytes()
            except OSError:  # it has ended meanwhile
                continue
            if marker.encode() in arguments:
                found.append(int(folder.name))
    return found


def daemon(marker: str) -> str:
    """A shell line that leaves a process behind: double-forked, in a session of its own, deaf to SIGTERM and SIGHUP.

    It prints `up` once it is there.
    """
    source = "import signal; [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)];"
    source += "print('up', flush=True); signal.pause()"
    return f'(setsid python3 -I -S -c "{source}" {marker} &)'


def unique(prefix: str) -> str:
    """A name that nothing else has."""
    return f"{prefix}_{uuid.uuid4().hex[:21]}"


@asynccontextmanager
async def entered(driver: Driver) -> AsyncIterator[Driver]:
    """A driver, entered and left by one task, as its task groups and cancel scopes require and fixtures don't grant."""
    ready: asyncio.Future[Driver] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def own() -> None:
        async with driver as inside:
            ready.set_result(inside)
            await leave.wait()

    owner = asyncio.create_task(own())
    await asyncio.wait({owner, ready}, return_when=asyncio.FIRST_COMPLETED)
    if owner.done():
        owner.result()
    try:
        yield ready.result()
    finally:
        leave.set()
        with anyio.fail_after(PATIENCE_SECONDS):
            await owner


class Workshop:
    """Makes devboxes and snapshots with names of their own, and clears them away."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._devboxes: list[str] = []
        self._snapshots: list[str] = []

    def devbox_id(self) -> str:
        """A new id, cleared away in the end."""
        self._devboxes.append(unique("dbx"))
        return self._devboxes[-1]

    def snapshot_id(self) -> str:
        """A new id, cleared away in the end."""
        self._snapshots.append(unique("snp"))
        return self._snapshots[-1]

    async def create(self, **spec: Any) -> Devbox:
        """A new devbox; `spec` are the fields of `DevboxSpec`."""
        with anyio.fail_after(PATIENCE_SECONDS):
            return await self.driver.create(self.devbox_id(), DevboxSpec(**spec))

    async def snapshot(self, devbox: Devbox) -> str:
        """Keeps a devbox's disk, and gives the snapshot's id."""
        snapshot_id = self.snapshot_id()
        with anyio.fail_after(PATIENCE_SECONDS):
            await self.driver.snapshot(devbox.id, snapshot_id)
        return snapshot_id

    async def copy(self, devbox: Devbox) -> Devbox:
        """A new devbox with home and working directory as they are in another."""
        snapshot_id = await self.snapshot(devbox)
        return await self.create(home_snapshot=snapshot_id, work_snapshot=snapshot_id)

    async def clear(self) -> None:
        """Removes all of them."""
        with anyio.fail_after(PATIENCE_SECONDS):
            for devbox_id in self._devboxes:
                await self.driver.remove(devbox_id)
            for snapshot_id in self._snapshots:
                await self.driver.remove_snapshot(snapshot_id)


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment in which a child Python finds what this one finds."""
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(filter(None, sys.path)), **(extra or {})}
