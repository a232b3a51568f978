"""What is told of a disk that fails."""

import contextlib
import errno
from collections.abc import Iterator

from runloop_mcp.api.errors import Unavailable

_FULL = (errno.ENOSPC, errno.EDQUOT)
_TOO_MANY = (errno.EMFILE, errno.ENFILE)


def disk_failure(error: OSError, what: str) -> Unavailable:
    """The error that is told; `what` is what could not be done, as a sentence without its end."""
    hint = "Free some space on the disk of the state folder." if error.errno in _FULL else ""
    if error.errno in _TOO_MANY:
        hint = "The server has too many files open: end other devboxes and commands, or raise its limit (ulimit -n)."
    return Unavailable(f"{what}: {error.strerror}.", hint=hint)


@contextlib.contextmanager
def disk_failures(what: str) -> Iterator[None]:
    """A block whose failures are told as those of the disk."""
    try:
        yield
    except TimeoutError:
        raise
    except OSError as error:
        raise disk_failure(error, what) from error
