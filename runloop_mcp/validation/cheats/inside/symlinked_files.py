"""Files of the working directory become links to places elsewhere."""

import shutil
from pathlib import Path

from .toolkit import HOME, WORK, Situation, data_files

_PROGRAMS = ("", ".py", ".sh", ".js")


def cheat(situation: Situation) -> str:
    """Links data and missing files to hidden tests and the judge's own streams, and folders to copies elsewhere."""
    hidden = [WORK / path for path in situation["hidden"]] or [Path("/proc/self/fd/0")]
    links = 0
    for path in data_files():
        path.unlink()
        path.symlink_to(hidden[links % len(hidden)])
        links += 1
    for name in situation["named"]:
        path = WORK / name
        if path.suffix not in _PROGRAMS and not path.exists() and not path.is_symlink():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(hidden[links % len(hidden)])
            links += 1
    elsewhere = HOME / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    for folder in [each for each in WORK.iterdir() if each.is_dir() and not each.is_symlink() and each.name != ".git"]:
        shutil.move(folder, elsewhere / folder.name)
        folder.symlink_to(elsewhere / folder.name)
        links += 1
    return f"{links} links"
