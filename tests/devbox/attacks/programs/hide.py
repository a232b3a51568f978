"""Hides from whoever ends commands: `hide.py WORD` leaves a process behind, prints "up", and sleeps.

That process has another parent, another session, an empty environment, no readable memory, and deafness to signals.
"""

import ctypes
import json
import os
import signal
import sys

PR_SET_DUMPABLE = 4
word = json.loads(sys.argv[1])
stay = (
    "import ctypes, os, signal, sys\n"
    "[signal.signal(number, signal.SIG_IGN) for number in (1, 2, 3, 13, 15)]\n"
    f"ctypes.CDLL(None).prctl({PR_SET_DUMPABLE}, 0, 0, 0, 0)\n"
    "os.write(1, b'up\\n')\n"
    "os.closerange(0, 64)\n"
    "signal.pause()"
)

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        os.chdir("/")
        os.execve("/usr/bin/python3", ["python3", "-I", "-S", "-c", stay, word], {})  # noqa: S606 - so that its environment is empty
    os._exit(0)
signal.pause()
