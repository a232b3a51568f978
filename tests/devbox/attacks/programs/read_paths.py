"""Reads paths: `read_paths.py PATHS` prints, for each, what was read (latin-1) or null where it was refused."""

import json
import os
import sys

PART = 1 << 20


def read(path: str) -> str | None:
    """The beginning of a file, or the names in a directory."""
    try:
        if os.path.isdir(path):
            return "\n".join(os.listdir(path))
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(descriptor, PART).decode("latin-1")
    except OSError:
        return None
    finally:
        os.close(descriptor)


json.dump({path: read(path) for path in json.loads(sys.argv[1])}, sys.stdout)
