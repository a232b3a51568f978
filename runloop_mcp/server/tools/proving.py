"""The tool that proves scenarios."""

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from runloop_mcp.api.errors import InvalidState, Unavailable
from runloop_mcp.api.models.scenario import ScenarioStatus, ScenarioView
from runloop_mcp.api.models.scorer import ScorerListParams
from runloop_mcp.api.models.scoring import CustomScorer
from runloop_mcp.api.proof import Proof, ProofTerms
from runloop_mcp.server.arguments import Arguments, Ask, ScenarioId, WaitSeconds
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.handles import find_scenario
from runloop_mcp.server.listings import CheatLine, Verdict
from runloop_mcp.server.printable import printable, shortened
from runloop_mcp.server.rendering.quantities import score_text, span
from runloop_mcp.server.tools.consent import ask_to_pay_for_proof
from runloop_mcp.server.tools.tool import Tool
from runloop_mcp.server.tools.waiting_room import result_of, still_at_it, worked
from runloop_mcp.server.waiting import Patience

_REASON = 3000


class ValidateScenario(Arguments):
    """What to prove, and how."""

    scenario_id: ScenarioId
    repeat: Annotated[int, Field(ge=1, le=10, description="How often each score is taken")] = 1
    cheats: Annotated[bool, Field(description="Tries to have the score for less; takes longest")] = True
    environment_variables: Annotated[dict[str, str] | None, Field(description="Those that it requires")] = None
    wait_seconds: Annotated[WaitSeconds, Field(description="Waits so long for the verdict")] = 20
    ask: Ask = True


async def validate_scenario(call: Call, arguments: ValidateScenario) -> Reply:
    """Proves a scenario."""
    prover = call.services.prover
    if prover is None:
        raise Unavailable("This server can't validate scenarios.", hint="runloop-mcp validate does, on a terminal.")
    scenario = await find_scenario(call.backend, call.principal, arguments.scenario_id)
    if scenario.status == ScenarioStatus.ARCHIVED:
        raise InvalidState("The scenario is archived.", hint="archive_scenario with restore=true puts it back.")
    if arguments.ask:
        await ask_to_pay_for_proof(call, scenario.name)
    variables = arguments.environment_variables or {}
    terms = ProofTerms(arguments.repeat, arguments.cheats, variables)

    async def prove(on_step: Callable[[str], None]) -> Proof:
        return await prover.prove(call.backend, scenario, terms, on_step)

    told = [str(arguments.repeat), str(arguments.cheats), repr(sorted(variables.items()))]
    key = ["validate_scenario", scenario.id, scenario.model_dump_json(), *await _scripts(call, scenario), *told]
    job = await worked(call, key, prove, Patience(arguments.wait_seconds))
    if not job.is_done:
        return _reply(Verdict(scenario_id=scenario.id, verdict="pending", reason=still_at_it(job)))
    return _reply(_verdict(scenario.id, result_of(call, job)))


async def _scripts(call: Call, scenario: ScenarioView) -> list[str]:
    """The scripts of the custom scorers that it names: a scenario is another where one of them has changed."""
    functions = scenario.scoring_contract.scoring_function_parameters
    types = {each.scorer.custom_scorer_type for each in functions if isinstance(each.scorer, CustomScorer)}
    found: list[str] = []
    for wanted in sorted(types):
        page = await call.backend.scorers.list(ScorerListParams(search=wanted, limit=100))
        found += [each.bash_script for each in page.items if each.type == wanted]
    return found


def _verdict(scenario_id: str, proof: Proof) -> Verdict:
    won = [each.cheat for each in proof.cheats if each.outcome == "won"]
    return Verdict(
        scenario_id=scenario_id,
        verdict=proof.verdict,
        reason=shortened(printable(proof.reason), _REASON),
        untouched=list(proof.untouched),
        reference=list(proof.reference),
        seconds=proof.seconds,
        warnings=[shortened(printable(each), _REASON) for each in proof.warnings],
        fooled_by=won,
        cheats=[
            CheatLine(cheat=each.cheat, outcome=each.outcome, detail=shortened(printable(each.detail), 300))
            for each in proof.cheats
            if each.outcome not in ("held", "not applicable")
        ],
        cheats_tried=sum(each.outcome != "not applicable" for each in proof.cheats),
    )


def _reply(verdict: Verdict) -> Reply:
    lines = [f"{verdict.verdict}: {verdict.reason}"]
    if verdict.untouched:
        lines.append(f"Untouched scored {', '.join(map(score_text, verdict.untouched))}.")
    if verdict.reference:
        lines.append(f"With the reference {', '.join(map(score_text, verdict.reference))}.")
    if verdict.cheats_tried:
        lines.append(f"Cheats tried: {verdict.cheats_tried}.")
    lines += [f"- {each.cheat}: {each.outcome}. {each.detail}".rstrip() for each in verdict.cheats]
    lines += [f"Warning: {each}" for each in verdict.warnings]
    if verdict.seconds:
        lines.append(f"It took {span(verdict.seconds)}.")
    if verdict.verdict in ("invalid", "error"):
        lines.append(f'Next: update_scenario(scenario_id="{verdict.scenario_id}", …), then validate_scenario again.')
    return Reply("\n".join(lines), verdict)


VALIDATE_SCENARIO = Tool(
    name="validate_scenario",
    title="Prove a scenario",
    description=(
        "Proves a scenario in real devboxes: untouched it scores below 1, with the reference exactly 1, and no cheat "
        "(empty answer, forged exit status, search for tests, …) has the score for less. Takes minutes: verdict "
        "pending means call again with the same arguments."
    ),
    arguments=ValidateScenario,
    run=validate_scenario,
    result=Verdict,
    repeatable=True,
)
