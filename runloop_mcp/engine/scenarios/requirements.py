"""What scenarios require of the machine that runs devboxes: programs."""

from collections.abc import Sequence

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.devbox.port import Driver


def required_programs(scenario: ScenarioView) -> list[str]:
    """The programs that a devbox of the scenario must have: `metadata.requires`."""
    return scenario.metadata.get("requires", "").replace(",", " ").split()


async def missing_programs(scenario: ScenarioView, driver: Driver) -> list[str]:
    """Those that devboxes here have not.

    Raises:
        Unavailable: No devbox can run here.
    """
    names = required_programs(scenario)
    return await driver.missing_programs(names) if names else []


async def marked(scenarios: Sequence[ScenarioView], driver: Driver) -> list[ScenarioView]:
    """The scenarios, each with the programs that it misses here. The driver is asked once, for a page at a time."""
    names = {name for scenario in scenarios for name in required_programs(scenario)}
    if not names:
        return list(scenarios)
    try:
        missing = set(await driver.missing_programs(sorted(names)))
    except Unavailable:  # no devbox can run here: start_run says so, and a list is a list
        return list(scenarios)
    return [_marked(scenario, missing) for scenario in scenarios]


def _marked(scenario: ScenarioView, missing: set[str]) -> ScenarioView:
    lacking = [name for name in required_programs(scenario) if name in missing]
    return scenario.model_copy(update={"x_missing_programs": lacking}) if lacking else scenario
