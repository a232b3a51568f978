"""Paths that callers give, made ready for a driver, which knows no `~`."""

import posixpath

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.devbox.port import HOME


def expanded(path: str) -> str:
    """The path with a `~` at its beginning replaced by the home."""
    if path == "~" or path.startswith("~/"):
        return posixpath.join(HOME, path[2:].lstrip("/"))
    return path


def file_path(path: str) -> str:
    """The path of a file.

    Raises:
        InvalidRequest: It can't be one.
    """
    if not path or "\0" in path:
        raise InvalidRequest("The path is empty or holds a NUL character.", hint="Give the path of a file.")
    return expanded(path)
