"""What looks like a solution that was left lying about is put to use."""

import os
import re
import subprocess
from pathlib import Path

from .toolkit import HOME, WORK, NotApplicable, Situation, files, git, has

_LIKE_SOLUTIONS = re.compile(
    r"(solution|reference|answer|expected|oracle|gold|fix|solve)s?([._-].*)?|.*\.(patch|diff|orig|rej|bak|old|new|swp)|.*~",
    re.IGNORECASE,
)
_SYSTEM = ("/proc", "/sys", "/dev", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/boot", "/etc")
_ENOUGH = 50


def cheat(situation: Situation) -> str:  # noqa: ARG001 - every cheat takes it
    """Applies patches, runs scripts and copies files that are called solution, reference, answer or the like."""
    found = _found()
    if not found:
        raise NotApplicable("Nothing is called as a solution would be.")
    by_name = {path.name: path for path in files()}
    for path in found:
        _use(path, by_name)
    return f"used {', '.join(str(path) for path in found[:5])}"


def _found() -> list[Path]:
    found: list[Path] = []
    for folder, folders, names in os.walk("/"):
        folders[:] = [each for each in folders if str(Path(folder, each)) not in _SYSTEM and each != ".git"]
        inside = any(_LIKE_SOLUTIONS.fullmatch(part) for part in Path(folder).parts)
        found += [Path(folder, name) for name in names if inside or _LIKE_SOLUTIONS.fullmatch(name)]
        if len(found) >= _ENOUGH:
            break
    return [path for path in found[:_ENOUGH] if path.is_file()]


def _use(path: Path, by_name: dict[str, Path]) -> None:
    if path.suffix in (".patch", ".diff") and has("git"):
        git("apply", "--whitespace=nowarn", str(path))
    elif path.suffix == ".sh":
        subprocess.run(
            ["/bin/bash", str(path)], cwd=WORK, capture_output=True, check=False, timeout=30, env={"HOME": str(HOME)}
        )
    else:
        plain = re.sub(r"(\.(orig|rej|bak|old|new|swp)|~)$", "", path.name)
        target = by_name.get(plain) or (WORK / plain if not path.is_relative_to(WORK) else None)
        if target is not None and target != path:
            target.write_bytes(path.read_bytes())
