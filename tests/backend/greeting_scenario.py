"""Scenarios that the contract tests are told with."""

from pydantic import SecretStr

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.devbox import DevboxStatus, ExecuteParams, ExecutionView
from runloop_mcp.api.models.run import ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import (
    InputContext,
    LaunchParameters,
    ScenarioCreateParams,
    ScenarioEnvironment,
)
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.api.models.secret import SecretCreateParams, SecretView

GREETING_IS_RIGHT = {"type": "command_scorer", "command": 'test "$(cat greeting.txt)" = hello'}


def contract(*functions: tuple[str, float, dict[str, object]]) -> ScoringContract:
    """A scoring contract of (name, weight, scorer)."""
    return ScoringContract.model_validate(
        {
            "scoring_function_parameters": [
                {"name": name, "weight": weight, "scorer": scorer} for name, weight, scorer in functions
            ]
        }
    )


def greeting(
    *,
    name: str = "greeting",
    scoring_contract: ScoringContract | None = None,
    launch_commands: list[str] | None = None,
    keep_alive_seconds: int | None = None,
    working_directory: str | None = None,
    metadata: dict[str, str] | None = None,
    required_environment_variables: list[str] | None = None,
    required_secret_names: list[str] | None = None,
    scorer_timeout_sec: int | None = None,
    **launch: object,
) -> ScenarioCreateParams:
    """A scenario that is solved by a file `greeting.txt` that says hello; `launch` are further launch parameters."""
    return ScenarioCreateParams(
        name=name,
        input_context=InputContext(problem_statement="Write hello into greeting.txt."),
        scoring_contract=scoring_contract or contract(("greets", 1.0, GREETING_IS_RIGHT)),
        environment_parameters=ScenarioEnvironment(
            working_directory=working_directory,
            launch_parameters=LaunchParameters.model_validate(
                {"launch_commands": launch_commands, "keep_alive_time_seconds": keep_alive_seconds, **launch}
            ),
        ),
        reference_output="echo hello > greeting.txt",
        metadata=metadata,
        required_environment_variables=required_environment_variables,
        required_secret_names=required_secret_names,
        scorer_timeout_sec=scorer_timeout_sec,
    )


async def started(backend: Backend, params: ScenarioCreateParams | None = None, **profile: object) -> ScenarioRunView:
    """A run whose devbox has booted, or failed to."""
    scenario = await backend.scenarios.create(params or greeting())
    run = await backend.scenarios.start_run(
        StartRunParams.model_validate({"scenario_id": scenario.id, "runProfile": profile or None})
    )
    await backend.devboxes.wait(run.devbox_id, until={DevboxStatus.RUNNING, DevboxStatus.FAILURE}, wait_seconds=20)
    return await backend.runs.retrieve(run.id)


async def keep_secret(backend: Backend, name: str, value: str) -> SecretView:
    """A secret that runs can have."""
    return await backend.secrets.create(SecretCreateParams(name=name, value=SecretStr(value)))


async def run_command(backend: Backend, run: ScenarioRunView, command: str) -> ExecutionView:
    """A command, seen through to its end."""
    execution = await backend.devboxes.execute(run.devbox_id, ExecuteParams(command=command))
    assert execution.status == "completed"
    return execution
