"""The files of one crew."""

import os


class Refused(Exception):
    """What can't be done; the message is for the client."""


class Store:
    """A directory that holds everything a crew may touch.

    Args:
        home: Its absolute path.
    """

    def __init__(self, home: str) -> None:
        self.home = home

    def locate(self, path: str) -> str:
        """The absolute path of a file in this store.

        Raises:
            Refused: It is somewhere else.
        """
        target = os.path.normpath(os.path.join(self.home, path))
        if not target.startswith(self.home):
            raise Refused("that is not among your files")
        return target

    def get(self, path: str) -> bytes:
        with open(self.locate(path), "rb") as file:
            return file.read()

    def put(self, path: str, content: bytes) -> None:
        target = self.locate(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        part = target + ".part"  # so that nobody gets half a file
        with open(part, "wb") as file:
            file.write(content)
        os.replace(part, target)

    def list(self, path: str = "") -> list[tuple[str, int]]:
        """The files below a directory, by path, with their sizes."""
        found = []
        for folder, _, names in os.walk(self.locate(path)):
            for name in names:
                file = os.path.join(folder, name)
                if os.path.isfile(file):
                    found.append((os.path.relpath(file, self.home), os.path.getsize(file)))
        return sorted(found)
