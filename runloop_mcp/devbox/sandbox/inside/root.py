"""The root that a box sees: a small tmpfs with a white list mounted into it."""

from __future__ import annotations

import _socket
import fcntl
import os
import stat

from . import kernel

TYPE_CHECKING = False  # importing typing to say so would cost the start 3 ms
if TYPE_CHECKING:
    from typing import Any

_NO_SETUID = kernel.ATTR_NOSUID | kernel.ATTR_NODEV
_READ_ONLY = _NO_SETUID | kernel.ATTR_RDONLY
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_READ_ONLY_PROC = ("bus", "fs", "irq", "sys", "sysrq-trigger")
_HIDDEN_PROC = ("acpi", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list", "kallsyms", "kmsg")
_MAX_COPY = 4 << 20
PIPES = "run/shells"


def build(plan: dict[str, Any]) -> None:
    """Builds the root as planned, moves into it and forgets the old one.

    Runs as pid 1 of new namespaces, with every capability in them, in the driver's folder: the names of layers are
    relative to it, because the box's user cannot go through the directories above.
    """
    kernel.mount("", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    folder = os.open(".", os.O_PATH | os.O_DIRECTORY)
    base = an_existing_directory()
    kernel.mount("tmpfs", base, "tmpfs", options="mode=755,size=16m,nr_inodes=4k")
    os.chdir(base)
    _system(plan)
    _devices(plan)
    _pipes()
    _proc()
    here = os.open(".", os.O_PATH | os.O_DIRECTORY)
    os.fchdir(folder)
    for name, layers in plan["overlays"]:
        if plan["copying"]:
            _united(here, name, [*layers, "/" + name])
        else:
            _overlay(here, name, [*layers, "/" + name])
    for name, layers, upper, scratch in plan["disks"]:
        _disk(here, name, layers, upper, scratch)
    for name, layers in plan["read_only"]:
        _laid_down(here, name, layers)
    os.fchdir(here)
    _mask(plan["masks"])
    kernel.pivot_to_here()
    kernel.add_attributes("/", _READ_ONLY)
    kernel.sethostname(b"devbox")
    if plan["own_network"]:
        _loopback_up()


def an_existing_directory() -> str:
    """Where to build: any directory that nothing is taken from by its name afterwards."""
    for name in ("/tmp", "/mnt", "/run", "/srv", "/home"):  # noqa: S108 - covered by a mount of our own, in our own namespace
        if os.path.isdir(name) and not os.path.islink(name):
            return name
    raise FileNotFoundError("no directory to build the devbox's root on: /tmp, /mnt, /run, /srv and /home are missing")


def _system(plan: dict[str, Any]) -> None:
    for name in plan["directories"]:
        os.makedirs(name, exist_ok=True)
    for name, target in plan["links"]:
        os.symlink(target, name)
    for name in plan["binds"]:
        if not os.access("/" + name, os.R_OK | os.X_OK):
            continue
        os.makedirs(name, exist_ok=True)
        kernel.bind("/" + name, name, _READ_ONLY)
    for name in plan["copies"]:
        _copy("/" + name, name)
    for name, content in plan["files"]:
        os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "wb") as file:
            file.write(content)


def _copy(source: str, name: str) -> None:
    """A file of the host's /etc, as it is now; one that the box's user may not read stays out."""
    try:
        if os.path.islink(source) and os.readlink(source).startswith(("/usr/", "../usr/", "/proc/", "../proc/")):
            os.makedirs(os.path.dirname(name), exist_ok=True)
            os.symlink(os.readlink(source), name)
            return
        opened = os.open(source, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        about = os.fstat(opened)
        if stat.S_ISREG(about.st_mode) and about.st_size <= _MAX_COPY:
            os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(name, "wb") as file:
                file.write(os.read(opened, _MAX_COPY))
    finally:
        os.close(opened)


def _mask(names: list[str]) -> None:
    """Covers files and directories with empty ones."""
    if not names:
        return
    os.mkdir(".nothing", 0o755)
    os.close(os.open(".nothing-file", os.O_CREAT | os.O_WRONLY, 0o444))
    for name in names:
        if os.path.isdir(name):
            kernel.bind(".nothing", name, _READ_ONLY)
        elif os.path.exists(name):
            kernel.bind(".nothing-file", name, _READ_ONLY)


def _devices(plan: dict[str, Any]) -> None:
    for name in _DEVICES:
        if not os.path.exists(f"/dev/{name}"):  # a container can lack some
            continue
        os.close(os.open(f"dev/{name}", os.O_CREAT | os.O_WRONLY, 0o666))
        kernel.bind(f"/dev/{name}", f"dev/{name}", kernel.ATTR_NOSUID | kernel.ATTR_NOEXEC)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target if name == "fd" else f"/proc/self/{target}", f"dev/{name}")
    os.mkdir("dev/pts")
    kernel.mount("devpts", "dev/pts", "devpts", options="newinstance,ptmxmode=0666,mode=620")
    kernel.add_attributes("dev/pts", kernel.ATTR_NOSUID | kernel.ATTR_NOEXEC)
    os.symlink("pts/ptmx", "dev/ptmx")
    os.mkdir("dev/shm")
    kernel.mount("tmpfs", "dev/shm", "tmpfs", options=f"mode=1777,size={plan['shared_memory']},nr_inodes=16k")
    kernel.add_attributes("dev/shm", _NO_SETUID)


def _pipes() -> None:
    """Where the pipes of shells' commands have their names, out of everybody's way."""
    os.mkdir(PIPES)
    kernel.mount("tmpfs", PIPES, "tmpfs", options="mode=700,size=64k,nr_inodes=4k")
    kernel.add_attributes(PIPES, _NO_SETUID | kernel.ATTR_NOEXEC)


def _proc() -> None:
    os.mkdir("proc")
    kernel.mount("proc", "proc", "proc")
    kernel.add_attributes("proc", _NO_SETUID | kernel.ATTR_NOEXEC)
    for name in _READ_ONLY_PROC:
        if os.path.exists(f"proc/{name}"):
            kernel.bind(f"proc/{name}", f"proc/{name}", _READ_ONLY)
    for name in _HIDDEN_PROC:
        if os.path.isdir(f"proc/{name}"):
            kernel.mount("tmpfs", f"proc/{name}", "tmpfs", options="mode=555,size=4k,nr_inodes=1")
            kernel.add_attributes(f"proc/{name}", _READ_ONLY)
        elif os.path.exists(f"proc/{name}"):
            kernel.bind("/dev/null", f"proc/{name}", kernel.ATTR_NOSUID | kernel.ATTR_NOEXEC)


def _overlay(root: int, name: str, layers: list[str]) -> None:
    """Lays directories over one of the system's, all read-only; relative names begin at the driver's folder."""
    _mount_in_root(root, name, "overlay", "overlay", f"userxattr,lowerdir={':'.join(layers)}", _READ_ONLY)


def _united(root: int, name: str, layers: list[str]) -> None:
    """Shows directories together where overlays can't be mounted: everything in them by a mount of its own."""
    place = _directory_in_root(root, name)
    kernel.mount("tmpfs", f"/proc/self/fd/{place}", "tmpfs", options="mode=755,size=1m,nr_inodes=16k")
    os.close(place)
    place = _directory_in_root(root, name)
    _unite(f"/proc/self/fd/{place}", layers)
    kernel.add_attributes(f"/proc/self/fd/{place}", _READ_ONLY)
    os.close(place)


def _unite(place: str, layers: list[str]) -> None:
    """Fills an empty directory with what each layer has, the first layer's before the others'."""
    found: dict[str, list[str]] = {}
    for layer in layers:
        for entry in os.listdir(layer):
            found.setdefault(entry, []).append(f"{layer}/{entry}")
    for entry, sources in found.items():
        target = f"{place}/{entry}"
        folders = [source for source in sources if os.path.isdir(source) and not os.path.islink(source)]
        if os.path.islink(sources[0]):
            os.symlink(os.readlink(sources[0]), target)
        elif sources[0] not in folders:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
            kernel.bind(sources[0], target, _READ_ONLY)
        else:
            os.mkdir(target, 0o755)
            if len(folders) == 1:
                kernel.bind(sources[0], target, _READ_ONLY)
            else:
                _unite(target, folders)


def _laid_down(root: int, name: str, layers: list[str]) -> None:
    """Mounts layers where nothing else is, read-only."""
    if len(layers) > 1:
        _mount_in_root(root, name, "overlay", "overlay", f"userxattr,lowerdir={':'.join(layers)}", _READ_ONLY)
    else:
        _mount_in_root(root, name, layers[0], "", "", _READ_ONLY)


def _disk(root: int, name: str, layers: list[str], upper: str, scratch: str) -> None:
    """Mounts a part of the box's disk. Nothing lower: the upper directory itself, at its native speed."""
    if layers:
        options = f"userxattr,lowerdir={':'.join(layers)},upperdir={upper},workdir={scratch}"
        _mount_in_root(root, name, "overlay", "overlay", options, _NO_SETUID)
    else:
        _mount_in_root(root, name, upper, "", "", _NO_SETUID)


def _mount_in_root(root: int, name: str, source: str, kind: str, options: str, attributes: int) -> None:
    place = _directory_in_root(root, name)
    kernel.mount(source, f"/proc/self/fd/{place}", kind, 0 if kind else kernel.MS_BIND, options)
    os.close(place)
    place = _directory_in_root(root, name)  # now what was mounted there
    kernel.add_attributes(f"/proc/self/fd/{place}", attributes)
    os.close(place)


def _directory_in_root(root: int, name: str) -> int:
    """Opens a directory of the new root, and makes it where it is missing.

    Parts of the way can be a solver's own (a home from a snapshot): no symbolic link is followed, and what stands in
    the way is moved aside, so that nothing that a solver leaves there can keep its disk from being mounted.
    """
    here = os.dup(root)
    for part in name.split("/"):
        try:
            below = _step(here, part)
        except (FileNotFoundError, NotADirectoryError):  # a link counts as no directory
            _move_aside(here, part)
            os.mkdir(part, 0o755, dir_fd=here)
            below = _step(here, part)
        finally:
            os.close(here)
        here = below
    return here


def _step(here: int, part: str) -> int:
    return os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)


def _move_aside(here: int, part: str) -> None:
    try:
        os.rename(part, f"{part[:200]}.moved-{os.urandom(4).hex()}", src_dir_fd=here, dst_dir_fd=here)
    except FileNotFoundError:
        pass


def _loopback_up() -> None:
    siocgifflags, siocsifflags, up = 0x8913, 0x8914, 1
    with_name = b"lo".ljust(16, b"\0")
    probe = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    try:
        answer = fcntl.ioctl(probe.fileno(), siocgifflags, with_name + bytes(24))
        flags = int.from_bytes(answer[16:18], "little") | up
        fcntl.ioctl(probe.fileno(), siocsifflags, with_name + flags.to_bytes(2, "little") + bytes(22))
    finally:
        probe.close()
