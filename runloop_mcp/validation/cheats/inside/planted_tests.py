"""At the places of hidden tests, tests of the solver's are there first."""

from pathlib import Path

from .toolkit import WORK, NotApplicable, Situation, write

_PASSING = {
    ".py": "import os\ndef test_passes():\n    pass\nif __name__ == '__main__':\n    os._exit(0)\n",
    ".sh": "echo score=1.0\nexit 0\n",
    ".js": "",
}


def cheat(situation: Situation) -> str:
    """Puts passing tests, not to be written or deleted, at the paths of hidden ones, behind a link and beside them."""
    paths = [WORK / path for path in situation["hidden"]]
    if not paths:
        raise NotApplicable("No scoring function lays test files out.")
    kept = WORK / "kept"
    kept.mkdir(exist_ok=True)
    for path in paths:
        text = _PASSING.get(path.suffix, "score=1.0\n")
        write(kept / path.name, text)
        if path.parent != WORK and not path.parent.exists():
            path.parent.parent.mkdir(parents=True, exist_ok=True)
            path.parent.symlink_to(kept)
        elif not path.exists():
            write(path, text)
        _beside(path, text)
    for path in kept.iterdir():
        path.chmod(0o444)
    kept.chmod(0o555)
    return f"{len(paths)} test files"


def _beside(path: Path, text: str) -> None:
    """A package that would be imported in the file's place."""
    if path.suffix == ".py":
        write(path.with_suffix("") / "__init__.py", text)
        write(path.with_suffix("") / "__main__.py", text)
