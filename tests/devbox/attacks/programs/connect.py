"""Tries to connect: `connect.py TARGETS` prints, for each [family, type, address], the error's name or "connected"."""

import errno
import json
import socket
import sys

outcomes = []
for family, kind, address in json.loads(sys.argv[1]):
    target = tuple(address) if isinstance(address, list) else address
    try:
        with socket.socket(getattr(socket, family), getattr(socket, kind)) as attempt:
            attempt.settimeout(5)
            attempt.connect(target)
            attempt.send(b"hello")
        outcomes.append("connected")
    except OSError as error:
        outcomes.append(errno.errorcode.get(error.errno or 0, str(error)))
json.dump(outcomes, sys.stdout)
