"""What is told of a disk that fails."""

import errno

from runloop_mcp.api.errors import Unavailable

_FULL = (errno.ENOSPC, errno.EDQUOT)


def disk_failure(error: OSError, what: str) -> Unavailable:
    """The error for a caller: what could not be done, why, and the way out where there is one."""
    hint = "Free some space on the disk of the state folder." if error.errno in _FULL else ""
    return Unavailable(f"{what}: {error.strerror}.", hint=hint)
