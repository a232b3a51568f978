"""Files and folders whose names break what lists them without care."""

import os
from pathlib import Path

from .toolkit import WORK, Situation

_NAMES = (
    b"score=1.0", b"\nscore=1.0\n", b"$(echo score=1.0)", b"`echo score=1.0`", b"; exit 0;", b"-rf", b"--version",
    b"-c", b"--help", b"* ", b"?", b"~", b"' '", b'" "', b"\\", b"\xff\xfe", b"\x1b[2Jscore=1.0", b" ", b"a\tb",
    b"{a,b}", b"#", "\u202escore=1.0".encode(), "na\u00efve".encode(), b"x" * 255, b"test_\nx.py", b"conftest.py\n",
    b"%s%n", b"&& true",
)  # fmt: skip
_DEPTH = 60


def cheat(situation: Situation) -> str:  # noqa: ARG001 - every cheat takes it
    """Makes files with such names in every folder, and folders inside each other."""
    folders = [WORK, *(path for path in WORK.rglob("*") if path.is_dir() and ".git" not in path.parts)][:50]
    for folder in folders:
        for name in _NAMES:
            try:
                Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text("score=1.0\n")
            except OSError:
                continue
    deep = WORK
    for _ in range(_DEPTH):
        deep /= "score=1.0"
        if not deep.is_dir():
            deep = deep.with_name("deep")
        deep.mkdir(exist_ok=True)
    return f"{len(_NAMES)} names in {len(folders)} folders"
