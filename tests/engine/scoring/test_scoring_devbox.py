"""The scoring devbox is made of what its mode says, at the instant when the score was asked for, and is gone after."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from scoring_cases import PATIENCE_SECONDS, command, contract, only, run, scoring, solver, with_files

from runloop_mcp.api.errors import NotFound, Unavailable
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.devbox.port import Devbox, Driver, Network
from runloop_mcp.engine.scoring.contract import run_contract
from runloop_mcp.engine.scoring.scoring_devbox import (
    FreshDevboxes,
    Purpose,
    ScoredDisk,
    ScoredDiskFailure,
    ScoringDevboxes,
    fresh_devboxes,
    scoring_devbox_ids,
)


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


LEAVES = "echo left > left; echo left > ~/left; echo left > /tmp/left; (sleep 432 & disown) > /dev/null 2>&1"
FINDS = "cat left ~/left /tmp/left; pgrep -f 'sleep 432'"


@pytest.mark.parametrize("mode", ScoringMode)
async def test_no_function_meets_what_another_left_behind(mode: ScoringMode, state: Path) -> None:
    """Each has a devbox of its own, made of the same disk; scored in place they share one, as that mode says."""
    async with solver(state) as box:
        result = await box.score(command(LEAVES), command(FINDS), command(f"! ({FINDS})"), mode=mode)
        left, found, not_found = (function.score for function in result.scoring_function_results)
        live = mode is ScoringMode.LIVE
        assert (left, found, not_found) == (1.0, float(live), float(not live))
        await box.run("pkill -f 'sleep 432'")


async def test_the_next_devbox_is_made_while_a_function_runs(state: Path) -> None:
    """One ahead and no more, and none after the last; what was used is gone by then."""
    frozen = new_id(IdPrefix.SNAPSHOT)
    ids = set(scoring_devbox_ids(frozen, Purpose.SCORING))

    async def there(driver: Driver) -> set[str]:
        return ids & {kept.id for kept in await driver.kept()}

    async with solver(state) as box, box.devboxes(frozen=frozen) as devboxes:
        first = await devboxes.next(further=True)
        with anyio.fail_after(PATIENCE_SECONDS):
            while len(await there(box.driver)) < 2:  # noqa: ASYNC110 - a folder tells no event
                await anyio.sleep(0.005)
        assert first.alive
        (coming,) = await there(box.driver) - {first.id}
        second = await devboxes.next(further=False)
        assert (second.alive, second.id) == (True, coming)
        with anyio.fail_after(PATIENCE_SECONDS):
            while await there(box.driver) != {second.id}:  # noqa: ASYNC110 - likewise
                await anyio.sleep(0.005)


class Breaking(ScoringDevboxes):
    """Devboxes some of which end as soon as a function has begun."""

    tries = FreshDevboxes.tries

    def __init__(self, devboxes: ScoringDevboxes, *broken: bool) -> None:
        super().__init__(devboxes.mode)
        self._devboxes = devboxes
        self._broken = iter(broken)

    async def next(self, *, further: bool) -> Devbox:
        """See `ScoringDevboxes.next`."""
        devbox = await self._devboxes.next(further=further)
        if next(self._broken):
            await devbox.stop()
        return devbox


async def test_a_function_whose_devbox_is_lost_is_tried_again_and_not_for_ever(state: Path) -> None:
    """Three times in all; then it ends in error, and the others go on. Where losses don't count, nothing is scored."""
    right = contract(command("true"), command("true"))
    async with solver(state) as box, box.devboxes() as fresh:
        healed = await run_contract(right, Breaking(fresh, True, True, False, False))
        assert (healed.score, healed.x_complete) == (1.0, True)
        broken = await run_contract(right, Breaking(fresh, True, True, True, False))
        lost, good = broken.scoring_function_results
        assert (lost.state, lost.score, good.state, good.score) == ("error", 0.0, "complete", 1.0)
        assert "In each of 3 tries" in lost.output
        assert "was lost" in lost.output
        with pytest.raises(ScoredDiskFailure, match="was lost"):
            await run_contract(right, Breaking(fresh, *[True] * 3), losses_count=False)
