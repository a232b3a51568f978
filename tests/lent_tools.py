"""The tools of devboxes, lent to the driver's folder of one test after another.

Building them takes half a second, and laying out copies for each test, of hundreds of links, a tenth of what a test
takes that boots a devbox. A rename takes nothing.
"""

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LentTools:
    """Copies of what was built, of which each test has one to itself.

    Args:
        built: The driver's `tools` folder, as a driver has built it.
        shelf: Where copies lie that nobody has.
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
            shutil.move(self._free.pop(), place)
        else:
            shutil.copytree(self._built, place, symlinks=True, copy_function=_link)
        return place

    def take_back(self, place: Path) -> None:
        """Puts a copy back, unless it was taken away or is not as it was."""
        if _outline(place) == _outline(self._built):
            self._number += 1
            self._free.append(Path(shutil.move(place, self._shelf / str(self._number))))

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A private folder for drivers that has a copy, removed in the end.

        It is none of pytest's own, which are deleted by code that a devbox's disk can defeat.
        """
        folder = Path(tempfile.mkdtemp(prefix="runloop-mcp-test-"))
        try:
            place = self.lend(folder)
            yield folder
            self.take_back(place)  # before the modes change, which its files share with all other copies'
        finally:
            subprocess.run(["chmod", "-R", "u+rwX", folder], check=False, capture_output=True)
            subprocess.run(["rm", "-rf", "--", folder], check=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copy2(source, target)


def _outline(tools: Path) -> dict[str, tuple[int, int]]:
    """The upper three levels, with who owns what and may do what: what changes or discards tools shows in these."""
    found = {}
    for path in (*tools.glob("*"), *tools.glob("*/*"), *tools.glob("*/*/*")):
        about = path.lstat()
        found[str(path.relative_to(tools))] = (about.st_uid, about.st_mode)
    return found
