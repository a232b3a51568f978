"""Tries system calls that would open a way out: prints, for each, the error's name or "done"."""

import ctypes
import errno
import json
import os
import platform
import signal
import socket
import stat
import sys

libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"
CLONE_NEW = {
    "user": 0x10000000, "mount": 0x20000, "pid": 0x20000000, "net": 0x40000000,
    "ipc": 0x8000000, "uts": 0x4000000, "cgroup": 0x2000000, "time": 0x80,
}  # fmt: skip
AT_FDCWD, AT_RECURSIVE, OPEN_TREE_CLONE, DETACH = -100, 0x8000, 1, 2
outcomes: dict[str, str] = {}


def attempt(name: str, result: int) -> None:
    """Notes the outcome of a call."""
    outcomes[name] = "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]


def in_child(name: str, call: str, *arguments: object) -> None:
    """Notes the outcome of a call that would change the calling process, made in a child."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if getattr(libc, call)(*arguments) >= 0 else ctypes.get_errno())
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    outcomes[name] = "done" if status == 0 else errno.errorcode.get(status, str(status))


for space, flag in CLONE_NEW.items():
    in_child(f"unshare {space}", "unshare", flag)
    if space == "time":
        continue  # to clone, its bit is a part of the signal's number
    number = 220 if ARM else 56
    pid = libc.syscall(number, flag | signal.SIGCHLD, None, None, None, None)
    if pid == 0:
        os._exit(0)
    attempt(f"clone {space}", pid)
    if pid > 0:
        os.waitpid(pid, 0)
for space in ("mnt", "net", "user", "pid"):
    descriptor = os.open(f"/proc/self/ns/{space}", os.O_RDONLY)
    in_child(f"setns {space}", "setns", descriptor, 0)
arguments = (ctypes.c_uint64 * 11)(CLONE_NEW["user"], 0, 0, 0, signal.SIGCHLD)
pid = libc.syscall(435, ctypes.byref(arguments), ctypes.sizeof(arguments))
if pid == 0:
    os._exit(0)
attempt("clone3 user", pid)

os.makedirs("/tmp/target", exist_ok=True)
for filesystem in (b"tmpfs", b"proc", b"sysfs", b"overlay", b"cgroup2", b"devtmpfs"):
    attempt(f"mount {filesystem.decode()}", libc.mount(b"none", b"/tmp/target", filesystem, 0, None))
attempt("mount bind", libc.mount(b"/", b"/tmp/target", None, 4096 | 16384, None))
attempt("mount remount", libc.mount(b"none", b"/usr", None, 32, None))
attempt("umount proc", libc.umount2(b"/proc", DETACH))
attempt("umount usr", libc.umount2(b"/usr", DETACH))
attempt("open_tree", libc.syscall(428, AT_FDCWD, b"/", OPEN_TREE_CLONE | AT_RECURSIVE))
attempt("move_mount", libc.syscall(429, AT_FDCWD, b"/tmp", AT_FDCWD, b"/home", 0))
attempt("fsopen", libc.syscall(430, b"tmpfs", 0))
attempt("mount_setattr", libc.syscall(442, AT_FDCWD, b"/usr", 0, (ctypes.c_uint64 * 4)(0, 1, 0, 0), 32))
in_child("chroot", "chroot", b"/tmp")
in_child("pivot_root", "syscall", 41 if ARM else 155, b"/tmp", b"/tmp")
attempt("mknod null", libc.mknod(b"/tmp/null", stat.S_IFCHR | 0o666, os.makedev(1, 3)))
attempt("mknod disk", libc.mknod(b"/tmp/disk", stat.S_IFBLK | 0o666, os.makedev(8, 0)))
attempt("mknod whiteout", libc.mknod(b"/tmp/whiteout", stat.S_IFCHR | 0o666, os.makedev(0, 0)))
handle, mount_id = ctypes.create_string_buffer(136), ctypes.c_int()
handle[0:4] = (128).to_bytes(4, "little")
attempt("open_by_handle_at", libc.syscall(265 if ARM else 304, AT_FDCWD, handle, os.O_RDONLY))
in_child("setuid", "setuid", 0)
in_child("setgid", "setgid", 0)
in_child("setgroups", "setgroups", 1, (ctypes.c_uint32 * 1)(0))
attempt("chown", libc.chown(b"/tmp/target", 12345, 12345))
attempt("reboot", libc.syscall(142 if ARM else 169, 0xFEE1DEAD, 672274793, 0, None))
attempt("sethostname", libc.sethostname(b"owned", 5))
attempt("settimeofday", libc.settimeofday((ctypes.c_long * 2)(1, 0), None))
attempt("swapon", libc.swapon(b"/tmp/target", 0))
attempt("init_module", libc.syscall(105 if ARM else 175, b"x", 1, b""))
attempt("kexec_load", libc.syscall(104 if ARM else 246, 0, 0, None, 0))
attempt("bpf", libc.syscall(280 if ARM else 321, 0, (ctypes.c_uint32 * 32)(1, 4, 4, 1), 128))
attempt("perf_event_open", libc.syscall(241 if ARM else 298, (ctypes.c_uint32 * 32)(1, 128), -1, 0, -1, 0))
attempt("userfaultfd", libc.syscall(282 if ARM else 323, 0))
attempt("io_uring_setup", libc.syscall(425, 8, (ctypes.c_uint32 * 32)()))
attempt("add_key", libc.syscall(217 if ARM else 248, b"user", b"name", b"data", 4, -3))
attempt("keyctl", libc.syscall(219 if ARM else 250, 0, -3, 1))

for family, number, kind in (
    ("AF_VSOCK", 40, socket.SOCK_STREAM), ("AF_ALG", 38, socket.SOCK_SEQPACKET), ("AF_PACKET", 17, socket.SOCK_RAW),
    ("AF_INET raw", 2, socket.SOCK_RAW),
):  # fmt: skip
    protocol = {"AF_PACKET": socket.htons(3), "AF_INET raw": 1}.get(family, 0)
    descriptor = libc.socket(number, kind, protocol)
    attempt(family, descriptor)
json.dump(outcomes, sys.stdout)
