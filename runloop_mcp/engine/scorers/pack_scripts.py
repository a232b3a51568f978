"""The custom scorers of packs: scripts in files, read and checked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runloop_mcp.engine.scenarios.document import Problem
from runloop_mcp.engine.scenarios.pack import FolderProblem, pack_name
from runloop_mcp.engine.scenarios.text_files import MAX_BYTES

FOLDER = "scorers"
"""The folder of a pack that holds its custom scorers, each in a file `<type>.sh`."""

_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(slots=True)
class PackScripts:
    """What one pack has."""

    root: str
    """The pack's directory."""
    name: str
    scripts: dict[str, str] = field(default_factory=dict)
    """By type."""
    problems: list[Problem] = field(default_factory=list)
    """The files that are no custom scorers, and why."""

    def problem(self) -> FolderProblem | None:
        """What is wrong with the folder, if anything is."""
        if not self.problems:
            return None
        return FolderProblem(self.name, FOLDER, Path(self.root, FOLDER), tuple(self.problems))


def read_packs(packs: Sequence[Path]) -> list[PackScripts]:
    """Reads the custom scorers of packs. Two of one pack name and type share an id: a problem of the second."""
    found: list[PackScripts] = []
    for root in dict.fromkeys(str(pack.resolve()) for pack in packs):
        pack = _read(root)
        for other in found:
            for kind in sorted(pack.scripts.keys() & other.scripts.keys() if other.name == pack.name else ()):
                message = f"The pack {other.root} has the same name and a scorer of the same type; rename one of them."
                pack.problems.append(Problem(f"{kind}.sh", 0, "", message))
        found.append(pack)
    return found


def fault_of_type(kind: str) -> str | None:
    """What keeps this from being the type of a custom scorer, in a sentence or two."""
    if _TYPE.fullmatch(kind):
        return None
    return (
        f"{kind!r} can't be the type of a custom scorer. A type has 1 to 100 letters, digits, '_', '-' and '.', and"
        " begins with a letter or digit."
    )


def fault_of_script(script: str) -> str | None:
    """What keeps this from being the script of a custom scorer, in a sentence or two."""
    if script.strip() and "\0" not in script:
        return None
    what = "holds a NUL character" if script.strip() else "is empty"
    return f"It {what}. A custom scorer is a bash script that prints the score, from 0 to 1, on its last line."


def _read(root: str) -> PackScripts:
    pack = PackScripts(root, pack_name(Path(root)))
    try:
        paths = sorted(path for path in Path(root, FOLDER).iterdir() if path.suffix == ".sh")
    except (FileNotFoundError, NotADirectoryError):
        return pack
    except OSError as error:
        pack.problems.append(Problem("", 0, "", f"It can't be read: {error.strerror}."))
        return pack
    for path in paths:
        script, fault = _read_script(path)
        fault = fault_of_type(path.stem) or fault or fault_of_script(script)
        if fault:
            pack.problems.append(Problem(path.name, 0, "", fault))
        else:
            pack.scripts[path.stem] = script
    return pack


def _read_script(path: Path) -> tuple[str, str | None]:
    """The text of a file, and what keeps it from being read."""
    try:
        if not path.is_file():
            return "", "It is no regular file."
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            return "", f"It is larger than {MAX_BYTES >> 20} MiB."
        return data.decode(), None
    except OSError as error:
        return "", f"It can't be read: {error.strerror}."
    except UnicodeDecodeError:
        return "", "It is not UTF-8 text."
