"""Resources: scenarios, runs, scores and whole outputs, under `runloop://`."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import anyio
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp_types import Resource, ResourceTemplate
from pydantic import BaseModel

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.disclosure import (
    event_for_solver,
    functions_for_solver,
    run_for_solver,
    scenario_for_solver,
)
from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.devbox import OutputStream
from runloop_mcp.api.models.run import RunListParams, ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioListParams, ScenarioView
from runloop_mcp.api.models.scoring import Disclosure
from runloop_mcp.api.trace import EventKind
from runloop_mcp.server.benchmark_progress import benchmark_of, benchmark_progress_of
from runloop_mcp.server.handles import find_run, find_scenario
from runloop_mcp.server.printable import printable
from runloop_mcp.server.rendering.binary import looks_binary
from runloop_mcp.server.rendering.execution import binary_text
from runloop_mcp.server.rendering.quantities import amount
from runloop_mcp.server.rendering.run import run_text
from runloop_mcp.server.rendering.scenario import problem_text, scenario_line, scenario_text
from runloop_mcp.server.results import ScenarioList
from runloop_mcp.server.score_card import page as score_card
from runloop_mcp.server.score_card.card import score_card_of

_LISTED: Final = 100
"""Scenarios that the list of resources names one by one."""
_ALL: Final = 5000
_PLOTTED: Final = 50
"""Runs of a scenario whose scores a picture shows, the newest of them."""
_PICTURED: Final = 24
"""The same of a picture in pixels."""
_WHOLE_OUTPUT: Final = 4 * 1024 * 1024
"""Bytes of an output that one read gives; the rest is paged with get_execution."""
_CHUNK: Final = 512 * 1024
_LOG: Final = 200_000
"""Characters of a record that one read gives."""
_LOG_PAGE: Final = 200
"""Events asked for at once."""

MARKDOWN: Final = "text/markdown"
JSON: Final = "application/json"
PLAIN: Final = "text/plain"
SVG: Final = "image/svg+xml"
PNG: Final = "image/png"
JSON_LINES: Final = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Contents:
    """What reading a resource gives: text, or the bytes of a file."""

    data: str | bytes
    mime_type: str
    meta: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """The text; of the bytes of a file there is none."""
        return self.data if isinstance(self.data, str) else ""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A family of resources: what the protocol shows of it, and how one is read."""

    template: str
    name: str
    title: str
    description: str
    mime_type: str
    read: Callable[["Resources", dict[str, str]], Awaitable[str | bytes]]
    changes_with: frozenset[EventKind] = frozenset()
    """The events of a run after which it reads otherwise; empty where it depends on no single run."""
    is_reread: bool = False
    """Whether it can be subscribed to although it depends on no single run: it is then read again and again."""
    for_operators: bool = False
    """Whether it is there for those alone who set tasks."""

    def match(self, uri: str) -> dict[str, str] | None:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.template))
        found = re.fullmatch(pattern, uri)
        return found.groupdict() if found else None


class Resources:
    """The resources that one principal sees of one backend."""

    def __init__(self, backend: Backend, principal: Principal) -> None:
        self._backend = backend
        self._principal = principal
        self._kinds = [kind for kind in _KINDS if principal.operates or not kind.for_operators]

    async def listed(self) -> list[Resource]:
        """The list of scenarios, and the problem statement of each of the newest."""
        page = await self._backend.scenarios.list(ScenarioListParams(limit=_LISTED))
        return [_SCENARIOS] + [
            Resource(
                uri=f"runloop://scenarios/{scenario.id}/problem",
                name=scenario.name,
                description=scenario_line(scenario_for_solver(scenario)).summary or None,
                mime_type=MARKDOWN,
            )
            for scenario in page.items
        ]

    def templates(self) -> list[ResourceTemplate]:
        """The families of resources, by the form of their URIs."""
        return [
            ResourceTemplate(
                uri_template=kind.template,
                name=kind.name,
                title=kind.title,
                description=kind.description,
                mime_type=kind.mime_type,
            )
            for kind in self._kinds
        ]

    async def read(self, uri: str) -> Contents:
        """The contents of the resource with this URI.

        Raises:
            ResourceNotFoundError: No resource has a URI of this form.
            ApiError: What it names is not there, or can't be read.
        """
        if uri == score_card.URI:
            return Contents(score_card.score_card_page(), score_card.MIME_TYPE, score_card.META)
        if uri == _SCENARIOS.uri:
            return Contents(await self._scenarios(), JSON)
        for kind in self._kinds:
            if (names := kind.match(uri)) is not None:
                return Contents(await kind.read(self, names), kind.mime_type)
        forms = ", ".join([_SCENARIOS.uri, *(kind.template for kind in self._kinds)])
        raise ResourceNotFoundError(f"No resource has a URI of this form. The forms are: {forms}")

    async def subscribable(self, uri: str) -> tuple[str | None, frozenset[EventKind]]:
        """The run that a resource depends on, and the events of its record after which it reads otherwise.

        Where it depends on no single run, it has to be read again.

        Raises:
            InvalidRequest: It can't be subscribed to.
            NotFound: Its run is none that the principal may see.
        """
        kinds = [kind for kind in self._kinds if kind.changes_with or kind.is_reread]
        for kind in kinds:
            if (names := kind.match(uri)) is not None:
                if kind.is_reread:
                    return None, frozenset()
                run = await find_run(self._backend, self._principal, names["run_id"])
                return run.id, kind.changes_with
        forms = ", ".join(kind.template for kind in kinds)
        raise InvalidRequest("This resource can't be subscribed to.", hint=f"These can: {forms}.")

    async def _scenarios(self) -> str:
        page = await self._backend.scenarios.list(ScenarioListParams(limit=_ALL))
        lines = [scenario_line(scenario_for_solver(scenario)) for scenario in page.items]
        return _json(ScenarioList(scenarios=lines, total=page.total_count))

    async def _find(self, names: dict[str, str]) -> ScenarioView:
        return await find_scenario(self._backend, self._principal, names["scenario_id"])

    async def scenario(self, names: dict[str, str]) -> str:
        """A scenario as markdown."""
        scenario = await self._find(names)
        return scenario_text(scenario_for_solver(scenario), functions_for_solver(scenario))

    async def problem(self, names: dict[str, str]) -> str:
        """A scenario's problem statement, whole."""
        return problem_text(scenario_for_solver(await self._find(names)), limit=_WHOLE_OUTPUT)

    async def scores(self, names: dict[str, str]) -> str:
        """The scores of the scenario's newest runs that the principal may see, as a picture."""
        from runloop_mcp.server.rendering.plot import plot_of  # noqa: PLC0415 - few need it
        from runloop_mcp.server.rendering.plot_svg import svg  # noqa: PLC0415 - likewise

        return svg(plot_of(*await self._plotted(names, _PLOTTED)))

    async def scores_png(self, names: dict[str, str]) -> bytes:
        """The same for who sees no SVG, of fewer runs, as such a picture is looked at whole.

        Raises:
            Unavailable: The library that draws it is not installed.
        """
        from runloop_mcp.server.rendering.drawing import drawn  # noqa: PLC0415 - likewise

        return await drawn(*await self._plotted(names, _PICTURED))

    async def _plotted(self, names: dict[str, str], most: int) -> tuple[str, list[ScenarioRunView]]:
        """A scenario's name, and its newest runs that the principal may see, the oldest of them first."""
        scenario = await self._find(names)
        page = await self._backend.runs.list(RunListParams(scenario_id=scenario.id, limit=most))
        return scenario.name, [run_for_solver(run) for run in page.items[::-1]]

    async def benchmark(self, names: dict[str, str]) -> str:
        """A benchmark as JSON: its scenarios, and its newest runs."""
        return _json(await benchmark_of(self._backend, names["benchmark_id"]))

    async def benchmark_run(self, names: dict[str, str]) -> str:
        """How far a run of a benchmark is, as JSON."""
        return _json(await benchmark_progress_of(self._backend, names["benchmark_run_id"]))

    async def run(self, names: dict[str, str]) -> str:
        """A run as text."""
        return run_text(run_for_solver(await find_run(self._backend, self._principal, names["run_id"])))

    async def score(self, names: dict[str, str]) -> str:
        """A run's score card as JSON."""
        run = await find_run(self._backend, self._principal, names["run_id"])
        return _json(await score_card_of(self._backend, run))

    async def log(self, names: dict[str, str]) -> str:
        """A run's record as JSON lines, from a place in it on; where it goes on, the last line says how."""
        run = await find_run(self._backend, self._principal, names["run_id"])
        disclosure = run.x_runloop_mcp.disclosure if run.x_runloop_mcp else Disclosure.NAMED
        after = _place(names.get("after", "0"))
        lines: list[str] = []
        room = _LOG
        while events := await self._backend.trace.events(run.id, after=after, limit=_LOG_PAGE):
            for event in events:
                seen = event_for_solver(event, disclosure)
                line = seen.model_dump_json() if seen else ""
                if lines and len(line) > room:
                    more = {"kind": "more", "data": {"next": f"runloop://runs/{run.id}/log/{after}"}}
                    return "\n".join([*lines, json.dumps(more)]) + "\n"
                after = event.sequence
                lines += [line] if line else []
                room -= len(line)
            if len(events) < _LOG_PAGE:
                break
        return "".join(f"{line}\n" for line in lines)

    async def output(self, names: dict[str, str]) -> str:
        """One stream of an execution, whole, up to a few MB."""
        if names["stream"] not in set(OutputStream):
            raise ResourceNotFoundError("The last part of the URI must be stdout or stderr.")
        stream = OutputStream(names["stream"])
        run = await find_run(self._backend, self._principal, names["run_id"])
        parts: list[str] = []
        offset = 0
        while True:
            part = await self._backend.devboxes.read_output(
                run.devbox_id, names["execution_id"], stream, offset=offset, limit=min(_CHUNK, _WHOLE_OUTPUT - offset)
            )
            if not offset and looks_binary(part.text):
                return binary_text(part, stream)
            parts.append(part.text)
            ended = part.next_offset <= offset or part.next_offset >= part.total_bytes
            offset = part.next_offset
            if ended or offset >= _WHOLE_OUTPUT:
                break
        text = await anyio.to_thread.run_sync(printable, "".join(parts))
        if offset < part.total_bytes:
            text += (
                f"\n[… {amount(part.total_bytes - offset, 'more byte')}: get_execution(run_id, execution_id, "
                f'stream="{stream}", offset={offset}) reads on …]'
            )
        return text


def _place(named: str) -> int:
    if not (named.isascii() and named.isdigit()) or len(named) > _LONGEST_NUMBER:
        raise ResourceNotFoundError("The last part of the URI must be the `sequence` of an event, as in …/log/120.")
    return int(named)


_LONGEST_NUMBER: Final = 15


def _json(value: BaseModel) -> str:
    return value.model_dump_json(exclude_defaults=True, indent=2)


_SCENARIOS: Final = Resource(
    uri="runloop://scenarios",
    name="scenarios",
    title="All scenarios",
    description="Every scenario that can be solved: id, name, summary, tags.",
    mime_type=JSON,
)
_KINDS: Final = (
    _Kind(
        "runloop://scenarios/{scenario_id}",
        "scenario",
        "A scenario",
        "What a scenario is, what a run of it gets, how it is scored, and its problem statement.",
        MARKDOWN,
        Resources.scenario,
    ),
    _Kind(
        "runloop://scenarios/{scenario_id}/problem",
        "problem",
        "A problem statement",
        "The problem statement of a scenario, whole.",
        MARKDOWN,
        Resources.problem,
    ),
    _Kind(
        "runloop://scenarios/{scenario_id}/scores.svg",
        "scores",
        "The scores of a scenario's runs",
        "A plot of the scores of its newest runs, in total and by scoring function; its description tells all numbers.",
        SVG,
        Resources.scores,
        is_reread=True,
    ),
    _Kind(
        "runloop://scenarios/{scenario_id}/scores.png",
        "scores_png",
        "The scores of a scenario's runs, in pixels",
        "The same plot for clients that show no SVG.",
        PNG,
        Resources.scores_png,
    ),
    _Kind(
        "runloop://runs/{run_id}",
        "run",
        "A run",
        "A run: state, devbox, attempt, time left, what comes next.",
        PLAIN,
        Resources.run,
        frozenset({EventKind.STATE, EventKind.DEVBOX, EventKind.QUEUE, EventKind.NOTE}),
    ),
    _Kind(
        "runloop://runs/{run_id}/score",
        "score",
        "A score",
        "The score of a run, as far as its scenario discloses it.",
        JSON,
        Resources.score,
        frozenset({EventKind.STATE, EventKind.NOTE}),
    ),
    _Kind(
        "runloop://runs/{run_id}/log",
        "log",
        "The record of a run",
        "What happened in a run, in order: calls, commands, files, state changes, score; JSON lines.",
        JSON_LINES,
        Resources.log,
        frozenset(EventKind),
    ),
    _Kind(
        "runloop://runs/{run_id}/log/{after}",
        "log_after",
        "The record of a run, read on",
        "The record after the event with this `sequence`.",
        JSON_LINES,
        Resources.log,
    ),
    _Kind(
        "runloop://runs/{run_id}/executions/{execution_id}/{stream}",
        "output",
        "The output of a command",
        "The whole output of a command on a run's devbox; stream is stdout or stderr.",
        PLAIN,
        Resources.output,
    ),
    _Kind(
        "runloop://benchmarks/{benchmark_id}",
        "benchmark",
        "A benchmark",
        "A benchmark: its scenarios in their order, and its newest runs.",
        JSON,
        Resources.benchmark,
        is_reread=True,
        for_operators=True,
    ),
    _Kind(
        "runloop://benchmark-runs/{benchmark_run_id}",
        "benchmark_run",
        "A run of a benchmark",
        "How far a run of a benchmark is: each scenario with its newest run and score, counts, the mean so far.",
        JSON,
        Resources.benchmark_run,
        is_reread=True,
        for_operators=True,
    ),
)
