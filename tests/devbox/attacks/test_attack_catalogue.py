"""The catalogue of attacks is whole: every attack is carried out, and every test of an attack is in it."""

import ast
from pathlib import Path

from attack_catalogue import ATTACKS, HERE, LIMITS
from driver_cases import CASES, NOT_HERE


def _tests(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


def test_every_attack_is_carried_out() -> None:
    """The tests that the catalogue names are there, and names are unique."""
    for attack in ATTACKS:
        for file, function in attack.tests:
            assert function in _tests(HERE / file), f"{attack.name}: {file} has no {function}"
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 40


def test_every_test_of_an_attack_is_in_the_catalogue() -> None:
    """No attack is left out of the table."""
    named = {test for attack in ATTACKS for test in attack.tests}
    written = {
        (str(path.relative_to(HERE)), function)
        for path in HERE.glob("attacks/test_attack_*.py")
        if path.name != Path(__file__).name
        for function in _tests(path)
    }
    assert written - named == set()


def test_limits_are_of_drivers_and_attacks_that_there_are() -> None:
    """A limit names a driver under test and an attack, and says something."""
    names = {attack.name for attack in ATTACKS}
    assert set(LIMITS) <= {case.name for case in CASES} | NOT_HERE.keys()
    assert all(set(limits) <= names and all(limits.values()) for limits in LIMITS.values())
