"""The scoring devbox is made of what its mode says, at the instant when the score was asked for, and is gone after."""

from dataclasses import replace
from pathlib import Path

import pytest
from scoring_cases import only, run, scoring, solver, with_files

from runloop_mcp.api.errors import NotFound, Unavailable
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.devbox.port import Network
from runloop_mcp.engine.scoring.scoring_devbox import ScoredDisk, fresh_devboxes


async def test_what_each_mode_carries_over(state: Path) -> None:
    """Clean takes the working directory, fork the home too, live everything."""
    async with solver(state) as box:
        await box.does("echo a > answer.txt; echo h > ~/in-home; echo t > /tmp/in-tmp; sleep 321 & disown")
        seen = {}
        for mode in ScoringMode:
            async with box.prepared(mode) as prepared:
                assert prepared.mode is mode
                wanted = ("cat answer.txt", "cat ~/in-home", "cat /tmp/in-tmp", "pgrep -f 'sleep 321'")
                seen[mode] = [(await run(prepared.devbox, script))[0] == 0 for script in wanted]
    assert seen == {
        ScoringMode.CLEAN: [True, False, False, False],
        ScoringMode.FORK: [True, True, False, False],
        ScoringMode.LIVE: [True, True, True, True],
    }


async def test_the_scoring_devbox_is_like_the_solvers_but_has_no_network(state: Path) -> None:
    """Working directory and limits are kept; variables that steer programs and the network are not."""
    async with solver(state) as box:
        box.devbox.spec = replace(
            box.devbox.spec, network=Network.HOST, environment={"PYTHONPATH": "/home/user/work", "DATABASE": "x"}
        )
        async with box.prepared() as prepared:
            spec = prepared.devbox.spec
    assert (spec.working_directory, spec.limits) == (box.devbox.spec.working_directory, box.devbox.spec.limits)
    assert (spec.network, spec.environment) == (Network.NONE, {"DATABASE": "x"})


@pytest.mark.parametrize("mode", [ScoringMode.CLEAN, ScoringMode.FORK])
async def test_the_scoring_devbox_is_gone_afterwards(mode: ScoringMode, state: Path) -> None:
    """Nothing of it stays, and the solver's devbox goes on, untouched by the scorers."""
    async with solver(state) as box:
        async with box.prepared(mode) as prepared:
            await run(prepared.devbox, "echo scored > answer.txt")
        assert not prepared.devbox.alive
        with pytest.raises(NotFound):
            await box.driver.resume(prepared.devbox.id)
        assert await box.run("test -e answer.txt") != 0


async def test_the_disk_when_the_score_was_asked_for_counts(state: Path) -> None:
    """Scoring that begins again, after a server was killed, is of the same disk and removes what was left behind."""
    async with solver(state) as box:
        await box.does("echo first > answer.txt")
        asked = new_id(IdPrefix.SNAPSHOT)
        killed = box.prepared(frozen=asked)
        left = await killed.__aenter__()
        await box.does("echo second > answer.txt")
        async with box.prepared(frozen=asked) as again:
            assert again.devbox.id == left.devbox.id
            assert not left.devbox.alive
            assert await run(again.devbox, "cat answer.txt") == (0, "first\n")
        await killed.__aexit__(None, None, None)


async def test_a_snapshot_that_is_gone_is_our_failure(state: Path) -> None:
    """Where the scoring devbox can't be made, nothing is scored, and the error says so."""
    async with solver(state) as box:
        disk = ScoredDisk(
            frozen_snapshot_id=new_id(IdPrefix.SNAPSHOT),
            pristine_home_snapshot_id="snp_removed",
            protected_names=[],
            pristine={},
        )
        async with fresh_devboxes(box.driver, box.devbox.spec, disk, ScoringMode.CLEAN) as devboxes:
            with pytest.raises(Unavailable, match="scoring devbox could not be made"):
                await devboxes.next(further=False)


@pytest.mark.parametrize("mode", ScoringMode)
async def test_test_files_never_stay_with_the_solver(mode: ScoringMode, state: Path) -> None:
    """The solver sees test files in `live` only, and only while the scorer runs; later scorers never do."""
    async with solver(state, before="mkdir tests; echo mine > tests/check.sh; chmod 700 tests/check.sh") as box:
        scorer = with_files(
            "touch ../started; until [ -e ../go ]; do sleep 0.02; done", {"tests/check.sh": "hidden-72"}
        )
        look = "grep -rl hidden-72 / --exclude-dir=proc --exclude-dir=sys --exclude-dir=usr 2>/dev/null | grep ."
        async with box.prepared(mode) as prepared, scoring(prepared.devbox, scorer) as under_way:
            during = await box.run(look)
            await run(prepared.devbox, "touch ../go")
            result = await under_way.task
            assert result is not None
            assert only(result).score == 1.0
            assert (await run(prepared.devbox, look))[0] != 0
            assert await run(prepared.devbox, "cat tests/check.sh; stat -c %a tests/check.sh") == (0, "mine\n700\n")
        assert (during == 0) == (mode is ScoringMode.LIVE)
        assert await box.run(look) != 0
