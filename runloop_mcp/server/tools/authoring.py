"""Tools that make scenarios and change them."""

from typing import Annotated, Any, Literal

from pydantic import Field

from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.scenario import (
    InputContext,
    InputContextUpdate,
    LaunchParameters,
    ScenarioCreateParams,
    ScenarioEnvironment,
    ScenarioUpdateParams,
    ScenarioView,
    ValidationType,
)
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.server.arguments import Arguments, ScenarioId
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.handles import find_scenario, id_or_none
from runloop_mcp.server.rendering.definition import definition_text, made_text
from runloop_mcp.server.tools.contracts import FunctionGiven, Functions, contract_of
from runloop_mcp.server.tools.tool import Tool

Reference = Annotated[
    str | None,
    Field(
        description="The solution: a patch of the working directory, or bash commands that make it. No solver sees it"
    ),
]
Metadata = Annotated[
    dict[str, str] | None,
    Field(
        description="summary, tags (a, b), difficulty, disclosure (sealed, summary, named, full), scoring "
        "(clean, fork, live), protected, reference_kind (patch, commands), …"
    ),
]
KeepAlive = Annotated[int | None, Field(ge=1, le=172_800, description="The run's time; 3600 by default")]
LaunchCommands = Annotated[list[str] | None, Field(description="Run before the solver comes")]
Kind = Annotated[
    Literal["FORWARD", "REVERSE", "EVALUATION"] | None, Field(description="How the reference proves the scorers")
]


class CreateScenario(Arguments):
    """What a new scenario is made of."""

    name: Annotated[str, Field(min_length=1)]
    problem_statement: Annotated[str, Field(min_length=1, description="All that the solver is told")]
    scoring_functions: Functions
    reference_output: Reference = None
    snapshot_id: Annotated[str | None, Field(description="What its devboxes begin from, snp_…")] = None
    blueprint_id: Annotated[str | None, Field(description="Likewise, bpt_…")] = None
    working_directory: Annotated[str | None, Field(description="Default: the snapshot's, or /home/user/work")] = None
    launch_commands: LaunchCommands = None
    keep_alive_time_seconds: KeepAlive = None
    scorer_timeout_seconds: Annotated[int | None, Field(ge=1)] = None
    validation_type: Kind = None
    required_environment_variables: list[str] | None = None
    required_secret_names: list[str] | None = None
    metadata: Metadata = None
    idempotency_key: Annotated[str | None, Field(description="The same key makes one scenario only")] = None


class UpdateScenario(Arguments):
    """What to replace in which scenario."""

    scenario_id: ScenarioId
    name: Annotated[str | None, Field(min_length=1)] = None
    problem_statement: Annotated[str | None, Field(min_length=1)] = None
    scoring_functions: Annotated[
        list[FunctionGiven] | None, Field(min_length=1, description="Replace all, as in create_scenario")
    ] = None
    reference_output: Annotated[str | None, Field(description="Empty takes it away")] = None
    snapshot_id: str | None = None
    blueprint_id: str | None = None
    working_directory: str | None = None
    launch_commands: Annotated[list[str] | None, Field(description="Replace all")] = None
    keep_alive_time_seconds: Annotated[int | None, Field(ge=1, le=172_800)] = None
    scorer_timeout_seconds: Annotated[int | None, Field(ge=1)] = None
    validation_type: Literal["FORWARD", "REVERSE", "EVALUATION"] | None = None
    required_environment_variables: list[str] | None = None
    required_secret_names: list[str] | None = None
    metadata: Annotated[dict[str, str] | None, Field(description="These keys; an empty value removes one")] = None


class ArchiveScenario(Arguments):
    """Which scenario to take out of lists, or to put back."""

    scenario_id: ScenarioId
    restore: Annotated[bool, Field(description="Puts an archived one back")] = False


class GetScenarioDefinition(Arguments):
    """Which scenario to show whole."""

    scenario_id: ScenarioId


async def create_scenario(call: Call, arguments: CreateScenario) -> Reply:
    """Keeps a new scenario."""
    params = ScenarioCreateParams(
        name=arguments.name,
        input_context=InputContext(problem_statement=arguments.problem_statement),
        scoring_contract=contract_of(arguments.scoring_functions),
        environment_parameters=_environment(arguments, None),
        # Commands begin in the working directory here, so that is where answers lie, whether it was named or not.
        metadata={"scoring": ScoringMode.CLEAN, **(arguments.metadata or {})},
        reference_output=arguments.reference_output,
        required_environment_variables=arguments.required_environment_variables,
        required_secret_names=arguments.required_secret_names,
        scorer_timeout_sec=arguments.scorer_timeout_seconds,
        validation_type=ValidationType(arguments.validation_type) if arguments.validation_type else None,
    )
    key = call.idempotency_key(arguments.idempotency_key)
    return Reply(made_text(await call.backend.scenarios.create(params, idempotency_key=key), "is there"))


async def update_scenario(call: Call, arguments: UpdateScenario) -> Reply:
    """Replaces parts of a scenario."""
    scenario = await find_scenario(call.backend, call.principal, arguments.scenario_id)
    functions, problem = arguments.scoring_functions, arguments.problem_statement
    params = ScenarioUpdateParams(
        name=arguments.name,
        input_context=InputContextUpdate(problem_statement=problem) if problem is not None else None,
        scoring_contract=contract_of(functions) if functions is not None else None,
        environment_parameters=_environment(arguments, scenario),
        metadata=_merged(scenario.metadata, arguments.metadata),
        reference_output=arguments.reference_output,
        required_environment_variables=arguments.required_environment_variables,
        required_secret_names=arguments.required_secret_names,
        scorer_timeout_sec=arguments.scorer_timeout_seconds,
        validation_type=ValidationType(arguments.validation_type) if arguments.validation_type else None,
    )
    return Reply(made_text(await call.backend.scenarios.update(scenario.id, params), "is changed"))


async def archive_scenario(call: Call, arguments: ArchiveScenario) -> Reply:
    """Takes a scenario out of lists, or puts it back."""
    scenario = await find_scenario(call.backend, call.principal, arguments.scenario_id)
    if arguments.restore:
        scenario = await call.backend.scenarios.unarchive(scenario.id)
        return Reply(f"Scenario {scenario.id} ({scenario.name}) can be started again.")
    scenario = await call.backend.scenarios.archive(scenario.id)
    return Reply(
        f"Scenario {scenario.id} ({scenario.name}) is archived: it is in no list and can't be started; its runs stay. "
        f'archive_scenario(scenario_id="{scenario.id}", restore=true) puts it back.'
    )


async def get_scenario_definition(call: Call, arguments: GetScenarioDefinition) -> Reply:
    """A scenario whole."""
    scenario = await find_scenario(call.backend, call.principal, arguments.scenario_id)
    return Reply(definition_text(scenario))


def _environment(arguments: CreateScenario | UpdateScenario, before: ScenarioView | None) -> ScenarioEnvironment | None:
    """The environment as it is to be, with what is not given as it was; None where nothing of it is given."""
    given: dict[str, Any] = {}
    if arguments.snapshot_id is not None:
        given |= {
            "snapshot_id": id_or_none(arguments.snapshot_id, IdPrefix.SNAPSHOT, "snapshot_id"),
            "blueprint_id": None,
        }
    if arguments.blueprint_id is not None:
        given |= {"blueprint_id": id_or_none(arguments.blueprint_id, IdPrefix.BLUEPRINT, "blueprint_id")}
        given.setdefault("snapshot_id", None)
    if arguments.working_directory is not None:
        given["working_directory"] = arguments.working_directory or None
    launch: dict[str, Any] = {}
    if arguments.launch_commands is not None:
        launch["launch_commands"] = arguments.launch_commands
    if arguments.keep_alive_time_seconds is not None:
        launch["keep_alive_time_seconds"] = arguments.keep_alive_time_seconds
    if not given and not launch:
        return None
    was = (before and before.environment) or ScenarioEnvironment()
    if launch:
        given["launch_parameters"] = (was.launch_parameters or LaunchParameters()).model_copy(update=launch)
    return was.model_copy(update=given)


def _merged(was: dict[str, str], given: dict[str, str] | None) -> dict[str, str] | None:
    if given is None:
        return None
    return {key: value for key, value in (was | given).items() if value}


CREATE_SCENARIO = Tool(
    name="create_scenario",
    title="Create a scenario",
    description=(
        "Makes a scenario: problem statement, what its devboxes begin from, scoring functions and a reference. Then "
        "validate_scenario proves it. Scorers run in the working directory of a fresh devbox with the solver's files."
    ),
    arguments=CreateScenario,
    run=create_scenario,
)
UPDATE_SCENARIO = Tool(
    name="update_scenario",
    title="Change a scenario",
    description=(
        "Replaces what is given of a scenario, and keeps the rest. Runs that have started keep what they started from."
        " A scenario from a folder is edited there."
    ),
    arguments=UpdateScenario,
    run=update_scenario,
    destroys=True,
    repeatable=True,
)
ARCHIVE_SCENARIO = Tool(
    name="archive_scenario",
    title="Archive a scenario",
    description="Takes a scenario out of lists, so that nobody starts it; its runs stay. restore puts it back.",
    arguments=ArchiveScenario,
    run=archive_scenario,
    destroys=True,
    repeatable=True,
)
GET_SCENARIO_DEFINITION = Tool(
    name="get_scenario_definition",
    title="Show a scenario's definition",
    description=(
        "Shows a scenario whole, as its author wrote it: environment, scorers with their sources, reference, metadata. "
        "Never show this to a solver."
    ),
    arguments=GetScenarioDefinition,
    run=get_scenario_definition,
    reads_only=True,
)
