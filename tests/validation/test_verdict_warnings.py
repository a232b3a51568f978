"""Warnings of scoring functions that look as if the solution decided its own score."""

from typing import Any

import pytest

from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.engine.scenarios.folder import load_folder
from runloop_mcp.engine.scenarios.pack import bundled_pack
from runloop_mcp.validation.verdict_warnings import verdict_warnings


def _warnings(scorer: dict[str, Any]) -> list[str]:
    contract = {"scoring_function_parameters": [{"name": "it", "weight": 1.0, "scorer": scorer}]}
    scenario = {"id": "scn_1", "name": "x", "input_context": {"problem_statement": "x"}, "scoring_contract": contract}
    return verdict_warnings(ScenarioView.model_validate(scenario))


def _command(command: str) -> dict[str, Any]:
    return {"type": "command_scorer", "command": command}


def _tests(command: str, path: str = ".hidden/check.py", contents: str = "") -> dict[str, Any]:
    files = [{"file_path": path, "file_contents": contents}]
    return {"type": "test_based_scorer", "test_command": command, "test_files": files}


def _bash(script: str) -> dict[str, Any]:
    return {"type": "bash_script_scorer", "bash_script": script}


def _python(script: str) -> dict[str, Any]:
    return {"type": "python_script_scorer", "python_script": script}


@pytest.mark.parametrize(
    ("scorer", "sign"),
    [
        (_tests("python3 -m pytest -q .hidden"), "pytest loads"),
        (_tests("exec /usr/bin/python3 -I -m pytest -c .hidden/pytest.ini .hidden"), "pytest loads"),
        (_tests("cd sub && pytest -q; echo done"), "pytest loads"),
        (_tests("if ! timeout -k 1 60 py.test; then exit 1; fi"), "pytest loads"),
        (_command("python -m unittest discover"), "unittest loads"),
        (_command("npm test"), "npm test loads"),
        (_bash("pytest > /dev/null && echo score=1 || echo score=0"), "pytest loads"),
        (_tests("python3 .hidden/check.py"), "python3 starts without -I"),
        (_tests("exec /usr/bin/python3 -W ignore .hidden/check.py -I"), "/usr/bin/python3 starts without -I"),
        (_tests("HOME=/x PATH=/y exec /usr/bin/python3.11 -c 'import totals'"), "starts without -I"),
        (_command("./selftest"), "./selftest is a program of the solver's"),
        (_command("bash -e ci/check.sh"), "ci/check.sh is a program of the solver's"),
        (_command("make -s check"), "make's exit status"),
        (_bash("./selftest --score"), "./selftest is a program of the solver's, and its output"),
        (_bash("python3 judge.py 2>/dev/null"), "python3 starts without -I"),
        (
            _tests("exec /usr/bin/python3 -I .hidden/check.py", contents="import sys\nsys.path.insert(0, '.')\n"),
            "line 2",
        ),
        (_python("import pickle\nprint(pickle.load(open('answer', 'rb')))"), "calls pickle.load"),
        (_python("exec(open('totals.py').read())"), "calls exec"),
    ],
)
def test_what_is_warned_of(scorer: dict[str, Any], sign: str) -> None:
    """A verdict out of the solution's own process is warned of, once, by the function's name."""
    (warning,) = _warnings(scorer)
    assert warning.startswith("it: ")
    assert sign in warning


@pytest.mark.parametrize(
    "scorer",
    [
        _tests("exec /usr/bin/python3 -I .hidden/check.py totals"),
        _tests("exec /usr/bin/python3 -IB -W error .hidden/check.py"),
        _tests("./.hidden/check.sh", path=".hidden/check.sh"),
        _tests("exec bash .hidden/check.sh", path=".hidden/check.sh"),
        _tests(
            "exec /usr/bin/python3 -I .hidden/check.py", contents="CODE = '''\nsys.path.insert(0, '.')\nexec(x)\n'''"
        ),
        _tests("exec /usr/bin/python3 -I .hidden/check.py", contents="print 'for another Python'"),
        _command("grep -qx yes done"),
        _command("make && cmp out expected"),
        _command("./totals example.csv | cmp - expected"),
        _command("# pytest would be wrong here\ntest -e 'pytest; pytest'"),
        _command('[ "$(python3 totals.py example.csv)" = "Ida 3" ]'),
        _command("it is 'not even"),
        _bash("out=$(timeout 5 python3 totals.py x.csv)\n[[ $out == 7 ]] && echo score=1 || echo score=0"),
        _bash("./totals x.csv > out.txt 2>&1\ncmp -s out.txt right && echo score=1 || echo score=0"),
        _bash("exec /usr/bin/python3 -I - <<'JUDGE'\nimport pytest\npytest\n./totals\nJUDGE\n"),
        _python("import subprocess\nprint('score=1.0')"),
        {"type": "ast_grep_scorer", "pattern": "eval($A)", "search_directory": "."},
    ],
)
def test_what_is_not_warned_of(scorer: dict[str, Any]) -> None:
    """What is compared from outside, read as data, or only looks alike is no cause for a warning."""
    assert _warnings(scorer) == []


@pytest.mark.proof
def test_bundled_scenarios_give_no_cause() -> None:
    """None of the scenarios that come with the program is warned of."""
    for document in sorted(bundled_pack().glob("*/scenario.yaml")):
        assert verdict_warnings(load_folder(document.parent, "bundled").view) == [], document.parent.name
