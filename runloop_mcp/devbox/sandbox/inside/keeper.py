"""The process beside a box: it makes the namespaces and forks pid 1, and later copies and measures the box's disk.

It has the rights of the box's user over the box's files and nothing more: as root's helper it has dropped root before
anything else. What it does, it is asked for through a socket; when that closes, it ends the box.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # not signal, which imports enum: 3 ms
import _socket
import errno
import marshal
import os
import select
import sys

from . import kernel, nameless, observing, root, shared_memory, supervisor, trees

TYPE_CHECKING = False  # importing typing to say so would cost the start 3 ms
if TYPE_CHECKING:
    from typing import Any

_FOR_FILES = kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS
_FOR_A_BOX = kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS | kernel.CLONE_NEWCGROUP
_MAX_DESCRIPTORS = 8
_MAX_PACKET = 1 << 16


def main() -> None:
    """Runs with the keeper's socket as its first argument: a number of an inherited descriptor."""
    channel = _socket.socket(fileno=int(sys.argv[2]))
    plan, descriptors = _receive(channel)
    try:
        _drop_root(plan)
        _own_namespaces(plan)
        child = _fork_supervisor(plan, *descriptors) if plan["boot"] else None
    except BaseException as error:  # noqa: BLE001 - whatever it was, the one who waits must learn of it
        _send(channel, b"failed 0 %d " % (getattr(error, "errno", 0) or 0) + _text(error))
        os._exit(1)
    _send(channel, b"done 0 %d" % (child or 0))
    _serve(channel, child)


def _text(error: BaseException) -> bytes:
    return f"{type(error).__name__}: {error}".encode(errors="replace")[:2000]


def _receive(channel: _socket.socket) -> tuple[Any, list[int]]:
    """The next packet, with the descriptors that came along; a packet that is too big arrives in a file of memory."""
    size = 4
    data, ancillary, _, _ = channel.recvmsg(
        _MAX_PACKET, _socket.CMSG_SPACE(_MAX_DESCRIPTORS * size), _socket.MSG_CMSG_CLOEXEC
    )
    descriptors: list[int] = []
    for level, kind, content in ancillary:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            whole = len(content) - len(content) % size
            descriptors += [int.from_bytes(content[i : i + size], sys.byteorder) for i in range(0, whole, size)]
    if data == b"in memory":
        memory = descriptors.pop()
        with open(memory, "rb") as file:
            file.seek(0)
            data = file.read()
    return (marshal.loads(data) if data else None), descriptors  # noqa: S302 - from the engine, in the trusted direction


def _send(channel: _socket.socket, packet: bytes) -> None:
    try:
        channel.send(packet)
    except OSError:
        os._exit(1)  # nobody is there any more


def _drop_root(plan: dict[str, Any]) -> None:
    with open("/proc/self/oom_score_adj", "w") as file:  # the box goes before the engine; what root sets, it can't undo
        file.write("500")
    if plan["drop_to"] is not None:
        os.setgroups([])
        os.setresgid(plan["drop_to"], plan["drop_to"], plan["drop_to"])
        os.setresuid(plan["drop_to"], plan["drop_to"], plan["drop_to"])
        kernel.set_dumpable(on=True)  # else /proc/self belongs to root now
    kernel.die_with_parent()
    if os.getppid() != plan["parent"]:
        os._exit(1)


def _own_namespaces(plan: dict[str, Any]) -> None:
    user, group = os.geteuid(), os.getegid()
    wanted = _FOR_FILES
    if plan["boot"]:
        wanted |= _FOR_A_BOX | (kernel.CLONE_NEWNET if plan["own_network"] else 0)
    kernel.unshare(wanted)
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{plan['inside_uid']} {user} 1"),
        ("gid_map", f"{plan['inside_uid']} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)


def _fork_supervisor(plan: dict[str, Any], channel: int, lock: int) -> int:
    alive, dies_with_us = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(dies_with_us)
        supervisor.main(plan, channel, lock, alive)
    os.close(alive)
    os.close(channel)
    return child


def _serve(channel: _socket.socket, child: int | None) -> None:
    """Copies and measures on request, until the box or the engine has ended; then ends the box and itself."""
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    if child is not None:
        poll.register(os.pidfd_open(child), select.POLLIN)
    while True:
        if channel.fileno() not in dict(poll.poll()):
            break
        request, descriptors = _receive(channel)
        if request is None:
            break
        try:
            answer = _do(request, child, descriptors)
        except OSError as error:
            answer = b"failed 0 %d " % (error.errno or errno.EIO) + _text(error)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        _send(channel, answer)
    if child is not None:
        os.kill(child, _signal.SIGKILL)
        os.waitpid(child, 0)
    os._exit(0)


def _do(request: Any, child: int | None, descriptors: list[int]) -> bytes:
    match request:
        case ("size", names, entry_bytes):
            held = nameless.on_disks(child) if child is not None else 0
            number = held + sum(_size(name, entry_bytes) for name in names)
        case ("changed", *what):
            number = _changed(descriptors[0], *what)
        case ("shared-memory",):
            number = shared_memory.size(child) if child is not None else 0
        case _:
            _change(request)
            number = 0
    return b"done 0 %d" % number


def _change(request: Any) -> None:
    match request:
        case ("free-shared-memory",):
            shared_memory.free()
        case ("mountable", *what):
            _try_overlay(*what)
        case ("fill", parts, staging):
            for layers, target in parts:
                for layer in reversed(layers):
                    _copy(layer, target, staging, over=True)
        case ("copy", parts, staging):
            for source, target, layers in parts:
                if layers:
                    _copy_merged(layers, target, staging)
                else:
                    _copy(source, target, staging)


def _size(name: str, entry_bytes: int) -> int:
    directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return trees.size(directory, entry_bytes=entry_bytes)
    finally:
        os.close(directory)


def _changed(results: int, name: str, since_ns: int, limit: int, passed_over: str) -> int:
    """Writes the paths of what was changed below a directory; returns whether there was more."""
    directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found, more = trees.changed(directory, since_ns, limit, passed_over)
    finally:
        os.close(directory)
    observing.write(results, [os.fsencode(path) for path in found])
    return int(more)


def _try_overlay(lower: str, upper: str, scratch: str) -> None:
    """Mounts an overlay as boxes have them, and takes it away again."""
    place = root.an_existing_directory()
    options = f"userxattr,lowerdir={lower},upperdir={upper},workdir={scratch}"
    kernel.mount("overlay", place, "overlay", options=options)
    kernel.unmount(place)


def _copy(source: str, target: str, staging: str, *, over: bool = False) -> None:
    opened: list[int] = []
    try:
        opened.extend(os.open(name, os.O_RDONLY | os.O_DIRECTORY) for name in (source, target, staging))
        trees.copy(opened[0], opened[1], opened[2], over=over)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _copy_merged(layers: list[str], target: str, staging: str) -> None:
    """Copies what layers show together, so that a new layer needs none of them."""
    place = root.an_existing_directory()
    kernel.mount("overlay", place, "overlay", options=f"userxattr,lowerdir={':'.join(layers)}")
    try:
        _copy(place, target, staging)
    finally:
        kernel.unmount(place)
