"""A filter on system calls beside the engine's own: profiles differ by engine and version, and some are switched off.

It refuses what the sandbox's filter refuses and a profile may let through: new namespaces and mounts, io_uring, keys,
input typed into terminals, sockets that a network namespace does not hold in, room on the disk taken in advance, and
other labels than the supervisor gives (`kernel.label_children`). Written out here for the two usual machines, because
an image need not have libseccomp; on others the engine's profile stands alone.
"""

from __future__ import annotations

import os
import struct

from runloop_mcp.devbox.sandbox.inside import kernel

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND, _THIRD, _FIFTH = 0, 4, 16, 24, 32, 48
_HIGH_HALF = 4
"""How much further that of an argument lies."""
_SUPERVISOR = 1
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS, _EOPNOTSUPP, _EAFNOSUPPORT = 1, 38, 95, 97
_GIVES_ROOM_BACK = 0x0A  # of fallocate: a hole, or a part cut out
_OTHER_INTERFACE = 0x40000000
"""Where the numbers of x32 begin."""
_NEW_NAMESPACE = 0x7E020000
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_SOCKETS_ALLOWED = (1, 2, 10, 16)  # unix, IPv4, IPv6, netlink
_EVERYWHERE = (
    425, 426, 427,  # io_uring_setup, io_uring_enter, io_uring_register
    428, 429, 430, 431, 432, 433, 442,  # open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr
)  # fmt: skip
_CLONE3 = 435
# In this order: mount, umount2, pivot_root, chroot, unshare, setns, bpf, perf_event_open, userfaultfd, add_key,
# request_key, keyctl, name_to_handle_at, open_by_handle_at.
_MACHINES = {
    "x86_64": (
        0xC000003E,
        {"clone": 56, "ioctl": 16, "socket": 41, "setrlimit": 160, "prlimit64": 302, "fallocate": 285},
        (165, 166, 155, 161, 272, 308, 321, 298, 323, 248, 249, 250, 303, 304),
    ),
    "aarch64": (
        0xC00000B7,
        {"clone": 220, "ioctl": 29, "socket": 198, "setrlimit": 164, "prlimit64": 261, "fallocate": 47},
        (40, 39, 41, 51, 97, 268, 280, 241, 282, 217, 218, 219, 264, 265),
    ),
}


def program(secret: int) -> bytes | None:
    """The filter, as the kernel takes it; None for a machine whose numbers are not known here.

    Args:
        secret: Lets its knower label processes; 64 bits that nobody can guess.
    """
    known = _MACHINES.get(os.uname().machine)
    if known is None:
        return None
    architecture, calls, refused = known
    code = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        *_when(_AT_LEAST, _OTHER_INTERFACE, _ERROR | _ENOSYS),
        *_when(_EQUAL, _CLONE3, _ERROR | _ENOSYS),  # its flags lie in memory; libraries fall back to clone
    ]
    for number in (*refused, *_EVERYWHERE):
        code += _when(_EQUAL, number, _ERROR | _EPERM)
    code += _inspected(calls["clone"], _FIRST, _when(_ANY_BIT, _NEW_NAMESPACE, _ERROR | _EPERM), _ALLOW)
    typed = [step for each in _TERMINAL_INPUT for step in _when(_EQUAL, each, _ERROR | _EPERM)]
    code += _inspected(calls["ioctl"], _SECOND, typed, _ALLOW)
    families = [step for each in _SOCKETS_ALLOWED for step in _when(_EQUAL, each, _ALLOW)]
    code += _inspected(calls["socket"], _FIRST, families, _ERROR | _EAFNOSUPPORT)
    code += _inspected(calls["fallocate"], _SECOND, _when(_ANY_BIT, _GIVES_ROOM_BACK, _ALLOW), _ERROR | _EOPNOTSUPP)
    code += _inspected(calls["setrlimit"], _FIRST, _when(_EQUAL, kernel.LABEL, _ERROR | _EPERM), _ALLOW)
    code += _labels_held(calls["prlimit64"], secret)
    return b"".join([*code, _step(_RETURN, _ALLOW)])


def _step(code: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_so, if_not, value)


def _when(test: int, value: int, answer: int) -> list[bytes]:
    return [_step(test, value, 0, 1), _step(_RETURN, answer)]


def _inspected(call: int, argument: int, tests: list[bytes], otherwise: int) -> list[bytes]:
    """Tests of one call's argument; whatever they don't answer gets the last answer."""
    inside = [_step(_LOAD, argument), *tests, _step(_RETURN, otherwise)]
    return [_step(_EQUAL, call, 0, len(inside)), *inside]


def _labels_held(call: int, secret: int) -> list[bytes]:
    """Of prlimit64: all may ask, nobody sets the supervisor's limits, and labels only who knows the secret."""
    inside = [
        _step(_LOAD, _THIRD),
        _step(_EQUAL, 0, 0, 3),
        _step(_LOAD, _THIRD + _HIGH_HALF),
        *_when(_EQUAL, 0, _ALLOW),
        _step(_LOAD, _FIRST),
        *_when(_EQUAL, _SUPERVISOR, _ERROR | _EPERM),
        _step(_LOAD, _SECOND),
        *_unless(kernel.LABEL, _ALLOW),
        _step(_LOAD, _FIFTH),
        *_unless(secret & 0xFFFFFFFF, _ERROR | _EPERM),
        _step(_LOAD, _FIFTH + _HIGH_HALF),
        *_unless(secret >> 32, _ERROR | _EPERM),
        _step(_RETURN, _ALLOW),
    ]
    return [_step(_EQUAL, call, 0, len(inside)), *inside]


def _unless(value: int, answer: int) -> list[bytes]:
    return [_step(_EQUAL, value, 1, 0), _step(_RETURN, answer)]
