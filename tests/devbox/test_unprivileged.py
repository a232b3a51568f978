"""Root runs every test of devboxes a second time as a user without privileges; other users collect nothing here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from unprivileged import REPOSITORY, Copy, Impossible, readable_copy

HERE = Path(__file__)
FILES = sorted(path.relative_to(REPOSITORY) for path in HERE.parent.rglob("test_*.py") if path != HERE)


@pytest.fixture(scope="session")
def copy() -> Iterator[Copy]:
    """A copy of the repository that every user can read."""
    try:
        with readable_copy() as laid_out:
            yield laid_out
    except Impossible as error:
        pytest.fail(str(error), pytrace=False)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_same_holds_without_privileges(copy: Copy, path: Path) -> None:
    """The tests of one file pass for a user without privileges."""
    session = copy.run_tests(path, timeout_seconds=180)
    if session.status != 0:
        pytest.fail(f"As user {copy.uid}:\n{session.output}", pytrace=False)
