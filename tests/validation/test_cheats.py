"""Cheats against scenarios that are weak on purpose, and against those that should hold."""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import pytest
from weak_scenarios import WEAK, fair_pack, weak_pack

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.scenario import ScenarioListParams, ScenarioView
from runloop_mcp.api.proof import ProofTerms
from runloop_mcp.engine.scenarios.pack import bundled_pack
from runloop_mcp.validation.cheats.catalogue import CHEATS, Cheat, chosen_cheats
from runloop_mcp.validation.prover import ScenarioProver
from runloop_mcp.validation.validator import Validator
from runloop_mcp.validation.verdicts import Outcome, Validation, Verdict

BUNDLED = sorted(document.parent.name for document in bundled_pack().glob("*/scenario.yaml"))
"""The bundled scenarios, each a test of its own, so that workers share them."""

OpenPack = Callable[[Path], AbstractAsyncContextManager[Backend]]


@asynccontextmanager
async def _scenarios(open_pack: OpenPack, pack: Path) -> AsyncIterator[tuple[Backend, dict[str, ScenarioView]]]:
    async with open_pack(pack) as backend:
        page = await backend.scenarios.list(ScenarioListParams(limit=100))
        yield backend, {scenario.name: scenario for scenario in page.items}


async def _validated(backend: Backend, scenario: ScenarioView, cheats: Sequence[Cheat]) -> Validation:
    validator = Validator(backend, repeat=1, cheats=cheats, limiter=anyio.CapacityLimiter(2))
    return await validator.validate(scenario, lambda _: None)


async def test_each_weakness_is_reported_with_the_cheat_that_finds_it(
    open_pack: OpenPack, tmp_path: Path, full_size: bool
) -> None:
    """A scorer that can be fooled makes a scenario invalid, and the reason names what fooled it and what it won."""
    weak_pack(tmp_path / "pack")
    async with _scenarios(open_pack, tmp_path / "pack") as (backend, scenarios):
        for name, weak in list(WEAK.items())[:: 1 if full_size else 3]:
            found = await _validated(backend, scenarios[name], chosen_cheats(weak.by))
            assert found.verdict is Verdict.INVALID, found
            assert found.fooled_by == list(weak.by), found
            assert all(f"{cheat} (" in found.reason for cheat in weak.by)
            assert (found.untouched, found.reference) == ([0.0], [1.0])


@pytest.mark.timeout(240)
async def test_fair_scenarios_hold_against_every_cheat(open_pack: OpenPack, tmp_path: Path, full_size: bool) -> None:
    """A fair scenario is fooled by nothing, each cheat says what it did or what it lacked, and none breaks anything.

    A server's proof tries them all, where nobody has chosen.
    """
    judges = 2 if full_size else 1
    fair_pack(tmp_path / "pack", judges=judges)
    applied = set()
    async with _scenarios(open_pack, tmp_path / "pack") as (backend, scenarios):
        assert len(scenarios) == judges
        for scenario in scenarios.values():
            found = await ScenarioProver().prove(backend, scenario, ProofTerms(), lambda _: None)
            assert found.verdict == Verdict.VALID, found
            assert [each.cheat for each in found.cheats] == [each.name for each in CHEATS]
            assert {each.outcome for each in found.cheats} <= {Outcome.HELD, Outcome.NOT_APPLICABLE}, found
            assert all(each.detail for each in found.cheats), found
            applied |= {each.cheat for each in found.cheats if each.outcome == Outcome.HELD}
    lacked = {"history-answer", "left-solution", "edited-tests", "deleted-tests", "swapped-inputs"}
    assert {each.name for each in CHEATS} - applied <= lacked


def test_every_cheat_is_explained_to_authors() -> None:
    """The guide has a line on each cheat, with what withstands it, and on no other."""
    guide = (Path(__file__).parents[2] / "docs" / "authoring.md").read_text()
    table = guide.partition("| cheat | what it does |")[2].partition("\n\n")[0]
    named = [name for line in table.splitlines()[2:] for name in re.findall("`([a-z-]+)`", line.split("|")[1])]
    assert sorted(named) == sorted(cheat.name for cheat in CHEATS)


@pytest.mark.proof
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", BUNDLED)
async def test_no_cheat_wins_a_bundled_scenario(open_pack: OpenPack, name: str) -> None:
    """Every cheat on every bundled scenario: nothing is won, nothing breaks."""
    async with _scenarios(open_pack, bundled_pack()) as (backend, scenarios):
        found = await _validated(backend, scenarios[name], CHEATS)
    assert found.verdict is Verdict.VALID, found
    assert len(found.attempts) == len(CHEATS)


def test_every_bundled_scenario_is_tried() -> None:
    """Those are all that there are, by the names of their folders."""
    assert len(BUNDLED) >= 18


async def test_scenario_that_comes_solved_is_cheated_on_where_it_is_to_be_solved(
    open_pack: OpenPack, tmp_path: Path
) -> None:
    """Of a REVERSE scenario the reference is taken away first: what a cheat does to a solution would say nothing."""
    folder = tmp_path / "pack" / "comes-solved"
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "total.py").write_text("print('All tests passed')\n")
    (folder / "reference.patch").write_text(
        "--- a/total.py\n+++ b/total.py\n@@ -1 +1 @@\n-print('2 failed')\n+print('All tests passed')\n"
    )
    (folder / "scenario.yaml").write_text(
        "format: 1\nname: comes-solved\nvalidation_type: REVERSE\ninput_context: {problem_statement: Mend it.}\n"
        "scoring_contract: {scoring_function_parameters: [{name: right, weight: 1.0, scorer: {type: command_scorer,\n"
        "  command: python3 total.py | grep -q 'All tests passed'}}]}\n"
    )
    async with _scenarios(open_pack, tmp_path / "pack") as (backend, scenarios):
        chosen = chosen_cheats(("forged-output", "hostile-names", "double-submission"))
        found = await _validated(backend, scenarios["comes-solved"], chosen)
    assert (found.untouched, found.reference, found.fooled_by) == ([1.0], [0.0], ["forged-output"])
    outcomes = {each.cheat: each.outcome for each in found.attempts}
    assert outcomes["hostile-names"] is Outcome.HELD
    assert outcomes["double-submission"] is Outcome.NOT_APPLICABLE


async def test_what_is_had_for_nothing_without_being_won_is_a_warning(open_pack: OpenPack, tmp_path: Path) -> None:
    """A part of a function's score that a cheat earns changes no verdict, and is told with what it came to."""
    folder = tmp_path / "pack" / "half-for-nothing"
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "total.py").write_text("raise SystemExit(3)\n")
    (folder / "scenario.yaml").write_text(
        "format: 1\nname: half-for-nothing\ninput_context: {problem_statement: Mend it.}\n"
        "reference_output: echo 'print(7)' > total.py\n"
        "scoring_contract: {scoring_function_parameters: [{name: right, weight: 1, scorer:\n"
        "  {type: bash_script_scorer,\n"
        "  bash_script: 'said=$(python3 total.py) || { echo 0; exit; }; [ \"$said\" = 7 ] && echo 1 || echo .25'}}]}\n"
    )
    async with _scenarios(open_pack, tmp_path / "pack") as (backend, scenarios):
        found = await _validated(backend, scenarios["half-for-nothing"], chosen_cheats(("early-exit",)))
    assert found.verdict is Verdict.VALID, found
    assert [(each.outcome, each.score) for each in found.attempts if each.cheat == "early-exit"] == [
        (Outcome.RAISED, 0.25)
    ]
    assert "early-exit raises the score to 0.25: a part of it is to be had for nothing." in found.warnings
