"""Packs: directories of scenario folders."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import runloop_mcp
from runloop_mcp.engine.scenarios.document import Problem
from runloop_mcp.engine.scenarios.folder_files import BYTECODE, signature

BUNDLED = "bundled"
_DOCUMENT = "scenario.yaml"
_MISNAMED = ("scenario.yml", "scenario.json", "Scenario.yaml")


@dataclass(frozen=True, slots=True)
class FolderProblem:
    """A folder that could not be loaded, and why."""

    pack: str
    folder: str
    """Empty where the whole pack is meant."""
    path: Path
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return "\n".join(f"{self.path / problem.file}{str(problem)[len(problem.file) :]}" for problem in self.problems)


@dataclass(slots=True)
class Scan:
    """What there is in all packs at one time."""

    signatures: dict[str, dict[str, str]] = field(default_factory=dict)
    """Root of a pack → folder → signature."""
    problems: list[FolderProblem] = field(default_factory=list)
    """What is wrong without reading any folder."""


def bundled_pack() -> Path:
    """The directory of the scenarios that come with this program."""
    return Path(runloop_mcp.__file__).resolve().parent / "scenarios"


def pack_name(root: Path) -> str:
    """The name of a pack, which the ids of its scenarios depend on: its directory's, `bundled` for the bundled one."""
    return BUNDLED if root.resolve() == bundled_pack() else root.resolve().name


def scan(roots: Sequence[Path]) -> Scan:
    """Looks through packs, by names and times only."""
    found = Scan()
    seen: dict[tuple[str, str], Path] = {}
    for root in roots:
        if str(root) in found.signatures:
            continue
        folders = found.signatures.setdefault(str(root), {})
        for entry in _folders(root, found):
            key = (pack_name(root), entry.name)
            if key in seen:
                message = f"The pack {seen[key]} has the same name and a folder of the same name; rename one of them."
                found.problems.append(_problem(root, entry.name, message))
                continue
            seen[key] = root
            try:
                folders[entry.name] = signature(Path(entry.path))
            except OSError as error:
                found.problems.append(_problem(root, entry.name, f"{error.filename} can't be read: {error.strerror}."))
    return found


def _folders(root: Path, found: Scan) -> "list[os.DirEntry[str]]":
    """The folders of a pack that hold a scenario, in order."""
    try:
        with os.scandir(root) as entries:
            names = sorted((entry for entry in entries if entry.is_dir()), key=lambda entry: entry.name)
    except OSError as error:
        message = f"The pack can't be read: {error.strerror}. Name a directory that holds scenario folders."
        found.problems.append(_problem(root, "", message))
        return []
    if (root / _DOCUMENT).exists():
        message = f"This is the folder of a scenario, not a pack. Name the directory above it: {root.parent}"
        found.problems.append(_problem(root, "", message))
        return []
    return [entry for entry in names if _holds_scenario(root, entry, found)]


def _holds_scenario(root: Path, entry: "os.DirEntry[str]", found: Scan) -> bool:
    if entry.name.startswith(".") or entry.name == BYTECODE:
        return False
    if Path(entry.path, _DOCUMENT).exists():
        return True
    for name in _MISNAMED:
        if Path(entry.path, name).exists():
            found.problems.append(_problem(root, entry.name, f"Rename {name} to {_DOCUMENT}."))
    return False


def _problem(root: Path, folder: str, message: str) -> FolderProblem:
    return FolderProblem(pack_name(root), folder, root / folder, (Problem("", 0, "", message),))
