"""The process beside a box: it makes the namespaces and forks pid 1, and later copies and measures the box's disk.

It has the rights of the box's user over the box's files and nothing more: as root's helper it has dropped root before
anything else. What it does, it is asked for through a socket; when that closes, it ends the box.
"""

from __future__ import annotations

import errno
import marshal
import os
import select
import _signal
import sys

import _socket

from . import kernel, supervisor, trees

TYPE_CHECKING = False  # importing typing to say so would cost the start 3 ms
if TYPE_CHECKING:
    from typing import Any

_OWN_NAMESPACES = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWCGROUP
)
_MAX_DESCRIPTORS = 8
_MAX_PACKET = 1 << 16


def main() -> None:
    """Runs with the keeper's socket as its first argument: a number of an inherited descriptor."""
    channel = _socket.socket(fileno=int(sys.argv[2]))
    plan, descriptors = _receive(channel)
    try:
        child = _boot(plan, descriptors)
    except BaseException as error:  # noqa: BLE001 - whatever it was, the one who waits must learn of it
        _send(channel, b"failed 0 %d " % (getattr(error, "errno", 0) or 0) + _text(error))
        os._exit(1)
    _send(channel, b"done 0 %d" % child)
    _serve(channel, child)


def _text(error: BaseException) -> bytes:
    return f"{type(error).__name__}: {error}".encode(errors="replace")[:2000]


def _receive(channel: _socket.socket) -> tuple[Any, list[int]]:
    """The next packet, with the descriptors that came along; a packet that is too big arrives in a file of memory."""
    size = 4
    data, ancillary, _, _ = channel.recvmsg(_MAX_PACKET, _socket.CMSG_SPACE(_MAX_DESCRIPTORS * size), _socket.MSG_CMSG_CLOEXEC)
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


def _boot(plan: dict[str, Any], descriptors: list[int]) -> int:
    """Drops root, makes the namespaces and forks pid 1; returns its process id."""
    if plan["drop_to"] is not None:
        os.setgroups([])
        os.setresgid(plan["drop_to"], plan["drop_to"], plan["drop_to"])
        os.setresuid(plan["drop_to"], plan["drop_to"], plan["drop_to"])
        kernel.set_dumpable(on=True)  # else /proc/self belongs to root now
    kernel.die_with_parent()
    if os.getppid() != plan["parent"]:
        os._exit(1)
    with open("/proc/self/oom_score_adj", "w") as file:  # the box goes before the engine
        file.write("500")
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(_OWN_NAMESPACES | (kernel.CLONE_NEWNET if plan["own_network"] else 0))
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{plan['inside_uid']} {user} 1"),
        ("gid_map", f"{plan['inside_uid']} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)
    supervising = descriptors[0]
    alive, dies_with_us = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(dies_with_us)
        supervisor.main(plan, supervising, alive)
    for descriptor in (supervising, alive):
        os.close(descriptor)
    return child


def _serve(channel: _socket.socket, child: int) -> None:
    """Copies and measures on request, until the box or the engine has ended; then ends the box and itself."""
    ended = os.pidfd_open(child)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(channel.fileno(), select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if ended in ready:
            break
        request, descriptors = _receive(channel)
        if request is None:
            break
        try:
            answer = _do(request, descriptors)
        except OSError as error:
            answer = b"failed 0 %d " % (error.errno or errno.EIO) + _text(error)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        _send(channel, answer)
    os.kill(child, _signal.SIGKILL)
    os.waitpid(child, 0)
    os._exit(0)


def _do(request: tuple[str], descriptors: list[int]) -> bytes:
    if request[0] == "copy":
        *pairs, staging = descriptors
        for source, target in zip(pairs[::2], pairs[1::2], strict=True):
            trees.copy(source, target, staging)
        return b"done 0 0"
    return b"done 0 %d" % sum(trees.size(directory) for directory in descriptors)
