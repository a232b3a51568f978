"""The real application with the suite's fixtures, and the suite's own words on it."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from client_environments import environment_of, node
from fixtures import ConformanceFixtures, add_to
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from probed_driver import ProbedDriver

from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.rest.app import RestFace
from runloop_mcp.server.app import build_server
from runloop_mcp.server.transports.http import serve_http
from runloop_mcp.server.transports.signals import Stop

PATIENCE = 100.0
"""Seconds that the whole suite may take; it takes a few."""


@dataclass
class Application:
    """What is judged."""

    url: str
    used: Counter[str] = field(default_factory=Counter)
    """How often each tool was called, prompt filled in and resource read or subscribed to."""

    async def note(self, context: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """A middleware that sees what is asked for."""
        params = context.params or {}
        if (asked := params.get("name") or params.get("uri")) is not None:
            self.used[str(asked)] += 1
        return await call_next(context)


@asynccontextmanager
async def application(folder: Path, *, with_fixtures: bool = True) -> AsyncIterator[Application]:
    """The server as `runloop-mcp serve --transport http --no-auth` makes it, with an engine that has no run."""
    stop, ready, judged = Stop(), anyio.Event(), Application("")

    def announce(url: str) -> None:
        judged.url = url
        ready.set()

    async with EmbeddedEngine(folder / "state", ProbedDriver(folder / "devboxes")) as engine:
        server = build_server(engine, extensions=[ConformanceFixtures()] if with_fixtures else [])
        if with_fixtures:
            add_to(server)
        server.middleware.append(judged.note)
        rest = RestFace(engine, signer=None, public_url=None, needs_key=False)
        async with anyio.create_task_group() as tasks:

            async def serve() -> None:
                await serve_http(
                    server, port=0, routes=rest.routes, lifespans=(rest.running,), ready=announce, stop=stop
                )

            tasks.start_soon(serve)
            await ready.wait()
            try:
                yield judged
            finally:
                stop.ask("the test")


@dataclass(frozen=True)
class Verdict:
    """What a release of the suite found in a scenario."""

    scenario: str
    checks: list[dict[str, Any]]

    def with_status(self, *statuses: str) -> list[str]:
        """The checks with one of these outcomes, with the suite's reason."""
        return [
            f"{self.scenario}: {check['id']}: {check.get('errorMessage', '')}".rstrip(": ")
            for check in self.checks
            if check["status"] in statuses
        ]

    @property
    def passed(self) -> bool:
        """Whether something was found good, and nothing bad."""
        return bool(self.with_status("SUCCESS")) and not self.with_status("FAILURE", "WARNING")

    @property
    def vacuous(self) -> list[str]:
        """Checks that were found good without anything having been put to the test, as far as their details say."""
        return [
            f"{self.scenario}: {check['id']}"
            for check in self.checks
            if check["status"] == "SUCCESS" and _UNTESTED.search(json.dumps(check.get("details", {})))
        ]


_UNTESTED = re.compile(
    r"no such tool|unknown tool|unknown prompt|not tested|untestable|\"skipped\": true", re.IGNORECASE
)


async def verdicts(release: str, url: str, results: Path, *arguments: str) -> dict[str, Verdict]:
    """Has a release of the suite judge a server, and gives what it found by scenario."""
    program = environment_of("node-judges") / "node_modules" / release / "dist" / "index.js"
    with anyio.fail_after(PATIENCE):
        await anyio.run_process(
            [node(), str(program), "server", "--url", f"{url}/mcp", "--output-dir", str(results), *arguments],
            check=False,
        )
    found = {}
    for file in results.glob("*/checks.json"):
        scenario = re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", file.parent.name)
        found[scenario] = Verdict(scenario, json.loads(file.read_text()))
    return found
