"""The process beside each command: all that the command starts stays below it, and it ends as the command does."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # see processes
import errno
import os
import resource

from runloop_mcp.devbox.runloop.inside import family
from runloop_mcp.devbox.sandbox.inside import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_NAME = b"rlmcp-warden"
NO_DIRECTORY = 1 << 16
"""Added to the number of an error where it is the directory that is not there."""


class Order:
    """What is to be started, and with what."""

    def __init__(
        self,
        argv: list[bytes],
        directory: bytes,
        environment: dict[bytes, bytes],
        streams: tuple[int, int, int],
        limits: list[tuple[int, int]],
    ) -> None:
        self.argv = argv
        self.directory = directory
        self.environment = environment
        self.streams = streams
        self.limits = limits


def start(order: Order) -> tuple[int, int, int]:
    """Starts a command.

    Returns:
        The process id of its warden, its own, and 0; or 0, 0 and the number of the error.
    """
    told, tell = os.pipe()
    warden = os.fork()
    if warden == 0:
        try:
            _ward(order, tell)
        finally:
            os._exit(1)
    os.close(tell)
    try:
        said = b""
        while len(said) < 8 and (part := os.read(told, 8 - len(said))):
            said += part
    finally:
        os.close(told)
    failure, command = int.from_bytes(said[:4], "big"), int.from_bytes(said[4:], "big")
    if len(said) < 8 or failure:
        os.waitpid(warden, 0)
        return 0, 0, failure or errno.EIO
    return warden, command, 0


def _ward(order: Order, tell: int) -> NoReturn:
    _signal.set_wakeup_fd(-1)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    family.be_called(_NAME)
    failure = command = 0
    try:
        family.become_reaper()
        for name, limit in order.limits:
            hard = resource.getrlimit(name)[1]
            held = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            resource.setrlimit(name, (held, held))
        try:
            os.chdir(order.directory)
        except OSError as error:
            failure = NO_DIRECTORY | (error.errno or errno.EIO)
        else:
            command = processes.spawn(order.argv, order.environment, *order.streams)
            os.chdir("/")
    except OSError as error:
        failure = error.errno or errno.EIO
    except ValueError:
        failure = errno.EINVAL
    os.write(tell, failure.to_bytes(4, "big") + command.to_bytes(4, "big"))
    if failure:
        os._exit(1)
    _let_go_of_everything()
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == command:
            _end_as(status)


def _let_go_of_everything() -> None:
    """Closes what belongs to the agent: pipes of other commands, and its line."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError as error:
                if error.errno != errno.EBADF:  # the listing's own
                    raise


def _end_as(status: int) -> NoReturn:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != _signal.SIGKILL:
            _signal.signal(number, _signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))
