"""A command that is carried out by a process forked from one that has imported the program: see `forked_python.py`.

For clients that start a server by a command line. This program has little to import, so that it begins at once:

    python -I -S forked_command.py SOCKET ARGUMENTS…       ARGUMENTS are what `python` would get
"""

import _signal  # type: ignore[import-not-found] # not signal, which imports enum: it takes its time
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence

_START_SECONDS = 120.0


def ask(address: str, arguments: Sequence[str], env: Mapping[str, str], streams: Sequence[int]) -> socket.socket:
    """Asks for a process.

    Args:
        address: Where the process listens that forks.
        arguments: What `python` would get.
        env: Its environment.
        streams: Its standard streams.

    Returns:
        What tells the process's id, and then its exit status; closed earlier, the process is killed.
    """
    told = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    told.settimeout(_START_SECONDS)
    told.connect(address)
    request = {"arguments": list(arguments), "environment": dict(env), "cwd": os.getcwd()}  # noqa: PTH109 - pathlib takes its time
    socket.send_fds(told, [json.dumps(request).encode()], streams)
    return told


def main() -> int:
    """Carries out the command, and ends as it does."""
    with ask(sys.argv[1], sys.argv[2:], os.environ, range(3)) as told:
        process = int(told.recv(100))
        told.settimeout(None)
        for number in (_signal.SIGTERM, _signal.SIGINT):
            _signal.signal(number, lambda number, _: os.kill(process, number))
        for stream in range(2):
            os.close(stream)  # whoever reads or writes at the other end deals with the process alone
        return int(told.recv(100))


if __name__ == "__main__":
    status = main()
    os._exit(status if status >= 0 else 128 - status)
