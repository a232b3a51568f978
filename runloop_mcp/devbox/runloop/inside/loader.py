"""The first program of an agent: takes its modules from the first line of standard input and runs it."""

from __future__ import annotations

import _frozen_importlib  # type: ignore[import-not-found,unused-ignore] # not importlib.machinery: 3 ms
import binascii
import marshal
import os
import sys
import zlib

if sys.version_info < (3, 9):  # noqa: UP036 - this runs under the devbox's interpreter, not ours
    sys.exit("devboxes need a python3 of version 3.9 or newer")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _take() -> tuple[bytes, bytes]:
    data = b""
    while b"\n" not in data:
        part = os.read(0, 1 << 16)
        if not part:
            os._exit(0)
        data += part
    first, _, rest = data.partition(b"\n")
    return first, rest


_FIRST, _REST = _take()
_SOURCES = marshal.loads(zlib.decompress(binascii.a2b_base64(_FIRST)))  # noqa: S302 - from the server, in the trusted direction


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
    from runloop_mcp.devbox.runloop.inside.agent import main

    main(_REST)
