"""Runs as the wire has them: with the scenario that they are runs of."""

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioView


class RunWithScenario(ScenarioRunView):
    """A run of a scenario, and the scenario."""

    scenario: ScenarioView | None = None
    """The scenario as it is now; what clients show a solver is its `input_context`."""


async def with_scenario(backend: Backend, run: ScenarioRunView) -> RunWithScenario:
    """A run with its scenario, where that is still there."""
    scenario = run.started_from  # looked up after a start, it would be read anew
    if scenario is None:
        try:
            scenario = await backend.scenarios.retrieve(run.scenario_id)
        except NotFound:
            scenario = None
    return RunWithScenario.model_construct(**run.__dict__, **(run.__pydantic_extra__ or {}), scenario=scenario)
