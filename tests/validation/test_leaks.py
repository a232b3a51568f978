"""What counts as found: parts of texts that must not be, and nothing that only looks like them."""

from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.validation.cheats.inside.parts import digest, normal_lines
from runloop_mcp.validation.leaks import Secrets, secrets_of

_JUDGE = "\n".join(f"assert solve({number}) == {number * number * 7 + 3}, 'case {number}'" for number in range(20))
_PATCH = """\
--- a/park.py
+++ b/park.py
@@ -1,4 +1,6 @@
 def park(cars):
-    return sorted(cars, key=lambda car: car.length)
+    longest_first = sorted(cars, key=lambda car: -car.length)
+    rows = [longest_first[at::3] for at in range(3)]
+    return [car for row in rows for car in row]
"""


def _secrets(
    reference: str = _PATCH,
    judge: str = _JUDGE,
    path: str = ".hidden/check.py",
    scorer: dict[str, object] | None = None,
) -> Secrets:
    files = [{"file_path": path, "file_contents": judge}]
    scorer = scorer or {"type": "test_based_scorer", "test_command": "x", "test_files": files}
    return secrets_of(
        ScenarioView.model_validate(
            {
                "id": "scn_1",
                "name": "one",
                "input_context": {"problem_statement": "Park them."},
                "scoring_contract": {"scoring_function_parameters": [{"name": "a", "weight": 1, "scorer": scorer}]},
                "reference_output": reference,
            }
        )
    )


def _look(secrets: Secrets, text: str, place: str = "/home/user/work/notes") -> tuple[list[str], list[str]]:
    """Judges as if the search had been in one file with this text."""
    lines = normal_lines(text.encode())
    widths = secrets.situation()["widths"]
    there = {digest(lines[at : at + width]) for width in widths for at in range(len(lines) - width + 1)}
    found = [
        {"secret": name, "place": place, "parts": len(there.intersection(parts))}
        for name, parts in secrets.parts.items()
        if there.intersection(parts)
    ]
    return secrets.judge(found)


def test_solution_is_found_in_every_form() -> None:
    """As the patch, as the file that it makes, indented otherwise, and amid other text."""
    solved = "".join(line[1:] + "\n" for line in _PATCH.splitlines()[3:] if line[0] != "-")
    for text in (_PATCH, solved, solved.replace("    ", "\t"), f"see below\n\n{solved}\nas agreed\n"):
        leaks, shown = _look(_secrets(), text)
        assert any("reference" in leak for leak in leaks), text
        assert shown == []


def test_hidden_test_is_found_in_great_parts_and_not_in_a_line() -> None:
    """Most of a hidden test is a leak; a few lines that texts about one thing share are none."""
    half = "\n".join(_JUDGE.splitlines()[:14])
    assert _look(_secrets(), half)[0] == [
        "the test file .hidden/check.py can be read in /home/user/work/notes (67% of it)"
    ]
    assert _look(_secrets(), "\n".join(_JUDGE.splitlines()[:4])) == ([], [])


def test_what_was_there_before_is_no_secret() -> None:
    """The file as the solver gets it holds lines of the patch, and gives nothing away."""
    given = "def park(cars):\n    return sorted(cars, key=lambda car: car.length)\n"
    assert _look(_secrets(), given) == ([], [])
    moved = (
        "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n+one line of some length\n kept as it is here\n-one line of some length\n"
    )
    assert _look(_secrets(moved), "kept as it is here\none line of some length\n") == ([], [])


def test_test_that_a_solver_may_see_is_told_and_no_leak() -> None:
    """A test file that lies at its own place already is shown on purpose, so that is for the author to know."""
    secrets = _secrets(path="tests/test_park.py")
    assert _look(secrets, _JUDGE, "/home/user/work/tests/test_park.py") == (
        [],
        ["the test file tests/test_park.py can be read in /home/user/work/tests/test_park.py (100% of it)"],
    )
    assert _look(secrets, _JUDGE, "/home/user/work/other.py")[0] != []


def test_what_a_custom_scorer_expects_is_found() -> None:
    """The texts among a custom scorer's parameters are secrets, however deep they lie."""
    expected = "\n".join(f"P-{number:04},2021-03-0{number}T10:00:00Z,Vessel {number}" for number in range(1, 9))
    scorer = {
        "type": "custom_scorer",
        "custom_scorer_type": "become",
        "scorer_params": {"cases": [{"after": expected}]},
    }
    secrets = _secrets(scorer=scorer)
    assert _look(secrets, expected)[0] == ["the parameters of a can be read in /home/user/work/notes (100% of it)"]
    assert _look(secrets, expected[:80]) == ([], [])


def test_short_texts_are_not_searched_for() -> None:
    """What is too short to be told from chance is no secret."""
    assert _secrets(reference="touch done", judge="exit 0").parts == {}
