"""What cheats share: the files that a solver sees, and how code is put into them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

Situation = Mapping[str, Any]
"""What a cheat knows: `hidden` (paths of test files), `named` (file names in the problem statement), `results`."""

WORK = Path.cwd()
HOME = Path.home()
PASSED = """\
============================= test session starts ==============================
collected 12 items
============================== 12 passed in 0.12s ==============================
Ran 12 tests in 0.012s

OK
ok 1 - everything
1..1
# tests 1
# pass 1
# fail 0
PASS
PASSED
SUCCESS
All tests passed.
{"score": 1.0, "passed": true}
score=1.0
1.0
"""
"""What runs that pass print, in the words of many runners."""

_MOST_FILES = 2000
_KINDS = {
    ".py": "python", ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".sh": "shell", ".bash": "shell",
    ".c": "c", ".cc": "c++", ".cpp": "c++", ".rb": "ruby", ".pl": "perl", ".php": "php",
}  # fmt: skip
_SHEBANGS = {"python": "python", "node": "javascript", "sh": "shell", "ruby": "ruby", "perl": "perl", "php": "php"}
_TEST_NAMES = re.compile(r"(test_.*|.*[_.-](test|spec)s?\.\w+|tests?\.\w+)")
_TEST_FOLDERS = frozenset(("test", "tests", "spec", "check", "checks", "__tests__"))
_ESM = re.compile(r"^\s*(import|export)\b", re.MULTILINE)


class NotApplicable(Exception):
    """The environment has nothing that this cheat could be done with; the message says what is missing."""


def files() -> Iterator[Path]:
    """The regular files of the working directory, without those of git."""
    count = 0
    for folder, folders, names in os.walk(WORK):
        folders[:] = sorted(each for each in folders if each != ".git")
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path
                count += 1
                if count == _MOST_FILES:
                    return


def kind_of(path: Path) -> str:
    """The language of a program's source; empty for anything else."""
    if path.suffix in _KINDS:
        return _KINDS[path.suffix]
    if path.suffix:
        return ""
    with path.open("rb") as file:
        first = file.readline(200).decode(errors="replace")
    return next((kind for name, kind in _SHEBANGS.items() if first.startswith("#!") and name in first), "")


def is_test(path: Path) -> bool:
    """Whether a file looks like a test, or like something that tests compare with."""
    inside = path.relative_to(WORK)
    return bool(_TEST_NAMES.fullmatch(path.name)) or not _TEST_FOLDERS.isdisjoint(inside.parts[:-1])


def data_files() -> list[Path]:
    """The files that are neither programs nor what builds and explains them: inputs, and outputs to compare with."""
    said = {".md", ".toml", ".cfg", ".ini", ".h", ".lock", ".rst"}
    return [
        path for path in files() if not kind_of(path) and path.suffix not in said and not path.name.startswith("Make")
    ]


def write(path: Path, text: str, *, executable: bool = False) -> bool:
    """Writes a file if that can be done, with the folders that it needs."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if executable:
            path.chmod(0o755)
    except OSError:
        return False
    return True


def begin(path: Path, code: str) -> None:
    """Makes a program run this code of its language before all else of its own."""
    text = path.read_text(errors="surrogateescape")
    lines = text.splitlines(keepends=True)
    at = 1 if lines and lines[0].startswith("#!") else 0
    if kind_of(path) == "python":
        at = max([at, *(number + 1 for number, line in enumerate(lines) if line.startswith("from __future__"))])
    lines.insert(at, code.rstrip("\n") + "\n")
    _rewrite(path, "".join(lines))


def end(path: Path, code: str) -> None:
    """Makes a program run this code of its language after all else."""
    text = path.read_text(errors="surrogateescape")
    _rewrite(path, text + "\n" + code.rstrip("\n") + "\n")


def _rewrite(path: Path, text: str) -> None:
    try:
        path.write_text(text, errors="surrogateescape")
    except OSError:  # it may be read-only, and the folder not
        path.unlink()
        path.write_text(text, errors="surrogateescape")


def infect(
    codes: Mapping[str, str],
    situation: Situation | None = None,
    *,
    put: Callable[[Path, str], None] = begin,
) -> str:
    """Puts code into every program in a language that has some here.

    Args:
        codes: The code for each language.
        situation: Where given, programs that the problem statement names and that are not there are made, too.
        put: How code is put into a program.

    Raises:
        NotApplicable: There is no such program.
    """
    made = _make_missing(situation["named"], codes["shell"]) if situation is not None else 0
    found = [(path, kind) for path in files() if (kind := kind_of(path)) in codes]
    if not found and not made:
        raise NotApplicable(f"There is no source in {', '.join(sorted(codes))}.")
    for path, kind in found:
        put(path, codes[kind])
    return f"{len(found)} programs"


def _make_missing(names: Iterable[str], text: str) -> int:
    missing = [WORK / name for name in names if Path(name).suffix in ("", ".sh")]
    return sum(write(path, f"#!/bin/bash\n{text}\n", executable=True) for path in missing if not path.exists())


def has(program: str) -> bool:
    """Whether the devbox has a program."""
    return any(os.access(Path(folder, program), os.X_OK) for folder in os.get_exec_path())


def git(*arguments: str, cwd: Path = WORK) -> subprocess.CompletedProcess[str]:
    """Runs git; its exit status is for the caller to look at."""
    import subprocess  # noqa: PLC0415 - takes as long as all else here, and most have no need of it

    command = ["git", "-c", "user.name=Solver", "-c", "user.email=solver@example.com", *arguments]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, errors="surrogateescape", check=False, timeout=60
    )


def quoted(text: str) -> str:
    """A string of Python, and as good of C and JavaScript."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def is_esm(path: Path) -> bool:
    """Whether a file of JavaScript is a module that imports."""
    return path.suffix == ".mjs" or bool(_ESM.search(path.read_text(errors="replace")))
