"""Root runs tests of devboxes a second time as a user without privileges; other users collect nothing here."""

from pathlib import Path

import pytest
from attack_catalogue import ATTACKS
from unprivileged import REPOSITORY, Impossible, readable_copy

HERE = Path(__file__).parent
_WITHOUT_SANDBOX = HERE / "containers"
_FILES = sorted(
    path for path in HERE.rglob("test_*.py") if path != Path(__file__) and not path.is_relative_to(_WITHOUT_SANDBOX)
)
_ATTACKS = sorted({f"{HERE / file}::{function}" for attack in ATTACKS for file, function in attack.tests})
_BESIDE_ATTACKS = ("observing", "guarded")
"""What of the contract depends on who runs it, and no attack is about."""


@pytest.mark.timeout(900)
def test_the_same_holds_without_privileges(full_size: bool) -> None:
    """Attacks, and at full size all of the contract, come to the same for a user without privileges."""
    beside = [str(HERE / "contract" / f"test_driver_{name}.py") for name in _BESIDE_ATTACKS]
    attacks = [test for test in _ATTACKS if "/attacks/" in test]
    tests = [str(path) for path in _FILES] if full_size else [*attacks, *beside]
    chosen = [str(Path(test).relative_to(REPOSITORY)) for test in tests]
    try:
        with readable_copy() as copy:
            session = copy.run_tests(chosen, timeout_seconds=880)
    except Impossible as error:
        pytest.fail(str(error), pytrace=False)
    if session.status != 0:
        pytest.fail(f"As user {copy.uid}:\n{session.output}", pytrace=False)
