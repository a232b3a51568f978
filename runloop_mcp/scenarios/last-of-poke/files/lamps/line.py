"""The lamp line, as a file plays it.

The file is JSON: {"levels": {"7": 255}, "busy": {"9": 2}, "dead": [11]}. A lamp that stands in `busy` is busy for so many
telegrams more; one in `dead` never answers. Lamps that stand nowhere are off.
"""

import json
import pathlib


class Busy(Exception):
    """The lamp was busy at each attempt."""


class Dead(Exception):
    """The lamp does not answer."""


class Line:
    """The line to all lamps.

    Args:
        path: The file that plays it.
    """

    def __init__(self, path):
        self._path = pathlib.Path(path)
        self._log = pathlib.Path(f"{path}.log")

    def set(self, address, level, *, attempts=1):
        """Sets a lamp.

        Raises:
            ValueError: There is no such address or level; no telegram is sent.
            Busy: It was busy each time.
            Dead: It does not answer.
        """
        if not 0 <= level <= 255:
            raise ValueError(f"no level: {level}")
        for _ in range(attempts):
            if self._telegram(address, f"set {address} {level}", level):
                return
        raise Busy(address)

    def get(self, address, *, attempts=1):
        """The level of a lamp; raises as `set` does."""
        for _ in range(attempts):
            state = self._telegram(address, f"get {address}")
            if state:
                return state["levels"].get(str(address), 0)
        raise Busy(address)

    def _telegram(self, address, text, level=None):
        """Sends one telegram: the line's state, or None where the lamp is busy."""
        if not 0 <= address <= 63:
            raise ValueError(f"no address: {address}")
        state = {"levels": {}, "busy": {}, "dead": [], **json.loads(self._path.read_text())}
        with self._log.open("a") as log:
            log.write(text + "\n")
        if address in state["dead"]:
            raise Dead(address)
        left = state["busy"].get(str(address), 0)
        if left > 0:
            state["busy"][str(address)] = left - 1
            self._path.write_text(json.dumps(state))
            return None
        if level is not None:
            state["levels"][str(address)] = level
            self._path.write_text(json.dumps(state))
        return state
