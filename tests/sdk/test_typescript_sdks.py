"""Runloop's SDK for TypeScript: 1.8.0, which speaks HTTP/1.1, and 1.32.0, which speaks HTTP/2 unless told otherwise.

It has no validation of answers to turn on; those are the ones that Python's SDK validates.
"""

from collections.abc import Callable
from typing import Any

import pytest
from relay import relaying

Ask = Callable[..., dict[str, Any]]

VERSIONS = ["1.8.0", "1.32.0"]
_OLDER_IN_PROOF = [pytest.param("1.8.0", marks=pytest.mark.proof), "1.32.0"]
"""What takes long, and is asked over HTTP/1.1 by Python's SDK as well: of the older one with --full-size alone."""

_RUN_LACKS = {"1.8.0": ["scenario.builder", "secret", "benchmark"], "1.32.0": ["benchmark"]}
_NOT_IN_1_8 = ["accounts", "agents.delete", "scenarios.archive", "secrets.retrieve"]
_LACKS = {"1.8.0": [*_NOT_IN_1_8, "scenarios.scorers.validate"], "1.32.0": ["scenarios.scorers.validate"]}


@pytest.mark.parametrize(("version", "begins"), [("1.8.0", b"GET "), ("1.32.0", b"PRI * HTTP/2.0\r\n")])
def test_each_version_speaks_its_own_protocol(ask: Ask, server: Any, version: str, begins: bytes) -> None:
    """One port answers HTTP/1.1, and HTTP/2 by clients that take it for granted."""
    with relaying(server.url) as relay:
        assert ask(f"node-{version}", "pages", relay.url) == {"several": True}
    assert relay.began
    assert all(each.startswith(begins) for each in relay.began)


@pytest.mark.parametrize("version", _OLDER_IN_PROOF)
def test_the_object_oriented_run(ask: Ask, version: str) -> None:
    """Runs go their whole way through the SDK's objects, step by step, at once, and given up; output is streamed."""
    told = ask(f"node-{version}", "scenario_run")
    assert told.pop("info").startswith("objects-")
    assert told == {
        "exec": [5, "out 1\nout 2\nout 3\n", "err 1\nerr 2\nerr 3\n"],
        "callbacks": ["out 1\nout 2\nout 3", "err 1\nerr 2\nerr 3"],
        "async": "first\nlast\n",
        "file": "ünder way",
        "not scored yet": [None, "running"],
        "ready": "running",
        "complete before a score": ["BadRequestError", 400],
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
        "listed": [4, 4],
        "missing": _RUN_LACKS[version],
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_what_else_there_is(ask: Ask, version: str) -> None:
    """Devboxes, snapshots, objects, secrets, blueprints, a custom scorer in a benchmark, agents and pages."""
    told = ask(f"node-{version}", "resources")
    assert told.pop("account", None) == (None if version == "1.8.0" else "ACCOUNT_STATUS_ENABLED")
    assert told == {
        "box": ["running", "hello\n/home/user\n"],
        "output": "123",
        "sent": "sent\n",
        "killed": 137,
        "download": [0, 1, 255],
        "shell": "/tmp\n",
        "suspended": "suspended",
        "resumed": "3",
        "snapshot": "complete",
        "fork": "3",
        "found": 2,
        "gone": ["shutdown", ["BadRequestError", 400]],
        "logs": True,
        "object": ["READ_ONLY", "kept\n"],
        "secret": True,
        "blueprint": "build_complete",
        "built": "built\n",
        "scorer": True,
        "parts": [0.5],
        "benchmark": 0.5,
        "pages": [True, True],
        "agent": "example",
        "missing": _LACKS[version],
    }
