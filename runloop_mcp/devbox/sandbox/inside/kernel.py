"""The system calls that Python's standard library has no name for."""

import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

ATTR_RDONLY = 0x1
ATTR_NOSUID = 0x2
ATTR_NODEV = 0x4
ATTR_NOEXEC = 0x8

_SYS_MOUNT_SETATTR = 442  # the same on every architecture
_SYS_PRLIMIT64 = {"x86_64": 302}.get(os.uname().machine, 261)  # 261 on aarch64 and all that came later
_AT_RECURSIVE = 0x8000

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_SIGKILL = 9
_UNLIMITED = (1 << 64) - 1
_SIGNAL_SET_BYTES = 128

LABEL = 10
"""RLIMIT_LOCKS, which limits nothing since Linux 2.4.25: every process inherits it, and everyone may read it."""


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


class _Limit(ctypes.Structure):
    _fields_ = (("soft", ctypes.c_uint64), ("hard", ctypes.c_uint64))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class KernelError(OSError):
    """A system call failed; the message names it and what it was for."""


def _check(result: int, doing: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise KernelError(number, f"{doing}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """Mounts, as the system call of this name."""
    done = libc.mount(
        os.fsencode(source), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), os.fsencode(options)
    )
    _check(done, f"mount {kind or source} on {target}")


def bind(source: str, target: str, attributes: int) -> None:
    """Shows a tree at a second place, with everything mounted in it, and adds attributes to all of that."""
    mount(source, target, "", MS_BIND | MS_REC)
    add_attributes(target, attributes, recursive=True)


def add_attributes(target: str, attributes: int, *, recursive: bool = False) -> None:
    """Adds attributes to a mount; those that it has stay, which a remount in a user namespace must ensure itself."""
    wanted = _MountAttr(attr_set=attributes)
    done = libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(-100),
        os.fsencode(target),
        ctypes.c_uint(_AT_RECURSIVE if recursive else 0),
        ctypes.byref(wanted),
        ctypes.c_size_t(ctypes.sizeof(wanted)),
    )
    _check(done, f"mount_setattr on {target}")


def pivot_to_here() -> None:
    """Makes the current directory the root, and lets go of the old root."""
    _check(libc.pivot_root(b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def unmount(target: str) -> None:
    """Takes a mount away; what is still open in it stays usable."""
    _check(libc.umount2(os.fsencode(target), MNT_DETACH), f"umount2 of {target}")


def unshare(flags: int) -> None:
    """Leaves namespaces for new ones."""
    _check(libc.unshare(ctypes.c_int(flags)), "unshare")


def sethostname(name: bytes) -> None:
    """Names the machine that the processes of this namespace believe to be on."""
    _check(libc.sethostname(name, ctypes.c_size_t(len(name))), "sethostname")


def _prctl(option: int, first: int, second: int = 0, doing: str = "prctl") -> None:
    zero = ctypes.c_ulong(0)
    _check(libc.prctl(ctypes.c_int(option), ctypes.c_ulong(first), ctypes.c_ulong(second), zero, zero), doing)


def die_with_parent() -> None:
    """Asks for SIGKILL when the thread that made this process ends."""
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL)


def set_dumpable(*, on: bool) -> None:
    """Says whether others of the same user may look into this process."""
    _prctl(_PR_SET_DUMPABLE, int(on))


def label_children(label: int, secret: int) -> None:
    """Gives what this process starts from now on a label that it can't get rid of, and hands on to all it starts.

    The filter on system calls lets nobody set it who does not know the secret, which goes along in a register that the
    call itself does not use.
    """
    _label.soft = label
    _check(_set_label(_SYS_PRLIMIT64, 0, LABEL, _label_place, None, secret, 0), "prlimit RLIMIT_LOCKS")


_label = _Limit(0, _UNLIMITED)
_label_place = ctypes.addressof(_label)
_set_label = libc["syscall"]  # a function of its own, so that its arguments are no other call's
_set_label.argtypes = (
    ctypes.c_long, ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64,
)  # fmt: skip


def signal_descriptor(number: int) -> int:
    """A descriptor that reads as ready while this signal, which has to be blocked, is there to be taken."""
    wanted = (1 << (number - 1)).to_bytes(8, sys.byteorder).ljust(_SIGNAL_SET_BYTES, bytes(1))
    descriptor = libc.signalfd(-1, wanted, os.O_NONBLOCK | os.O_CLOEXEC)
    _check(0 if descriptor >= 0 else -1, "signalfd")
    return int(descriptor)


def drop_all_capabilities() -> None:
    """Gives up every capability, for this process and all that it starts."""
    capability = 0
    while libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) == 0:
        capability += 1
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    _check(libc.capset(ctypes.byref(header), ctypes.byref(none)), "capset")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def install_filter(program: bytes) -> None:
    """Puts a seccomp filter on this process and all that it starts."""
    code = ctypes.create_string_buffer(program, len(program))
    wanted = _Program(len(program) // 8, ctypes.cast(code, ctypes.c_void_p))
    address = ctypes.addressof(wanted)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, address, doing="seccomp filter")
