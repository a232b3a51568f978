"""An agent as the tests play it: a real client on our server, over the real engine with real devboxes."""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from human import Human
from mcp.client import Client
from mcp_types import TextContent
from probed_driver import ProbedDriver

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.engine.settings import EngineSettings
from runloop_mcp.server.app import build_server
from runloop_mcp.server.background import Background
from runloop_mcp.server.services import Services
from runloop_mcp.server.surface import CORE, Surface
from runloop_mcp.validation.prover import ScenarioProver

ERAS = ("auto", "legacy")
"""The protocol's two eras, by the client's name for how it meets a server."""

OLDER_IN_PROOF = (ERAS[0], pytest.param(ERAS[1], marks=pytest.mark.proof))
"""The same for what takes long: the older one with --full-size alone."""

_PATIENCE_SECONDS = 15
CANCELED = "echo $$ > pid; exec sleep 1000"
"""A command that goes on until it is ended."""

STORED_SECRET = "s3cr3t-value"  # noqa: S105 - the tests' own


@dataclass(frozen=True)
class Answer:
    """What a tool answered."""

    text: str
    structured: Any
    failed: bool

    def found(self, pattern: str) -> str:
        """What the first group of a regular expression finds in the text, or all that it finds."""
        match = re.search(pattern, self.text, re.MULTILINE)
        assert match, f"{pattern!r} is not in: {self.text}"
        return match[1] if match.groups() else match[0]


class Tools:
    """Calls tools and reads what comes back."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def try_tool(self, tool: str, /, **arguments: Any) -> Answer:
        """Calls a tool, whatever comes of it."""
        result = await self.client.call_tool(tool, arguments)
        texts = [block.text for block in result.content if isinstance(block, TextContent)]
        return Answer("\n".join(texts), result.structured_content, result.is_error)

    async def call(self, tool: str, /, **arguments: Any) -> Answer:
        """Calls a tool that must succeed."""
        answer = await self.try_tool(tool, **arguments)
        assert not answer.failed, answer.text
        return answer

    async def refused(self, tool: str, /, **arguments: Any) -> str:
        """Calls a tool that must answer with an error, and gives its text."""
        answer = await self.try_tool(tool, **arguments)
        assert answer.failed, answer.text
        assert "Traceback" not in answer.text
        return answer.text

    async def run_of(self, scenario: str, **arguments: Any) -> str:
        """Starts a run of a scenario, and gives its id."""
        started = await self.call("start_run", scenario_id=scenario, **arguments)
        return started.found(r"scr_\w+")

    async def read(self, uri: str) -> str:
        """The text of a resource."""
        (contents,) = (await self.client.read_resource(uri)).contents
        return str(getattr(contents, "text", ""))

    async def cancel_command(self, run_id: str) -> None:
        """Begins a command, cancels the call, and waits until the command's process is gone from the devbox."""
        waiting = "until test -s pid; do sleep 0.02; done"
        gone = "while kill -0 $(cat pid) 2>/dev/null; do sleep 0.02; done; rm pid; echo gone"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: self.try_tool("exec_on_devbox", run_id=run_id, command=CANCELED))
            await self.call("exec_on_devbox", run_id=run_id, command=waiting, timeout_seconds=_PATIENCE_SECONDS)
            tasks.cancel_scope.cancel()
        # A client that is canceled tells its server so and doesn't wait for it.
        ended = await self.call("exec_on_devbox", run_id=run_id, command=gone, timeout_seconds=_PATIENCE_SECONDS)
        assert "\ngone\n" in ended.text, ended.text

    async def asks_before_it_gives_up(self, run_id: str, human: Human) -> None:
        """Cancels a run with work in it: once its person says no, then once they agree."""
        human.will("decline")
        assert "said no" in await self.refused("cancel_run", run_id=run_id)
        human.will("accept", agreed=True)
        assert "canceled" in (await self.call("cancel_run", run_id=run_id)).text
        assert len(human.asked) == 2


class Agent(Tools):
    """An agent, and the backend behind the server it works with."""

    def __init__(self, client: Client, backend: Backend) -> None:
        super().__init__(client)
        self.backend = backend


Serve = Callable[..., AbstractAsyncContextManager[Agent]]
"""Starts a server with a client, with a test's own state: packs, then `era`, `principal`, `surface` … by name."""


@asynccontextmanager
async def serving(
    state: Path,
    devboxes: Path,
    *packs: Path,
    era: str = "auto",
    principal: Principal = LOCAL_OPERATOR,
    max_devboxes: int = 20,
    surface: Surface = CORE,
    cheats: tuple[str, ...] = (),
) -> AsyncIterator[Agent]:
    """An agent on a server of its own, with its state and its devboxes in these folders; `cheats` are all it tries."""
    engine = EmbeddedEngine(
        state,
        ProbedDriver(devboxes),
        packs=packs,
        settings=EngineSettings(max_devboxes=max_devboxes),
        environment={"RUNLOOP_MCP_SECRET_DEPLOY_KEY": STORED_SECRET},
    )
    failure: Exception | None = None
    background = Background()
    services = Services(background, ScenarioProver(cheats))
    server = build_server(engine, principal=principal, surface=surface, services=services)
    async with engine, background, Client(server, mode=era) as client:
        try:
            yield Agent(client, engine)
        except Exception as error:  # noqa: BLE001 - raised again outside, where no task group wraps it
            failure = error
    if failure is not None:
        raise failure


SOLVED = 'test "$(cat answer.txt)" = 42'


def scorer(name: str, weight: float, command: str) -> dict[str, Any]:
    """A scoring function that passes where a command does."""
    return {"name": name, "weight": weight, "scorer": {"type": "command_scorer", "command": command}}


def scenario_folder(
    pack: Path,
    name: str,
    *,
    functions: Sequence[dict[str, Any]] = (scorer("right-answer", 1.0, SOLVED),),
    problem: str = "Write 42 into answer.txt.",
    files: dict[str, str] | None = None,
    reference: str = "echo 42 > answer.txt\n",
    launch_commands: Sequence[str] = (),
    keep_alive_seconds: int = 600,
    **fields: Any,
) -> Path:
    """Writes a scenario's folder into a pack, and gives the pack."""
    folder = pack / name
    (folder / "files").mkdir(parents=True)
    for path, contents in (files or {"README.md": "Nothing to see.\n"}).items():
        (folder / "files" / path).write_text(contents)
    (folder / "problem.md").write_text(problem)
    (folder / "reference.sh").write_text(reference)
    launch = {"keep_alive_time_seconds": keep_alive_seconds, "launch_commands": list(launch_commands)}
    document = {
        "format": 1,
        "name": name,
        "environment": {"launch_parameters": launch},
        "scoring_contract": {"scoring_function_parameters": list(functions)},
        **fields,
    }
    (folder / "scenario.yaml").write_text(yaml.safe_dump(document))
    return pack
