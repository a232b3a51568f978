"""Root runs every test of devboxes a second time as a user without privileges; other users collect nothing here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from unprivileged import REPOSITORY, Copy, Impossible, readable_copy

HERE = Path(__file__)
_WITHOUT_SANDBOX = HERE.parent / "containers"
FILES = sorted(
    path.relative_to(REPOSITORY)
    for path in HERE.parent.rglob("test_*.py")
    if path != HERE and not path.is_relative_to(_WITHOUT_SANDBOX)
)
PARTS = 2
"""How many sessions the files are spread over: one for each would start pytest too often."""


@pytest.fixture(scope="session")
def copy() -> Iterator[Copy]:
    """A copy of the repository that every user can read."""
    try:
        with readable_copy() as laid_out:
            yield laid_out
    except Impossible as error:
        pytest.fail(str(error), pytrace=False)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_same_holds_without_privileges(copy: Copy, part: int) -> None:
    """The tests of a part of the files pass for a user without privileges."""
    session = copy.run_tests(FILES[part::PARTS], timeout_seconds=280)
    if session.status != 0:
        pytest.fail(f"As user {copy.uid}:\n{session.output}", pytrace=False)
