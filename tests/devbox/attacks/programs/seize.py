"""Tries to take over a process: `seize.py PID` prints, for each way, the error's name or "done".

PID null is a child of its own, which shows that the attempts would work on a process that is not protected.
"""

import ctypes
import errno
import json
import os
import platform
import signal
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_DETACH = 16, 0x4206, 17
NUMBERS = {"x86_64": {"kcmp": 312}, "aarch64": {"kcmp": 272}}[platform.machine()]
PIDFD_GETFD = 438


class Vector(ctypes.Structure):
    """The kernel's iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def attempt(result: int) -> str:
    """The outcome of a call."""
    return "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]


def opened(path: str, flags: int) -> str:
    """The outcome of opening a path."""
    try:
        os.close(os.open(path, flags))
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"


victim = json.loads(sys.argv[1])
child = 0
if victim is None:
    child = victim = os.fork()
    if child == 0:
        signal.pause()

buffer = ctypes.create_string_buffer(16)
local = Vector(ctypes.cast(buffer, ctypes.c_void_p), 16)
remote = Vector(id(victim) & ~0xFFF, 16)  # an address that a forked child has too
outcomes = {
    "process_vm_readv": attempt(libc.process_vm_readv(victim, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)),
    "process_vm_writev": attempt(libc.process_vm_writev(victim, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)),
    "mem": opened(f"/proc/{victim}/mem", os.O_RDWR),
    "environ": opened(f"/proc/{victim}/environ", os.O_RDONLY),
    "maps": opened(f"/proc/{victim}/maps", os.O_RDONLY),
    "kcmp": attempt(libc.syscall(NUMBERS["kcmp"], os.getpid(), victim, 1, 0, 0)),
}
try:
    descriptor = os.pidfd_open(victim)
    outcomes["pidfd_getfd"] = attempt(libc.syscall(PIDFD_GETFD, descriptor, 0, 0))
    os.close(descriptor)
except OSError as error:
    outcomes["pidfd_getfd"] = errno.errorcode[error.errno]
outcomes["ptrace_seize"] = attempt(libc.ptrace(PTRACE_SEIZE, victim, None, None))
if child:
    os.kill(child, signal.SIGKILL)
else:
    outcomes["ptrace_attach"] = attempt(libc.ptrace(PTRACE_ATTACH, victim, None, None))
json.dump(outcomes, sys.stdout)
