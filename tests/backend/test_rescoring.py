"""The contract of rescoring: the frozen disk is scored again, beside the run's score, for operators alone."""

import zipfile
from pathlib import Path

import pytest
from backend_cases import OpenBackend
from greeting_scenario import GREETING_IS_RIGHT, contract, greeting, keep_secret, run_command, started

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.disclosure import event_for_solver, run_for_solver
from runloop_mcp.api.errors import InvalidRequest, InvalidState, NotFound
from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioCreateParams
from runloop_mcp.api.models.scorer import ScorerCreateParams
from runloop_mcp.api.models.scoring import Disclosure, ScoringMode
from runloop_mcp.api.models.trust import RescoreParams
from runloop_mcp.api.trace import EventKind

GREETS_TWICE = contract(
    ("greets", 0.5, GREETING_IS_RIGHT), ("greets-loudly", 0.5, {"type": "command_scorer", "command": "grep HELLO *"})
)

pytestmark = pytest.mark.needs("rescores")


async def scored(backend: Backend, params: ScenarioCreateParams | None = None) -> ScenarioRunView:
    """A run that was scored with the right greeting, and worked on afterwards."""
    run = await started(backend, params)
    await run_command(backend, run, "echo hello > greeting.txt")
    await backend.runs.score(run.id)
    await run_command(backend, run, "echo spoilt > greeting.txt")
    return await backend.runs.retrieve(run.id)


async def test_a_frozen_disk_is_scored_again_beside_the_score(open_backend: OpenBackend) -> None:
    """As often as wanted, in the same environment, also when the run has ended; the run's score stays what it was."""
    there = {"type": "command_scorer", "command": "test -f ~/set-up && grep -qx hello greeting.txt"}
    functions = contract(("there", 1.0, there))
    params = greeting(scoring_contract=functions, launch_commands=["touch ~/set-up"], metadata={"scoring": "clean"})
    async with open_backend() as backend:
        run = await scored(backend, params)
        first = await backend.runs.rescore(run.id, RescoreParams())
        assert (first.result.score, first.same_contract, first.mode) == (1.0, True, ScoringMode.CLEAN)
        await backend.runs.complete(run.id)
    async with open_backend() as backend:
        again = await backend.runs.rescore(run.id, RescoreParams())
        second = await backend.runs.rescore(run.id, RescoreParams(mode=ScoringMode.FORK), principal=Principal("ann"))
        after = await backend.runs.retrieve(run.id)
        assert (again.result.score, second.result.score) == (1.0, 1.0)
        assert (second.mode, second.principal, second.contract_hash) == ("fork", "ann", first.contract_hash)
        assert (after.state, after.scoring_contract_result) == ("completed", run.scoring_contract_result)
        assert after.x_runloop_mcp is not None
        assert after.x_runloop_mcp.rescorings == [first, again, second]
        assert after.x_runloop_mcp.sealed is not None
        assert after.x_runloop_mcp.sealed.contract == first.contract_hash


async def test_another_contract_judges_the_same_disk(open_backend: OpenBackend) -> None:
    """With scorers that were made since, too; the hash says that it was another."""
    async with open_backend() as backend:
        run = await scored(backend)
        await backend.scorers.create(ScorerCreateParams(type="half", bash_script="echo score=0.5"))
        half = {"type": "custom_scorer", "custom_scorer_type": "half"}
        for other, score in ((GREETS_TWICE, 0.5), (contract(("half", 1.0, half)), 0.5)):
            rescored = await backend.runs.rescore(run.id, RescoreParams(contract=other))
            assert (rescored.result.score, rescored.same_contract) == (score, False)
        assert (await backend.runs.score(run.id)).score == 1.0


async def test_secrets_are_there_and_covered(open_backend: OpenBackend) -> None:
    """A scorer has the run's variables and secrets again; what it prints of a secret is covered."""
    prints = {"type": "command_scorer", "command": 'echo "it is $KEY in $REGION"; test "$KEY" = s3cr3t-value'}
    async with open_backend() as backend:
        await keep_secret(backend, "DEPLOY_KEY", "s3cr3t-value")
        run = await started(backend, greeting(), envVars={"REGION": "north"}, secrets={"KEY": "DEPLOY_KEY"})
        await backend.runs.score(run.id)
        again = await backend.runs.rescore(run.id, RescoreParams(contract=contract(("prints", 1.0, prints))))
        told = (await backend.runs.retrieve(run.id)).model_dump_json()
    assert again.result.score == 1.0
    assert "in north" in again.result.scoring_function_results[0].output
    assert "s3cr3t-value" not in again.model_dump_json() + told


async def test_a_contract_that_is_not_valid_is_refused(open_backend: OpenBackend) -> None:
    """As in a scenario; nothing is scored then."""
    unknown = contract(("x", 1.0, {"type": "custom_scorer", "custom_scorer_type": "nobody-made-it"}))
    async with open_backend() as backend:
        run = await scored(backend)
        with pytest.raises(InvalidRequest, match="weight"):
            await backend.runs.rescore(run.id, RescoreParams(contract=contract(("x", 0.5, GREETING_IS_RIGHT))))
        with pytest.raises(InvalidRequest, match="nobody-made-it"):
            await backend.runs.rescore(run.id, RescoreParams(contract=unknown))
        with pytest.raises(InvalidRequest, match="clean or fork"):
            await backend.runs.rescore(run.id, RescoreParams(mode=ScoringMode.LIVE))
        details = (await backend.runs.retrieve(run.id)).x_runloop_mcp
        assert details is not None
        assert details.rescorings == []


async def test_only_what_was_scored_and_frozen_can_be_scored_again(open_backend: OpenBackend) -> None:
    """Not a run that has no score, nor one that was scored in place; the error says what can be."""
    async with open_backend() as backend:
        run = await started(backend)
        with pytest.raises(InvalidState, match=r"running.*no score"):
            await backend.runs.rescore(run.id, RescoreParams())
        with pytest.raises(NotFound):
            await backend.runs.rescore("scr_nobody", RescoreParams())
        live = await scored(backend, greeting(metadata={"scoring": "live"}))
        with pytest.raises(InvalidState, match=r"in place.*clean or fork"):
            await backend.runs.rescore(live.id, RescoreParams())


async def test_a_solver_never_learns_of_it(open_backend: OpenBackend, tmp_path: Path) -> None:
    """Neither in its run nor in the record, whatever is disclosed; an operator reads it in both, and in the archive."""
    async with open_backend() as backend:
        run = await scored(backend, greeting(metadata={"disclosure": "full"}))
        rescored = await backend.runs.rescore(run.id, RescoreParams(contract=GREETS_TWICE))
        after = await backend.runs.retrieve(run.id)
        assert "greets-loudly" in after.model_dump_json()
        assert "greets-loudly" not in run_for_solver(after).model_dump_json()
        assert rescored.contract_hash not in run_for_solver(after).model_dump_json()
        (event,) = [each for each in await backend.trace.events(run.id) if each.kind == EventKind.RESCORE]
        assert (event.data["score"], event.data["contract_hash"]) == (0.5, rescored.contract_hash)
        assert event_for_solver(event, Disclosure.FULL) is None
        await backend.runs.download_logs(run.id, tmp_path / "log.zip")
    with zipfile.ZipFile(tmp_path / "log.zip") as archive:
        assert rescored.contract_hash.encode() in archive.read("run.json")
        assert rescored.contract_hash.encode() in archive.read("trace.jsonl")
