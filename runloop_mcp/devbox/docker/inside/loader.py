"""The first program of a container: takes the modules of the agent from standard input and runs it."""

from __future__ import annotations

import _frozen_importlib  # type: ignore[import-not-found,unused-ignore] # not importlib.machinery: 3 ms
import marshal
import os
import sys

if sys.version_info < (3, 9):  # noqa: UP036 - this runs under the image's Python, not ours
    sys.exit("devboxes need a python3 of version 3.9 or newer")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _take(size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            os._exit(0)
        data += part
    return data


_SOURCES = marshal.loads(_take(int.from_bytes(_take(4), "big")))  # noqa: S302 - from the server, in the trusted direction


class _Finder:
    """Imports what was sent."""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
        del path, target
        if name not in _SOURCES:
            return None
        is_package = any(other.startswith(f"{name}.") for other in _SOURCES)
        make: Any = _frozen_importlib.ModuleSpec
        return make(name, cls, is_package=is_package)

    @staticmethod
    def create_module(spec: Any) -> None:
        del spec

    @staticmethod
    def exec_module(module: Any) -> None:
        exec(compile(_SOURCES[module.__name__], module.__name__, "exec"), module.__dict__)  # noqa: S102 - our own


if __name__ == "__main__":
    sys.meta_path.insert(0, _Finder)
    from runloop_mcp.devbox.docker.inside.agent import main

    main()
