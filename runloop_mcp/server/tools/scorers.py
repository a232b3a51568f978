"""Tools that make custom scorers and try them."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.scenario import LaunchParameters, ScenarioEnvironment
from runloop_mcp.api.models.scorer import (
    ScorerCreateParams,
    ScorerListParams,
    ScorerUpdateParams,
    ScorerValidateParams,
    ScorerValidation,
    ScorerView,
)
from runloop_mcp.server.arguments import Arguments, Ask, Cursor, Limit
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.handles import bare_id, found_by, id_or_none
from runloop_mcp.server.listings import ScorerLine, ScorerList
from runloop_mcp.server.printable import printable, shortened
from runloop_mcp.server.rendering.listing import facts, next_cursor, page_text
from runloop_mcp.server.rendering.quantities import score_text
from runloop_mcp.server.tools.consent import ask_to_pay_for_proof
from runloop_mcp.server.tools.tool import Tool
from runloop_mcp.server.tools.waiting_room import result_of, still_at_it, worked
from runloop_mcp.server.waiting import Patience

_SCRIPT = 40_000
_OUTPUT = 8000
ScorerId = Annotated[str, Field(description="The scorer's id, scs_…, or its type")]
Script = Annotated[
    str,
    Field(min_length=1, description="Reads its parameters from $RL_SCORER_CONTEXT (JSON), prints the score last"),
]


class CreateScorer(Arguments):
    """What a new custom scorer is made of."""

    type: Annotated[str, Field(min_length=1, description="What scenarios name it by, such as my_linter")]
    bash_script: Script


class UpdateScorer(Arguments):
    """What to replace in which custom scorer."""

    scorer_id: ScorerId
    type: Annotated[str | None, Field(min_length=1)] = None
    bash_script: Annotated[str | None, Field(min_length=1)] = None


class GetScorer(Arguments):
    """Which custom scorer to show."""

    scorer_id: ScorerId


class ListScorers(Arguments):
    """Which custom scorers to list."""

    query: Annotated[str | None, Field(description="Part of the type or id")] = None
    cursor: Cursor = None
    limit: Limit = 20


class ValidateScorer(Arguments):
    """What to try a custom scorer on."""

    scorer_id: ScorerId
    scorer_params: Annotated[dict[str, Any] | None, Field(description="What a scenario would give it")] = None
    snapshot_id: Annotated[str | None, Field(description="What the devbox begins from")] = None
    blueprint_id: str | None = None
    launch_commands: Annotated[list[str] | None, Field(description="Lay out what it is to score")] = None
    working_directory: str | None = None
    ask: Ask = True


async def create_scorer(call: Call, arguments: CreateScorer) -> Reply:
    """Registers a custom scorer."""
    params = ScorerCreateParams(type=arguments.type, bash_script=arguments.bash_script)
    return Reply(_made(await call.backend.scorers.create(params), "is there"))


async def update_scorer(call: Call, arguments: UpdateScorer) -> Reply:
    """Replaces a custom scorer."""
    scorer = await _found(call, arguments.scorer_id)
    params = ScorerUpdateParams(
        type=arguments.type or scorer.type, bash_script=arguments.bash_script or scorer.bash_script
    )
    return Reply(_made(await call.backend.scorers.update(scorer.id, params), "is changed"))


async def get_scorer(call: Call, arguments: GetScorer) -> Reply:
    """A custom scorer with its script."""
    scorer = await _found(call, arguments.scorer_id)
    return Reply(shortened(printable(f"{scorer.type} ({scorer.id})\n\n{scorer.bash_script}"), _SCRIPT))


async def list_scorers(call: Call, arguments: ListScorers) -> Reply:
    """One page of custom scorers."""
    page = await call.backend.scorers.list(
        ScorerListParams(search=arguments.query, starting_after=arguments.cursor, limit=arguments.limit)
    )
    listed = ScorerList(
        scorers=[ScorerLine(scorer_id=each.id, type=each.type) for each in page.items],
        total=page.total_count,
        next_cursor=next_cursor(page),
    )
    lines = [facts(each.scorer_id, each.type) for each in listed.scorers]
    none = "No custom scorer matches. create_scorer makes one; scenarios need none."
    return Reply(page_text("list_scorers", "custom scorer", lines, listed.total, listed.next_cursor, none=none), listed)


async def validate_scorer(call: Call, arguments: ValidateScorer) -> Reply:
    """Tries a custom scorer."""
    scorer = await _found(call, arguments.scorer_id)
    if arguments.ask:
        await ask_to_pay_for_proof(call, scorer.type)
    launch = LaunchParameters(launch_commands=arguments.launch_commands) if arguments.launch_commands else None
    environment = ScenarioEnvironment(
        snapshot_id=id_or_none(arguments.snapshot_id, IdPrefix.SNAPSHOT, "snapshot_id"),
        blueprint_id=id_or_none(arguments.blueprint_id, IdPrefix.BLUEPRINT, "blueprint_id"),
        launch_parameters=launch,
        working_directory=arguments.working_directory,
    )
    params = ScorerValidateParams(scoring_context=arguments.scorer_params or {}, environment_parameters=environment)

    async def work(on_step: Callable[[str], None]) -> ScorerValidation:
        on_step("the scorer runs in a devbox of its own")
        return await call.backend.scorers.validate(scorer.id, params)

    key = ["validate_scorer", scorer.id, scorer.bash_script, params.model_dump_json()]
    job = await worked(call, key, work, Patience())
    if not job.is_done:
        return Reply(still_at_it(job))
    found: ScorerValidation = result_of(call, job)
    result = found.scoring_result
    lines = [f"{found.name} gave {score_text(result.score)} ({result.state})."]
    if result.output.strip():
        lines += ["Its output:", shortened(printable(result.output), _OUTPUT)]
    return Reply("\n".join(lines))


def _made(scorer: ScorerView, what: str) -> str:
    return (
        f"Custom scorer {scorer.type} ({scorer.id}) {what}. Scenarios name it by "
        f'{{"type": "custom_scorer", "custom_scorer_type": "{scorer.type}"}}. '
        f'Next: validate_scorer(scorer_id="{scorer.id}") tries it.'
    )


async def _found(call: Call, named: str) -> ScorerView:
    """The custom scorer with this id, or of exactly this type.

    Raises:
        NotFound: There is none.
        InvalidRequest: It is the id of something else.
    """
    scorer_id = bare_id(named, IdPrefix.SCORER, "scorer_id")
    if not scorer_id.startswith(f"{IdPrefix.SCORER}_"):
        page = await call.backend.scorers.list(ScorerListParams(search=scorer_id, limit=100))
        exact = [each for each in page.items if each.type == scorer_id]
        if len(exact) == 1:
            return exact[0]
        if exact:
            raise InvalidRequest("Several custom scorers have this type.", hint="Give the id that list_scorers shows.")
    with found_by(IdPrefix.SCORER):
        return await call.backend.scorers.retrieve(scorer_id)


CREATE_SCORER = Tool(
    name="create_scorer",
    title="Create a custom scorer",
    description="Registers a script under a type that scenarios can name, for scoring that several of them share.",
    arguments=CreateScorer,
    run=create_scorer,
)
UPDATE_SCORER = Tool(
    name="update_scorer",
    title="Change a custom scorer",
    description="Replaces the type or script of a custom scorer. Runs that have started keep theirs.",
    arguments=UpdateScorer,
    run=update_scorer,
    destroys=True,
    repeatable=True,
)
GET_SCORER = Tool(
    name="get_scorer",
    title="Show a custom scorer",
    description="Shows a custom scorer with its script.",
    arguments=GetScorer,
    run=get_scorer,
    reads_only=True,
)
LIST_SCORERS = Tool(
    name="list_scorers",
    title="List custom scorers",
    description="Lists custom scorers, newest first, with id and type.",
    arguments=ListScorers,
    run=list_scorers,
    result=ScorerList,
    reads_only=True,
)
VALIDATE_SCORER = Tool(
    name="validate_scorer",
    title="Try a custom scorer",
    description=(
        "Runs a custom scorer once, in a devbox of its own, and shows its score and output. Still at work after 20 s?"
        " The same call again waits on."
    ),
    arguments=ValidateScorer,
    run=validate_scorer,
    repeatable=True,
)
