"""What a container's first process is told: the loader as its argument, the modules of the agent over its input."""

import functools
import marshal
from pathlib import Path

from runloop_mcp.devbox.sandbox import inside as _sandbox_inside

from . import inside as _inside

_PARTS = (_sandbox_inside, _inside)


@functools.cache
def loader() -> str:
    """The program that takes the rest."""
    return _folder(_inside.__file__).joinpath("loader.py").read_text(encoding="utf-8")


@functools.cache
def modules() -> bytes:
    """All of the agent's modules, those of the sandbox's supervisor among them, led by their length."""
    sources = {}
    for package in _PARTS:
        name = package.__name__
        while name:
            sources[name] = b""
            name = name.rpartition(".")[0]
        for path in _folder(package.__file__).glob("*.py"):
            if path.stem not in ("loader", "__init__"):
                sources[f"{package.__name__}.{path.stem}"] = path.read_bytes()
    packed = marshal.dumps(sources, 4)
    return len(packed).to_bytes(4, "big") + packed


def _folder(file: str | None) -> Path:
    assert file is not None  # noqa: S101 - these packages lie in folders
    return Path(file).parent
