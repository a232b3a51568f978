"""The visible tests are edited until they pass."""

from pathlib import Path

from .toolkit import NotApplicable, Situation, files, is_test, kind_of, write

_PASSING = {
    "python": "import unittest\n\n\ndef test_passes():\n    pass\n\n\nclass Passes(unittest.TestCase):\n"
    "    def test_passes(self):\n        pass\n",
    "javascript": "",
    "shell": "#!/bin/bash\nexit 0\n",
    "": "",
}


def visible_tests() -> list[Path]:
    """The tests that the solver sees.

    Raises:
        NotApplicable: There are none.
    """
    found = [path for path in files() if is_test(path)]
    if not found:
        raise NotApplicable("There are no visible tests.")
    return found


def cheat(situation: Situation) -> str:  # noqa: ARG001 - every cheat takes it
    """Replaces every visible test by one that passes, and what tests compare with by nothing."""
    found = visible_tests()
    for path in found:
        write(path, _PASSING.get(kind_of(path), ""))
    return f"{len(found)} files changed"
