"""An agent's way through a scenario, over MCP: what the demo does, apart from how it looks."""

import json
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, TextIO

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent

from runloop_mcp.api.errors import ApiError
from runloop_mcp.server.results import ScenarioList, ScoreCard

_RUN_ID = re.compile(r"\bscr_[0-9A-Za-z]{21}\b")
_SCORING_LOOKS = 30
"""How often the score is asked for; each look waits up to 20 s."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A step that solves the scenario: a tool and its arguments, without the run's id."""

    say: str
    """What the agent is about, in a sentence."""
    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """Which scenario is solved, and how."""

    scenario: str
    query: str
    steps: list[Planned]
    """What is done between the start of the run and its scoring, in order."""


def load_plan() -> Plan:
    """The plan that comes with the package."""
    plan = json.loads(files("runloop_mcp.cli").joinpath("demo_plan.json").read_text(encoding="utf-8"))
    return Plan(plan["scenario"], plan["query"], [Planned(**step) for step in plan["steps"]])


@dataclass(frozen=True, slots=True)
class Step:
    """A call that was made."""

    say: str
    tool: str
    arguments: dict[str, Any]
    text: str
    """What the tool answered, as a model reads it."""
    seconds: float
    structured: dict[str, Any] | None = None


@dataclass(slots=True)
class Walk:
    """The connection to a server, and the calls made over it."""

    client: Client
    announce: Callable[[str, str, dict[str, Any]], None] = lambda _say, _tool, _arguments: None
    """Told of each call before it is made."""
    steps: list[Step] = field(default_factory=list)
    run_id: str = ""
    card: ScoreCard | None = None
    """The score, once there is one."""

    async def call(self, say: str, tool: str, arguments: dict[str, Any]) -> Step:
        """Calls a tool.

        Raises:
            ApiError: The tool answered with an error.
        """
        self.announce(say, tool, arguments)
        began = time.monotonic()
        result = await self.client.call_tool(tool, arguments)
        text = _text(result)
        if result.is_error:
            raise ApiError(f"{tool} answered with an error: {text}")
        step = Step(say, tool, arguments, text, time.monotonic() - began, result.structured_content)
        self.steps.append(step)
        return step

    async def take(self, plan: Plan) -> AsyncIterator[Step]:
        """Walks from the list of scenarios to the end of a run, one call after the other."""
        listed = await self.call("What is there to solve?", "list_scenarios", {"query": plan.query})
        yield listed
        scenario_id = _scenario_id(listed, plan.scenario)
        yield await self.call(
            "Read the problem before starting the clock.", "get_scenario", {"scenario_id": scenario_id}
        )
        started = await self.call("Start a run: a devbox of its own.", "start_run", {"scenario_id": scenario_id})
        found = _RUN_ID.search(started.text)
        if found is None:
            raise ApiError(f"start_run names no run: {started.text}")
        self.run_id = found.group()
        yield started
        for planned in plan.steps:
            yield await self.call(planned.say, planned.tool, {"run_id": self.run_id, **planned.arguments})
        async for step in self._score():
            yield step
        yield await self.call("Done: end the run and free its devbox.", "complete_run", {"run_id": self.run_id})

    async def _score(self) -> AsyncIterator[Step]:
        step = await self.call("Have it scored, by scorers that were never in the devbox.", "score_run", self._run)
        yield step
        for _ in range(_SCORING_LOOKS):
            self.card = ScoreCard.model_validate(step.structured)
            if self.card.state != "scoring":
                return
            step = await self.call("Scoring takes a while; wait for it.", "get_score", self._run)
            yield step
        raise ApiError("Scoring did not end.")

    @property
    def _run(self) -> dict[str, Any]:
        return {"run_id": self.run_id}


@asynccontextmanager
async def connected(state: Path, errors: TextIO) -> AsyncIterator[Walk]:
    """A server as a child of this process, over real stdio, with a state directory of its own."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "runloop_mcp", "serve", "--state-dir", str(state)]
    )
    async with Client(stdio_client(server, errlog=errors)) as client:
        yield Walk(client)


def _text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def _scenario_id(listed: Step, name: str) -> str:
    found = ScenarioList.model_validate(listed.structured)
    for line in found.scenarios:
        if line.name == name:
            return line.scenario_id
    raise ApiError(f"The list holds no scenario {name!r}.", hint="runloop-mcp doctor tells whether scenarios load.")
