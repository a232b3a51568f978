"""The visible tests are deleted."""

from .edited_tests import visible_tests
from .toolkit import Situation


def cheat(situation: Situation) -> str:  # noqa: ARG001 - every cheat takes it
    """Deletes every visible test, and what tests compare with."""
    found = visible_tests()
    for path in found:
        path.unlink()
    return f"{len(found)} files deleted"
