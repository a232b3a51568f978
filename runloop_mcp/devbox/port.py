"""The port that every driver implements.

A *driver* makes devboxes; a *devbox* is one place to run commands, with a disk of its own that outlives its processes.
A devbox's disk has two parts that can be kept and handed on apart: its home and its working directory.

    driver.probe()            what runs here, how isolated, and what is missing
    driver.create(id, spec)   a new devbox, booted
    driver.resume(id)         the same disk, booted again, after its processes or its server died
    driver.snapshot(box, id)  keeps both parts as they are at one instant
    driver.remove(id)         ends what runs and deletes the disk
    driver.kept()             everything on the driver's disk, whoever made it; discard(…) deletes what nothing uses
    devbox.start(command)     a process in it, with output drained for ever
    devbox.open_shell()       a bash in it that stays, for commands that follow one another
    devbox.read_file …        files, never outside the devbox
    devbox.stop()             no process left; the disk stays

Drivers raise the errors of `runloop_mcp.api.errors`, and nothing else on purpose.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from runloop_mcp.api.errors import InvalidRequest

HOME = "/home/user"
"""The home of the devbox's user, whose name is `user`."""

DEFAULT_WORKING_DIRECTORY = "/home/user/work"

OutputSink = Callable[[bytes], Awaitable[None]]
"""Takes what a stream gives, in order, as it comes; never called again once the process has been waited for."""


class Network(StrEnum):
    """What a devbox reaches."""

    NONE = "none"
    """Its own loopback only."""
    HOST = "host"
    """What the host reaches."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a devbox may use. None: no limit of its own."""

    memory_bytes: int | None = None
    cpus: float | None = None
    processes: int | None = 1024
    disk_bytes: int | None = None
    open_files: int | None = 4096


@dataclass(frozen=True, slots=True)
class User:
    """Who the processes of a devbox are, in there. Never root: nobody has root's rights in a devbox."""

    name: str = "user"
    uid: int = 1000


@dataclass(frozen=True, slots=True)
class Files:
    """Files for devboxes: a folder of the host, copied once for each key and then shared."""

    key: str
    """Names the contents: the same key means the same files."""
    source: Path
    """The folder; where it is a file, a folder that holds that file alone."""


@dataclass(frozen=True, slots=True)
class WorkOf:
    """What a snapshot keeps of a working directory."""

    snapshot_id: str


@dataclass(frozen=True, slots=True)
class DevboxSpec:
    """What a devbox is made of."""

    working_directory: str = DEFAULT_WORKING_DIRECTORY
    files: Files | None = None
    """What the working directory holds at first, laid over what it has of `work_snapshot`."""
    home_snapshot: str | None = None
    """The snapshot whose home this devbox's home begins as; None: an empty one."""
    work_snapshot: str | None = None
    """The snapshot whose working directory this devbox's begins as."""
    read_only: Mapping[str, Files | WorkOf] = field(default_factory=dict)
    """What lies elsewhere in it, where nobody can change it: by absolute path, outside the system's directories, and
    neither in a directory that can be written (home, working directory, /tmp) nor above one."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for every command, over the driver's own few (HOME, PATH, LC_CTYPE, USER, …)."""
    limits: Limits = field(default_factory=Limits)
    network: Network = Network.NONE
    user: User = field(default_factory=User)
    """The home is `HOME`, whatever its name."""
    guards: bool = False
    """Whether commands can be `guarded` in it. Not where a solver works: nobody sees what a guarded program holds."""
    image: str | None = None
    """The image that it is made from, by its name in a container engine; None: the driver's own choice. A driver that
    knows no images refuses one."""


@dataclass(frozen=True, slots=True)
class Command:
    """A process to start."""

    argv: Sequence[str]
    """The program, found on the devbox's PATH, and its arguments. For a shell command: `("bash", "-c", …)`."""
    working_directory: str | None = None
    """Absolute, or relative to the devbox's working directory; None: that directory itself."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the devbox's environment for this process alone."""
    timeout_seconds: float | None = None
    """After so long the process and everything it started are killed."""
    stdin: bytes = b""
    """All of its standard input; with `attach_stdin` the beginning of it."""
    attach_stdin: bool = False
    """Whether more can be sent to its standard input, which stays open until it is ended."""
    guarded: bool = False
    """Whether other processes of the devbox, which are the same user's, are to be kept from reading its memory, using
    its descriptors and tracing it. Honoured for /bin/bash, where the driver can; what it starts is not guarded."""


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """A command for a shell."""

    text: str
    """What bash is given, as it is: one line or many."""
    working_directory: str | None = None
    """Where the shell goes first, and stays; absolute, or relative to the devbox's working directory."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the shell's variables for this command alone."""
    timeout_seconds: float | None = None
    """After so long the shell and everything that it started are killed."""
    stdin: bytes = b""
    """As in `Command`."""
    attach_stdin: bool = False


@dataclass(frozen=True, slots=True)
class ImageSource:
    """What an image is built from, where devboxes are containers."""

    dockerfile: str
    build_args: Mapping[str, str] = field(default_factory=dict)


class LimitHit(StrEnum):
    """A limit of a devbox that something in it ran into."""

    MEMORY = "memory"
    """A process was ended for it."""
    DISK = "disk"
    """Every process was ended for it."""
    PROCESSES = "processes"
    """A process could not be started for it."""
    CPUS = "cpus"
    """Processes were held back for it for a second or more; told of those that their time limit ended."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended."""

    status: int
    """Its exit status; 128 + signal where a signal ended it."""
    signal: int | None = None
    timed_out: bool = False
    """Its time limit ended it."""
    lost: bool = False
    """The devbox ended under it, so that nobody saw how it ended; the status is then 137."""
    limits: frozenset[LimitHit] = frozenset()
    """What the devbox ran into meanwhile, as far as it is known; looked for where the status is not 0."""


class Process(ABC):
    """A process that was started in a devbox.

    It has ended when the program that was started has exited: children that it left behind run on, and what they
    still write is drained and handed to the sinks until 100 ms after the exit, then thrown away without blocking them.
    """

    @abstractmethod
    async def wait(self) -> Exit:
        """Waits for the end; all output that came before it has been handed to the sinks. Can be called repeatedly."""

    @abstractmethod
    async def kill(self) -> None:
        """Ends the process and everything it started; returns once that is done. Does nothing to one that has ended."""

    @abstractmethod
    async def send_stdin(self, data: bytes) -> None:
        """Adds to the standard input; the process reads it when it likes.

        Raises:
            InvalidState: Nothing can be sent (any more); the message says why.
            Conflict: The process has not read what was sent before, and that is as much as is kept for it.
        """

    @abstractmethod
    async def end_stdin(self) -> None:
        """Ends the standard input behind what was sent; ending it again changes nothing.

        Raises:
            InvalidState: It was not attached, or the process has ended.
        """

    @abstractmethod
    async def interrupt(self) -> None:
        """Interrupts it as Ctrl-C does: SIGINT for the process and what it started in its process group.

        What becomes of that is up to the process: it may have ended when the call returns, or go on.

        Raises:
            InvalidState: It has ended.
        """


class Shell(ABC):
    """A bash that stays: directory, variables, functions and background jobs outlive the commands that made them.

    It is as at a terminal, without one: aliases work, mistakes and interrupts end the command and not the shell. It
    runs one command at a time. Each has streams of its own; its end is told apart from all that it prints. A command
    can end its shell (`exit`, `exec`, an error after `set -e`, a time limit): then both have ended with it.
    """

    @abstractmethod
    async def start(self, command: ShellCommand, *, stdout: OutputSink, stderr: OutputSink) -> Process:
        """Starts a command. Killing it ends the shell, and everything that was started in it.

        Raises:
            Conflict: A command runs in it.
            InvalidRequest: The command is not valid.
            Unavailable: The shell or the devbox has ended.
        """

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether commands can be started."""

    @abstractmethod
    async def close(self) -> None:
        """Ends it and everything that was started in it. Can be called repeatedly."""


@dataclass(frozen=True, slots=True)
class FileData:
    """A file, or a part of it."""

    data: bytes
    size: int
    """The size of the whole file in bytes."""
    mode: int
    """Its permission bits."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What is going on in a devbox, and what was changed on its disk. None: the driver can't tell."""

    processes: Sequence[str] | None = None
    """The names of the processes that run, one for each; what is no UTF-8 in them as surrogates."""
    unreachable: int | None = None
    """How often something was sent to an address that there is no way to, since the last boot."""
    lookups: int | None = None
    """How many packets went to ports of its own where nobody listens, as look-ups of names do, since the last boot."""
    changed_in_home: Sequence[str] | None = None
    """Files changed or deleted there and not in the working directory, by their path in the home."""
    changed_in_work: Sequence[str] | None = None
    """Files changed or deleted in the working directory, by their path there."""
    truncated: bool = False
    """Whether more was changed than is told."""


class Devbox(ABC):
    """One booted devbox. Whoever created or resumed it owns it and stops it."""

    id: str
    spec: DevboxSpec

    @abstractmethod
    async def start(self, command: Command, *, stdout: OutputSink, stderr: OutputSink) -> Process:
        """Starts a process.

        Raises:
            InvalidRequest: The working directory or the program is not there.
            Unavailable: The devbox has ended; `ended` tells why.
        """

    @abstractmethod
    async def open_shell(self, *, environment: Mapping[str, str]) -> Shell:
        """Opens a shell in the working directory, with these variables over the devbox's.

        Raises:
            InvalidRequest: A variable is not possible.
            Unavailable: The devbox has ended.
        """

    @abstractmethod
    async def read_file(self, path: str, *, offset: int = 0, limit: int | None = None) -> FileData:
        """Reads a regular file, opened inside the devbox; relative paths begin at the working directory.

        Raises:
            NotFound: There is no such file.
            InvalidRequest: It is no regular file, or the devbox's user may not read it.
            Unavailable: The devbox has ended.
        """

    @abstractmethod
    async def write_file(self, path: str, data: bytes, *, mode: int | None = None) -> None:
        """Writes a regular file whole, opened inside the devbox, with the directories that it needs.

        Args:
            path: Where; relative paths begin at the working directory.
            data: The new contents.
            mode: Permission bits; None keeps an existing file's and gives a new one 0o644.

        Raises:
            InvalidRequest: It is no regular file, or the devbox's user may not write it.
            Unavailable: The devbox has ended, or its disk is full.
        """

    @abstractmethod
    async def remove_file(self, path: str) -> None:
        """Deletes a file or symbolic link; does nothing where there is none.

        Raises:
            InvalidRequest: It is a directory, or the devbox's user may not delete it.
            Unavailable: The devbox has ended.
        """

    @abstractmethod
    async def find_files(self, names: Sequence[str], *, below: str, limit: int = 10_000) -> list[str]:
        """Files and symbolic links below a directory whose base name is one of `names`, as absolute paths, sorted.

        Symbolic links are never followed, and a tree made to be slow is given up on with `Unavailable`.
        """

    @abstractmethod
    def frozen(self) -> AbstractAsyncContextManager[None]:
        """No process of the devbox runs inside this block.

        What is started, written or deleted meanwhile waits for the end of the block: whoever is in it must do neither.
        """

    async def observe(self, *, since_ns: int) -> Observation:  # noqa: ARG002 - for those that can tell
        """What is going on, and what was changed on the disk since a moment; takes a second or two at most.

        A driver leaves out what it can't tell. In a `frozen` block, what it says is of one instant.

        Args:
            since_ns: The moment, in UTC nanoseconds. Change times are the kernel's, which no program can set.

        Raises:
            Unavailable: The devbox has ended.
        """
        return Observation()

    @abstractmethod
    async def stop(self) -> None:
        """Ends every process of the devbox, at once; the disk stays. Can be called repeatedly."""

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether commands can be started."""

    @abstractmethod
    async def wait_ended(self) -> str:
        """Waits until the devbox has ended, for whatever reason, and says why in a sentence."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a driver looked at."""

    name: str
    ok: bool
    detail: str
    """What is there, or what is missing."""
    remedy: str = ""
    """How to mend it: a command where there is one."""
    required: bool = True
    """Whether devboxes are impossible without it."""


@dataclass(frozen=True, slots=True)
class Capability:
    """What a driver can do on this machine, found by trying."""

    driver: str
    tier: str
    """How isolated its devboxes are, in a word: `namespaces`, `container`, `microvm`; `none` where it can't run."""
    findings: Sequence[Finding]
    python: str = ""
    """The version of the Python that devboxes run as /usr/bin/python3, where that is known beforehand."""

    image: str = ""
    """Names what the system of devboxes is, where that is an image."""

    @property
    def available(self) -> bool:
        """Whether devboxes can be made."""
        return all(finding.ok for finding in self.findings if finding.required)


class KeptKind(StrEnum):
    """What it is that a driver keeps."""

    DEVBOX = "devbox"
    """The disk of a devbox, booted or stopped."""
    SNAPSHOT = "snapshot"
    """A snapshot, whole or half made."""
    FILES = "files"
    """Files that are laid out in working directories, copied once for each key."""
    LEFTOVER = "leftover"
    """What a server that has ended left half made or half deleted, or built for devboxes of another version."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Something on a driver's disk."""

    kind: KeptKind
    id: str
    """The devbox's or the snapshot's id, or the key of the files; of a leftover a name of the driver's own."""
    changed_ms: int
    """When it was made, or last changed as a whole, in UTC milliseconds."""
    in_use: bool
    """Whether it can't be discarded now: a server that lives has it, or a devbox or snapshot is built on it."""


class Driver(ABC):
    """Makes devboxes. Enter it before use; leaving it stops every devbox that it booted, and their disks stay."""

    name: str
    builds_images: bool = False
    """Whether `build_image` works: devboxes are containers."""
    paid: bool = False
    """Whether somebody is billed for the time that its devboxes are up."""

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def build_image(self, snapshot_id: str, image: ImageSource, *, log: OutputSink) -> None:
        """Builds an image, and keeps it as a snapshot that devboxes can begin as.

        Args:
            snapshot_id: The new snapshot.
            image: What to build.
            log: Takes what the build says, as it comes.

        Raises:
            InvalidRequest: It can't be built; the message says at which step. Or devboxes here are no containers.
            Unavailable: The container engine does not answer.
        """
        del snapshot_id, image, log
        raise InvalidRequest(f"{self.name} devboxes are no containers, and have no images.", hint="Leave it out.")

    @abstractmethod
    async def probe(self) -> Capability:
        """What can be done here, found by trying once; later calls answer from memory."""

    @abstractmethod
    async def missing_programs(self, names: Sequence[str]) -> list[str]:
        """Which of these commands a devbox would not find on its PATH; quick, also before there was any devbox.

        Raises:
            Unavailable: No devbox can run here.
        """

    @abstractmethod
    async def create(self, devbox_id: str, spec: DevboxSpec) -> Devbox:
        """Makes a devbox and boots it. A failure leaves nothing behind.

        Raises:
            Conflict: There is one with this id already.
            NotFound: A snapshot that the spec names is not there.
            InvalidRequest: The working directory, or the place of something read-only, is not possible.
            Unavailable: Devboxes can't be made here; the hint says how to mend it.
        """

    @abstractmethod
    async def resume(self, devbox_id: str) -> Devbox:
        """Boots a devbox again on its disk, as it was created.

        Raises:
            NotFound: Its disk is gone.
            Conflict: It runs already.
            Unavailable: Devboxes can't be made here.
        """

    @abstractmethod
    async def snapshot(self, devbox_id: str, snapshot_id: str) -> None:
        """Keeps home and working directory of a devbox, booted or stopped, as they are at one instant.

        Processes are stopped for that instant and go on after it. A failure leaves nothing behind.

        Raises:
            NotFound: There is no such devbox.
            Conflict: There is a snapshot with this id already.
            Unavailable: The disk is full.
        """

    @abstractmethod
    async def remove(self, devbox_id: str) -> None:
        """Ends what runs and deletes the disk; does nothing where there is none."""

    @abstractmethod
    async def has_snapshot(self, snapshot_id: str) -> bool:
        """Whether there is such a snapshot, whole."""

    @abstractmethod
    async def remove_snapshot(self, snapshot_id: str) -> None:
        """Deletes a snapshot; does nothing where there is none. What was made from it keeps working."""

    @abstractmethod
    async def kept(self) -> Sequence[Kept]:
        """Everything that is kept, whoever made it; what the driver itself needs for its next devbox is not told."""

    @abstractmethod
    async def kept_bytes(self, kept: Kept) -> int:
        """How many bytes of the disk something takes by itself; 0 once it is gone."""

    @abstractmethod
    async def discard(self, kept: Kept) -> bool:
        """Deletes something, unless it is in use by then.

        Returns:
            Whether it is gone.

        Raises:
            Unavailable: The disk refuses.
        """
