"""Scenarios, and the start of their runs."""

from typing import Final, Literal

from runloop_mcp.api.models.base import Page, PageParams
from runloop_mcp.api.models.run import RunListParams, ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import (
    ScenarioCreateParams,
    ScenarioListParams,
    ScenarioStatus,
    ScenarioUpdateParams,
    ScenarioView,
)
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.route import get, post
from runloop_mcp.rest.run_views import RunWithScenario, with_scenario

_TAG: Final = "scenarios"
_NONE: Final = "There is no such scenario."


class PublicScenarioQuery(PageParams):
    """Which scenarios to list: filters are combined."""

    name: str | None = None
    """The exact name."""
    search: str | None = None
    """Words that must all occur in id, name, summary, tags or problem statement, in any case."""


class ScenarioQuery(PublicScenarioQuery):
    """Which scenarios to list: filters are combined."""

    benchmark_id: str | None = None
    """Those of this benchmark."""
    validation_type: str | None = None
    tags: list[str] | None = None
    """Tags that the scenario must all carry; of this server, beside the wire."""
    status: Literal["active", "archived", "all"] = "active"
    """Of this server, beside the wire."""
    is_public: bool | None = None
    """Those that came with the program, or those that did not; of this server, beside the wire."""

    def params(self) -> ScenarioListParams:
        """Likewise, as the port takes it."""
        status = None if self.status == "all" else ScenarioStatus(self.status)
        return ScenarioListParams.model_construct(**dict(self) | {"status": status})


async def list_(call: Call, query: ScenarioQuery) -> Page[ScenarioView]:
    """Lists scenarios.

    All that can be started, newest first: created ones, then those that were loaded from folders.
    """
    return await call.backend.scenarios.list(query.params())


async def list_public(call: Call, query: PublicScenarioQuery) -> Page[ScenarioView]:
    """Lists the scenarios that came with the program."""
    return await call.backend.scenarios.list(ScenarioListParams.model_construct(**dict(query), is_public=True))


async def create(call: Call, body: ScenarioCreateParams) -> ScenarioView:
    """Creates a scenario."""
    return await call.backend.scenarios.create(body, idempotency_key=call.idempotency_key)


async def retrieve(call: Call, scenario_id: str) -> ScenarioView:
    """Retrieves a scenario."""
    return await call.backend.scenarios.retrieve(scenario_id)


async def update(call: Call, scenario_id: str, body: ScenarioUpdateParams) -> ScenarioView:
    """Updates a scenario.

    A field that is absent or null keeps its value, any other is replaced whole; an empty value clears it.
    """
    return await call.backend.scenarios.update(scenario_id, body)


async def archive(call: Call, scenario_id: str) -> ScenarioView:
    """Archives a scenario.

    It leaves the lists and can't be started; its runs stay.
    """
    return await call.backend.scenarios.archive(scenario_id)


async def unarchive(call: Call, scenario_id: str) -> ScenarioView:
    """Unarchives a scenario, so that it can be started again."""
    return await call.backend.scenarios.unarchive(scenario_id)


async def runs(call: Call, scenario_id: str, query: PageParams) -> Page[ScenarioRunView]:
    """Lists the runs of a scenario."""
    await call.backend.scenarios.retrieve(scenario_id)
    params = RunListParams(limit=query.limit, starting_after=query.starting_after, scenario_id=scenario_id)
    return await call.backend.runs.list(params)


async def start_run(call: Call, body: StartRunParams) -> RunWithScenario:
    """Starts a run of a scenario.

    Answers at once with a run that is running, and a devbox that may still be booting: commands wait for it.
    """
    run = await call.backend.scenarios.start_run(body, principal=call.principal, idempotency_key=call.idempotency_key)
    return await with_scenario(call.backend, run)


_EXAMPLE: Final = {
    "name": "greet",
    "input_context": {"problem_statement": "Write a file greeting.txt that says hello."},
    "scoring_contract": {
        "scoring_function_parameters": [
            {
                "name": "greets",
                "weight": 1.0,
                "scorer": {"type": "command_scorer", "command": "grep -q hello greeting.txt"},
            }
        ]
    },
}

_ONE: Final = "/v1/scenarios/{scenario_id}"

ROUTES: Final = (
    get("/v1/scenarios", _TAG, list_, items="scenarios"),
    post("/v1/scenarios", _TAG, create, example=_EXAMPLE),
    get("/v1/scenarios/list_public", _TAG, list_public, items="scenarios"),
    post(
        "/v1/scenarios/start_run",
        _TAG,
        start_run,
        errors={404: _NONE, 503: "No devbox can run here; the message says how to mend that."},
    ),
    get(_ONE, _TAG, retrieve, errors={404: _NONE}),
    post(_ONE, _TAG, update, errors={404: _NONE}),
    post(f"{_ONE}/archive", _TAG, archive, errors={403: "It came with the program.", 404: _NONE}),
    post(f"{_ONE}/unarchive", _TAG, unarchive, errors={403: "It came with the program.", 404: _NONE}),
    get(f"{_ONE}/runs", _TAG, runs, items="runs", errors={404: _NONE}),
)
