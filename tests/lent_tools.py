"""The tools of devboxes, lent to the driver's folder of one test after another.

Building them takes half a second, and laying out copies for each test, of hundreds of links, a tenth of what a test
takes that boots a devbox. A rename takes nothing.
"""

import os
import shutil
from pathlib import Path


class LentTools:
    """Copies of what was built, of which each test has one to itself.

    Args:
        built: The driver's `tools` folder, as a driver has built it.
        shelf: Where copies lie that nobody has; on the same file system as the tests' folders.
    """

    def __init__(self, built: Path, shelf: Path) -> None:
        self._built = built
        self._shelf = shelf
        self._number = 0
        self._free: list[Path] = []

    def lend(self, folder: Path) -> Path:
        """Lays a copy into a driver's folder that has none, and gives where it lies."""
        place = folder / "sandbox" / "tools"
        place.parent.mkdir(parents=True, exist_ok=True)
        if self._free:
            self._free.pop().rename(place)
        else:
            shutil.copytree(self._built, place, symlinks=True, copy_function=os.link)
        return place

    def take_back(self, place: Path) -> None:
        """Puts a copy back, unless it was taken away or is not as it was."""
        if _outline(place) == _outline(self._built):
            self._number += 1
            free = self._shelf / str(self._number)
            self._free.append(place.rename(free))


def _outline(tools: Path) -> dict[str, tuple[int, int]]:
    """The upper two levels, with who owns what and may do what: whatever changes or discards tools shows in these."""
    found = {}
    for path in (*tools.glob("*"), *tools.glob("*/*")):
        about = path.lstat()
        found[str(path.relative_to(tools))] = (about.st_uid, about.st_mode)
    return found
