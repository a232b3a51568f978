"""The filter on a box's system calls, made with libseccomp, which knows the numbers on every architecture.

What is refused is what a box has no use for and the kernel's history has holes in: changing mounts and namespaces,
loading code into the kernel, watching other programs through it, and sockets that a network namespace does not hold in.
Debuggers (ptrace) stay possible: they reach the box's own processes only.
"""

import ctypes
import errno
import os

_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000  # with an error number in the low 16 bits
_UNEQUAL, _EQUAL, _AT_LEAST, _MASKED = 1, 4, 5, 7
_OPTIMIZE = 8
_BY_TREE = 2

_REFUSED = (
    "mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr", "mount_setattr",
    "fsopen", "fsconfig", "fsmount", "fspick", "unshare", "setns",
    "bpf", "perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "fanotify_init",
    "keyctl", "add_key", "request_key", "open_by_handle_at", "name_to_handle_at", "lookup_dcookie",
    "init_module", "finit_module", "delete_module", "create_module", "kexec_load", "kexec_file_load",
    "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog", "nfsservctl", "vhangup",
    "settimeofday", "stime", "clock_settime", "clock_settime64", "clock_adjtime", "clock_adjtime64", "adjtimex",
    "sethostname", "setdomainname", "iopl", "ioperm", "_sysctl", "vm86", "vm86old", "uselib", "ustat", "sysfs",
)  # fmt: skip
_SOCKETS_ALLOWED = (1, 2, 10, 16)  # unix, IPv4, IPv6, netlink
_LAST_SOCKET_FAMILY = 64
_NEW_NAMESPACE = (17, 25, 26, 27, 28, 29, 30)  # the bits of CLONE_NEW…; that of time namespaces means a signal here
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_DEVICES = (0o020000, 0o060000)
_KIND_OF_FILE = 0o170000
_LABEL = 10  # RLIMIT_LOCKS
_LOW_HALF = 0xFFFFFFFF
_SUPERVISOR = 1
_GIVES_ROOM_BACK = 0x02 | 0x08  # of fallocate: a hole, or a part cut out


class MissingLibrary(Exception):
    """libseccomp is not installed, or too old."""


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError as error:
        raise MissingLibrary(str(error)) from error
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p,
    ]  # fmt: skip
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return library


class _Filter:
    """A filter that allows what no rule refuses."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._context = library.seccomp_init(_ALLOW)
        library.seccomp_attr_set(self._context, _OPTIMIZE, _BY_TREE)  # older libraries go on without

    def refuse(self, name: str, error: int, *comparisons: tuple[int, int, int, int]) -> None:
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number == -1:  # no such call on this architecture, or one newer than the library
            return
        array = (_Comparison * max(1, len(comparisons)))(*[_Comparison(*one) for one in comparisons])
        done = self._library.seccomp_rule_add_array(
            self._context, _REFUSE | error, number, len(comparisons), ctypes.byref(array)
        )
        if done != 0:
            raise MissingLibrary(f"libseccomp cannot express the rule on {name}: {os.strerror(-done)}")

    def program(self) -> bytes:
        memory = os.memfd_create("filter")
        try:
            if self._library.seccomp_export_bpf(self._context, memory) != 0:
                raise MissingLibrary("libseccomp cannot write its filter")
            return os.pread(memory, 1 << 20, 0)
        finally:
            os.close(memory)
            self._library.seccomp_release(self._context)


def program(secret: int) -> bytes:
    """The filter, as the kernel takes it.

    Args:
        secret: Lets its knower label processes (`inside.kernel.label_children`): 64 bits that nobody can guess.

    Raises:
        MissingLibrary: libseccomp is not there.
    """
    rules = _Filter(_load())
    for name in _REFUSED:
        rules.refuse(name, errno.EPERM)
    rules.refuse(
        "clone3", errno.ENOSYS
    )  # its flags lie in memory, where a filter cannot look; libc falls back to clone
    for bit in _NEW_NAMESPACE:
        rules.refuse("clone", errno.EPERM, (0, _MASKED, 1 << bit, 1 << bit))
    for family in range(_LAST_SOCKET_FAMILY):
        if family not in _SOCKETS_ALLOWED:
            rules.refuse("socket", errno.EAFNOSUPPORT, (0, _EQUAL, family, 0))
    rules.refuse("socket", errno.EAFNOSUPPORT, (0, _AT_LEAST, _LAST_SOCKET_FAMILY, 0))
    for request in _TERMINAL_INPUT:
        rules.refuse("ioctl", errno.EPERM, (1, _MASKED, _LOW_HALF, request))
    # It takes a whole disk at once, faster than anyone can watch; programs do without on file systems that have it not.
    rules.refuse("fallocate", errno.EOPNOTSUPP, (1, _MASKED, _GIVES_ROOM_BACK, 0))
    rules.refuse("setrlimit", errno.EPERM, (0, _MASKED, _LOW_HALF, _LABEL))
    label = ((1, _MASKED, _LOW_HALF, _LABEL), (2, _UNEQUAL, 0, 0), (4, _UNEQUAL, secret, 0))
    rules.refuse("prlimit64", errno.EPERM, *label)
    rules.refuse("prlimit64", errno.EPERM, (0, _MASKED, _LOW_HALF, _SUPERVISOR), (2, _UNEQUAL, 0, 0))
    for kind in _DEVICES:
        rules.refuse("mknod", errno.EPERM, (1, _MASKED, _KIND_OF_FILE, kind))
        rules.refuse("mknodat", errno.EPERM, (2, _MASKED, _KIND_OF_FILE, kind))
    return rules.program()
