"""What callers name, as the kernel takes it; and what they are told where it can't be started."""

import errno
import os
from collections.abc import Mapping

from runloop_mcp.api.errors import ApiError, InvalidRequest, Unavailable
from runloop_mcp.devbox.port import Command


def environment_bytes(environment: Mapping[str, str]) -> dict[bytes, bytes]:
    """Variables as the kernel takes them.

    Raises:
        InvalidRequest: A name or a value is none.
    """
    for name in environment:
        if not name or "=" in name:
            raise InvalidRequest(f"{name!r} is no name of a variable.", hint="Names have no '=' and are not empty.")
    return {as_bytes(name): as_bytes(value) for name, value in environment.items()}


def as_bytes(text: str) -> bytes:
    """Text as the kernel takes it.

    Raises:
        InvalidRequest: It can't.
    """
    try:
        data = os.fsencode(text)
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            "The text holds half a character (a lone surrogate).", hint="Send valid Unicode."
        ) from error
    if b"\0" in data:
        raise InvalidRequest("A NUL character cannot be part of a path, an argument or a variable.")
    return data


def start_failure(word: str, number: int, command: Command, directory: bytes) -> ApiError:
    """What is told of a process that could not be started, from the supervisor's answer."""
    shown = os.fsdecode(directory)
    if word == "no-directory":
        return InvalidRequest(
            f"The working directory {shown} cannot be entered: {os.strerror(number)}.",
            hint="Give a directory that exists in the devbox, or make it first.",
        )
    program = command.argv[0]
    if number == errno.ENOENT:
        return InvalidRequest(
            f"There is no program {program!r} in the devbox, or the interpreter that it names is missing.",
            hint='Give a program on its PATH or a path to one; for a shell command use ["bash", "-c", "…"].',
        )
    if number in (errno.EAGAIN, errno.ENOMEM):
        return Unavailable(
            "The devbox has too many processes to start another.", hint="End some of them.", retryable=True
        )
    return InvalidRequest(f"The program {program!r} cannot be started: {os.strerror(number)}.")
