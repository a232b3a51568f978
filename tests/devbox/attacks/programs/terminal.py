"""Tries to type into terminals: prints, for each it can reach, the error's name or "done"."""

import errno
import fcntl
import json
import os
import pty
import sys
import termios


def typed(descriptor: int) -> str:
    """Puts a character into a terminal's input, as if somebody had typed it."""
    try:
        fcntl.ioctl(descriptor, termios.TIOCSTI, b"x")
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"


outcomes = {str(descriptor): typed(descriptor) for descriptor in range(3)}
try:
    outcomes["/dev/tty"] = typed(os.open("/dev/tty", os.O_RDWR))
except OSError as error:
    outcomes["/dev/tty"] = errno.errorcode[error.errno]

reading, writing = os.pipe()
if os.fork() == 0:  # a session of its own with a terminal of its own: there the kernel itself would allow it
    os.setsid()
    controlling, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    os.write(writing, typed(terminal).encode())
    os._exit(0)
os.close(writing)
outcomes["own"] = os.read(reading, 100).decode()
json.dump(outcomes, sys.stdout)
