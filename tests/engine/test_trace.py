"""The record of a run, as the engine keeps it."""

from pathlib import Path

from runloop_mcp.api.models.devbox import ExecuteParams
from runloop_mcp.api.models.run import StartRunParams
from runloop_mcp.api.models.scenario import InputContext, ScenarioCreateParams
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.devbox.sandbox.driver import SandboxDriver
from runloop_mcp.engine.backend import EmbeddedEngine

_CONTRACT = ScoringContract.model_validate(
    {
        "scoring_function_parameters": [
            {"name": "passes", "weight": 1, "scorer": {"type": "command_scorer", "command": "true"}}
        ]
    }
)


async def test_what_happened_in_a_run_is_recorded_in_order(state: Path) -> None:
    """States, commands and files come in the order in which they happened, and can be read on from a place."""
    async with EmbeddedEngine(state, SandboxDriver(state / "sandbox")) as engine:
        scenario = await engine.scenarios.create(
            ScenarioCreateParams(
                name="recorded", input_context=InputContext(problem_statement="Any."), scoring_contract=_CONTRACT
            )
        )
        run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
        await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="exit 3"))
        await engine.devboxes.write_file(run.devbox_id, "notes.txt", b"hello")
        await engine.runs.score(run.id)
        await engine.runs.complete(run.id)
        events = await engine.trace.events(run.id)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        told = [(event.kind, event.data.get("state") or event.data.get("path")) for event in events]
        assert told == [
            ("state", "running"),
            ("execution", None),
            ("file", "notes.txt"),
            ("state", "scoring"),
            ("state", "scored"),
            ("state", "completed"),
        ]
        assert (events[1].data["command"], events[1].data["exit_status"]) == ("exit 3", 3)
        rest = await engine.trace.events(run.id, after=4)
        assert [event.sequence for event in rest] == [5, 6]
