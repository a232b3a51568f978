"""A submission with nothing in it."""

import shutil

from .toolkit import WORK, Situation


def cheat(situation: Situation) -> str:  # noqa: ARG001 - every cheat takes it
    """Deletes everything that is in the working directory."""
    found = list(WORK.iterdir())
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return f"{len(found)} entries deleted"
