"""Files that a box has handed out: opened inside it, read and written here. Everything here may block."""

import errno
import os
import stat

from runloop_mcp.api.errors import ApiError, InvalidRequest, NotFound, Unavailable
from runloop_mcp.devbox.port import FileData

MAX_READ = 64 << 20
"""The most bytes that one call reads."""


def file_failure(number: int, path: str, operation: str) -> ApiError:
    """What is told of a file that could not be opened, read or written, from the error's number."""
    if number == errno.ENOENT:
        return NotFound(f"There is no file {path} in the devbox.", hint="List the directory to see what is there.")
    if number == errno.ENOTDIR:
        kind = NotFound if operation == "read" else InvalidRequest
        return kind(f"A part of the path {path} is no directory.", hint="List the directory to see what is there.")
    if number in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(f"The disk is full; {path} was not written.", hint="Delete files that are not needed.")
    if number == errno.EISDIR:
        return InvalidRequest(f"{path} is a directory.", hint="Give the path of a file.")
    if number in (errno.ENXIO, errno.ENODEV):
        return InvalidRequest(f"{path} is no regular file.", hint="Pipes, sockets and devices need a command.")
    return InvalidRequest(f"Cannot {operation} {path}: {os.strerror(number)}.")


def read(opened: int, path: str, offset: int, limit: int | None) -> FileData:
    """Reads an open file, or a part of it, and closes it."""
    try:
        about = os.fstat(opened)
        wanted = max(0, about.st_size - offset) if limit is None else limit
        if limit is None and wanted > MAX_READ:
            raise InvalidRequest(
                f"{path} holds {about.st_size} bytes, more than is read at once.",
                hint=f"Read it in parts with offset and limit, of up to {MAX_READ} bytes each.",
            )
        data = bytearray()
        wanted = min(wanted, MAX_READ)
        while len(data) < wanted:
            part = os.pread(opened, min(wanted - len(data), 1 << 20), offset + len(data))
            if not part:
                break
            data += part
        return FileData(bytes(data), about.st_size, stat.S_IMODE(about.st_mode))
    except OSError as error:
        raise file_failure(error.errno or errno.EIO, path, "read") from error
    finally:
        os.close(opened)


def write(opened: int, path: str, data: bytes, mode: int | None) -> None:
    """Replaces what an open file holds, and closes it; it is never empty on the way."""
    try:
        position = 0
        while position < len(data):
            position += os.pwrite(opened, data[position : position + (1 << 20)], position)
        os.ftruncate(opened, len(data))
        if mode is not None:
            os.fchmod(opened, stat.S_IMODE(mode))
    except OSError as error:
        raise file_failure(error.errno or errno.EIO, path, "write") from error
    finally:
        os.close(opened)
