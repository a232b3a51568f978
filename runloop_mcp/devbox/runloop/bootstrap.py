"""What a devbox's agent is made of: the loader as its argument, the modules as the first line of its input."""

import binascii
import functools
import marshal
import shlex
import zlib
from pathlib import Path

from runloop_mcp.devbox.docker import inside as _docker_inside
from runloop_mcp.devbox.sandbox import inside as _sandbox_inside

from . import inside as _inside

_PARTS = (_sandbox_inside, _docker_inside, _inside)
_NOT_SENT = ("loader", "__init__", "keeper", "nameless", "shared_memory")


@functools.cache
def command() -> str:
    """The shell command that becomes the agent."""
    loader = _folder(_inside.__file__).joinpath("loader.py").read_text(encoding="utf-8")
    return f"exec python3 -I -S -c {shlex.quote(loader)}"


@functools.cache
def modules() -> str:
    """All of the agent's modules, those of the sandbox's supervisor and a container's agent among them, as one line."""
    sources = {}
    for package in _PARTS:
        name = package.__name__
        while name:
            sources[name] = b""
            name = name.rpartition(".")[0]
        for path in _folder(package.__file__).glob("*.py"):
            if path.stem not in _NOT_SENT:
                sources[f"{package.__name__}.{path.stem}"] = path.read_bytes()
    return binascii.b2a_base64(zlib.compress(marshal.dumps(sources, 2))).decode("ascii")


def _folder(file: str | None) -> Path:
    assert file is not None  # noqa: S101 - these packages lie in folders
    return Path(file).parent
