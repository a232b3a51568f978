"""Runloop's SDK for Python, versions 1.4.0, 1.32.0 and 3.0.0, with strict validation of what the server answers."""

from collections.abc import Callable
from typing import Any

import pytest

Ask = Callable[..., dict[str, Any]]

WITH_SCENARIOS = ["1.4.0", "1.32.0"]
ALL = [*WITH_SCENARIOS, "3.0.0"]
_OLDEST_IN_PROOF = [pytest.param("1.4.0", marks=pytest.mark.proof), "1.32.0"]
_NEWER_IN_SUITE = [_OLDEST_IN_PROOF[0], "1.32.0", "3.0.0"]
"""What takes long and was not changed between the two is asked of the oldest with --full-size alone."""

_NOT_IN_1_4 = ["devboxes.retrieve_resource_usage", "devboxes.create_pty_tunnel"]
_MISSING_DEVBOX_METHODS = {"1.4.0": _NOT_IN_1_4, "1.32.0": [], "3.0.0": ["scenarios", "agents"]}
_AGENTS = ["agents.delete", "agents.list_public", "agents.devbox_counts"]
_MISSING_OTHERS = {
    "1.4.0": [*_AGENTS, "accounts.me", "secrets.retrieve", "secrets.retrieve_by_id"],
    "1.32.0": ["secrets.retrieve_by_id"],
    "3.0.0": ["agents", *_AGENTS],
}


@pytest.mark.parametrize("version", _NEWER_IN_SUITE)
def test_devboxes(ask: Ask, version: str) -> None:
    """Commands, their streams and input, files, suspension, snapshots, logs and the end, by the SDK's methods."""
    told = ask(f"python-{version}", "devboxes")
    # Named shells are gone from 3.0.0.
    assert told.pop("shell", None) == (None if version == "3.0.0" else "/tmp\nkept\n")
    assert told == {
        "status": "running",
        "name": "sdk",
        "metadata": {"suite": "devboxes"},
        "ended": ["completed", 3, "hello\nmounted\nlaunched\n/home/user\n", "oops\n"],
        "awaited": ["completed", 0, "awaited\n"],
        "last lines": ["148\n149\n150\n", True],
        "slow": "running",
        "killed": ["completed", 137],
        "begun": ["completed", 0, "begun\n", "aside\n"],
        "retrieved": "begun\n",
        "sent": [True, "one\ntwo\nend\n"],
        "sync": [4, "sync\n"],
        "again": ["1\n", "2\n"],
        "stream": "line 1\nline 2\nline 3\n",
        "stream again from 7": "line 2\nline 3\n",
        "stream of errors": "x\n",
        "read": "ünder\nway\n",
        "same bytes": True,
        "kept alive": True,
        "suspended": "suspended",
        "resumed": "running",
        "after": "ünder\nway\n",
        "renamed": "renamed",
        "snapshot": ["disk", True, "so far", {"of": "sdk"}],
        "later": "complete",
        "updated": "newer",
        "listed": ["disk", "newer"],
        "listed too": 2,
        "fork": [True, "ünder\nway\nlaunched\n"],
        "deleted": "deleted",
        "found": True,
        "usage": True,
        "shut down": ["shutdown", "shutdown", "shutdown"],
        "gone": ["shutdown", "api_shutdown", True],
        "logged": True,
        "refused": [["BadRequestError", 400], ["NotFoundError", 404]],
        "missing": _MISSING_DEVBOX_METHODS[version],
    }


@pytest.mark.parametrize("version", WITH_SCENARIOS)
def test_scenarios_runs_and_a_custom_scorer(ask: Ask, version: str) -> None:
    """A scenario with all six types of scorers is made, found, run, scored, completed; one of them is a custom one."""
    told = ask(f"python-{version}", "scenarios")
    # Validation of scorers is gone after 1.4.0; archiving came later.
    validated = told.pop("validated", None)
    assert validated is None or (validated[0].startswith("counts_lines"), validated[1:]) == (
        True,
        [1.0, "complete", {"lines": 2}],
    )
    assert (validated is None, told.pop("archived", None)) == {"1.4.0": (False, None), "1.32.0": (True, "archived")}[
        version
    ]
    metadata = told.pop("updated")
    name = told["scenario"].pop(0)
    assert told == {
        "scorer": [True, True],
        "scorer listed": True,
        "scorer kept": True,
        "scorer twice": 400,
        "scenario": ["active", "Write one and two to out.txt.", {"suite": name.removeprefix("sdk-")}],
        "types": [
            "command_scorer",
            "bash_script_scorer",
            "python_script_scorer",
            "test_based_scorer",
            "ast_grep_scorer",
            "custom_scorer",
        ],
        "same": True,
        "pages": [True, True, True],
        "by name": [True],
        "public": [True],
        "without its variable": [400, True],
        "half a contract": [400, True],
        "run": ["running", "first", {"by": "sdk"}, True],
        "complete before a score": 400,
        "scores": {
            "command": [1.0, "complete"],
            "bash": [0.5, "complete"],
            "python": [1.0, "complete"],
            "tests": [1.0, "complete"],
            "ast": [1.0, "complete"],
            "custom": [1.0, "complete"],
        },
        "score": 0.9,
        "again": True,
        "completed": "completed",
        "retrieved": ["completed", "shutdown"],
        "logs": True,
        "canceled": "canceled",
        "runs": True,
        "missing": ["scenarios.archive"] if version == "1.4.0" else ["scenarios.scorers.validate"],
    }
    assert metadata["more"] == "1"


@pytest.mark.parametrize("version", _OLDEST_IN_PROOF)
def test_benchmarks(ask: Ask, version: str) -> None:
    """A benchmark is made, changed, run to a mean score, and another run of it canceled with its part."""
    told = ask(f"python-{version}", "benchmarks")
    assert told.pop("benchmark")[1:] == [True, "active"]
    assert told == {
        "updated": "Two.",
        "changed": True,
        "changed back": 3,
        "definitions": [1, True],
        "listed": True,
        "retrieved": True,
        "public": [],
        "of the benchmark": True,
        "run": ["running", "once", True],
        "parts": [0.5, 1.0],
        "completed": ["completed", 0.75],
        "runs": True,
        "run again": "completed",
        "canceled": "canceled",
        "its part": True,
        "job": [2, 0.75, ["COMPLETED", "COMPLETED"]],
        "solved": True,
        "jobs": True,
    }


@pytest.mark.parametrize("version", _NEWER_IN_SUITE)
def test_objects_secrets_blueprints_agents_and_the_account(ask: Ask, version: str) -> None:
    """Objects go up and down by signed addresses and into a devbox; blueprints are built; secrets keep their values."""
    told = ask(f"python-{version}", "objects_and_more")
    told["object"].pop(1)
    told["blueprint"].pop(2)
    expected = {
        "object": ["UPLOADING", "text", True],
        "completed": "READ_ONLY",
        "ready": ["READ_ONLY", 5],
        "downloaded": "kept\n",
        "listed": True,
        "none public": [],
        "mounted": "kept\n",
        "deleted": "DELETED",
        "secret": [True, True],
        "changed": True,
        "secrets": True,
        "gone": True,
        "preview": True,
        "blueprint": ["build_complete", "created"],
        "built": "build_complete",
        "build logs": True,
        "blueprints": True,
        "public blueprints": [],
        "from blueprint": "set up\nfrom the blueprint\n",
        "dockerfile": [400, True],
        "missing": _MISSING_OTHERS[version],
    }
    if version != "1.4.0":
        expected |= {"by name": True, "account": "ACCOUNT_STATUS_ENABLED"}
    if version == "3.0.0":
        expected |= {"by id": True, "changed by id": True, "gone by id": True}
    else:
        told["agent"].pop(0)
        expected |= {"agent": ["git", "https://github.com/example/agent"], "agents": True, "same agent": True}
        expected["agent mounted"] = "at work\nagent\nset-up\nwork\n"
    if version == "1.32.0":
        expected |= {"counted": True, "public agents": [], "agent gone": True}
    assert told == expected


@pytest.mark.parametrize("version", _OLDEST_IN_PROOF)
def test_the_object_oriented_run(ask: Ask, version: str) -> None:
    """Runs go their whole way through the SDK's objects, step by step, at once, and given up; output is streamed."""
    told = ask(f"python-{version}", "scenario_run")
    assert told == {
        "weights": [0.75, 0.25],
        "exec": [5, "out 1\nout 2\nout 3\n", "err 1\nerr 2\nerr 3\n"],
        "callbacks": ["out 1\nout 2\nout 3\n", "err 1\nerr 2\nerr 3\n"],
        "output callback": [0, ["both", "both"]],
        "async": ["first\nlast\n", "completed"],
        "long output": 5000,
        "not scored yet": [True, "running"],
        "ready": "running",
        "score": True,
        "scored": "scored",
        "result": 0.875,
        "completed": "completed",
        "logs": True,
        "env ready": "running",
        "score and await": ["scored", 0.875],
        "score and complete": ["completed", 0.125],
        "devbox after": "shutdown",
        "cancel": "canceled",
        "devbox given up": "shutdown",
        "missing": ["secret"] if version == "1.4.0" else [],
    }


@pytest.mark.parametrize("version", _OLDEST_IN_PROOF)
def test_the_published_example(ask: Ask, version: str) -> None:
    """A failing test on a devbox becomes a snapshot and a scenario; a run of that is solved and scored 1.0."""
    assert ask(f"python-{version}", "end_to_end") == {
        "fails": [1, True],
        "problem": "The test of the calculator fails. Mend the calculator.",
        "before": 1,
        "score": 1.0,
        "contract": 1.0,
        "completed": "completed",
    }


def test_the_published_workflow(ask: Ask) -> None:
    """Start, poll until it runs, score, complete: each answers 200, and the score is in the answers of the last two."""
    assert ask("python-1.32.0", "workflow") == {
        "started": "running",
        "polled": "running",
        "scored": ["scored", 0.75, 0.75],
        "completed": ["completed", 0.75],
    }


@pytest.mark.parametrize("version", _OLDEST_IN_PROOF)
def test_the_asynchronous_client(ask: Ask, version: str) -> None:
    """Three runs at once, each with its own output and score."""
    assert ask(f"python-{version}", "asynchronous") == {
        "results": [
            [0, "heard", "completed", 0.0],
            [0, "heard", "completed", 1.0],
            [0, "heard", "completed", 0.0],
        ],
        "listed": ["run 0", "run 1", "run 2"],
    }
