"""Clients that others wrote, each in an environment of its own, take a scenario from the list to its score."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]

HANDSHAKE, WITHOUT = "2025-11-25", "2026-07-28"
"""The last revision with a handshake, and the first without one."""

SDKS = [
    ("python-mcp-1", "python_sdk_1", "", HANDSHAKE),
    ("python-mcp-2", "python_sdk_2", "legacy", HANDSHAKE),
    ("python-mcp-2", "python_sdk_2", "auto", WITHOUT),
    ("node-judges", "typescript_sdk_1", "", HANDSHAKE),
    ("node-judges", "typescript_sdk_2", "legacy", HANDSHAKE),
    ("node-judges", "typescript_sdk_2", "auto", WITHOUT),
]
QUICK = [SDKS[0], SDKS[5]]

AGENTS = [
    ("python-mcp-2", "pydantic_ai_agent"),
    ("python-mcp-2", "openai_agent"),
    ("python-mcp-1", "langchain_agent"),
]

STEPS = [
    "right-answer",  # list_scenarios
    "Attempt ",  # start_run
    "Exit status 3",  # exec_on_devbox
    "Wrote 3 bytes",  # write_file
    "1\t42",  # read_file
    "There is no file no-such-file",  # edit_file
    "Score 1.0",  # score_run
    "Score 1.0",  # get_score
    "Completed",  # complete_run
]
"""What each of the tools has said in the end: the one that is called wrongly tells the model why."""


@pytest.mark.parametrize(("environment", "program", "era", "version"), QUICK)
def test_clients_of_the_sdks_over_http(run: Run, environment: str, program: str, era: str, version: str) -> None:
    """The oldest and the newest lists, reads, starts, works, scores and completes over streamable HTTP, with a key."""
    _assert_lifecycle(run(environment, program, "mcp", era), version)


@pytest.mark.proof
@pytest.mark.parametrize("transport", ["stdio", "mcp", "sse"])
@pytest.mark.parametrize(("environment", "program", "era", "version"), SDKS)
def test_clients_of_the_sdks(run: Run, environment: str, program: str, era: str, version: str, transport: str) -> None:
    """Each SDK's client goes the whole way over each transport, in each era that it speaks."""
    _assert_lifecycle(run(environment, program, transport, era), version)


@pytest.mark.proof
def test_every_answer_has_the_form_that_its_schema_says(run: Run) -> None:
    """Every tool of every toolset works for a client that holds structured answers against their schemas."""
    told = run("python-mcp-1", "python_sdk_1_everything", "mcp")
    assert set(told["tools"]) == set(told["called"])


@pytest.mark.proof
@pytest.mark.parametrize("transport", ["stdio", "mcp"])
@pytest.mark.parametrize(("environment", "program"), AGENTS)
def test_agents_of_frameworks(run: Run, environment: str, program: str, transport: str) -> None:
    """Each framework's own loop offers the tools to a model, calls them for it and tells it what they said."""
    told = run(environment, program, transport)
    assert told["output"] == "Done."
    _assert_steps(told)


def _assert_lifecycle(told: dict[str, Any], version: str) -> None:
    assert told["version"] == version
    assert "Write 42 into answer.txt." in told["problem"]
    assert "score_run" in told["prompt"]
    assert "ünder way" in told["said"][2]
    _assert_steps(told)


def _assert_steps(told: dict[str, Any]) -> None:
    assert {"list_scenarios", "start_run", "exec_on_devbox", "score_run", "complete_run"} <= set(told["tools"])
    assert [step if step in said else said for step, said in zip(STEPS, told["said"], strict=True)] == STEPS
