"""A contract's functions give scores, errors and output as the wire says."""

from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_cases import PATIENCE_SECONDS, command, contract, only, scoring, script, solver, with_files

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.api.models.scoring import ScoringFunctionResult
from runloop_mcp.engine.scoring.contract import run_contract, weighted_sum
from runloop_mcp.engine.scoring.scoring_devbox import OneDevbox


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 1)), min_size=1, max_size=12))
def test_the_total_is_perfect_exactly_when_every_part_is(parts: list[tuple[float, float]]) -> None:
    """The total is in 0..1, near the exact sum, and 1.0 if and only if every score is."""
    weights = sum(weight for weight, _ in parts)
    total = weighted_sum([(weight / weights, score) for weight, score in parts])
    assert 0 <= total <= 1
    assert total == pytest.approx(sum(weight / weights * score for weight, score in parts), abs=2e-9)
    assert (total == 1) == all(score == 1 for _, score in parts)
    assert weighted_sum([(weight / weights, 1.0) for weight, _ in parts]) == 1


async def test_scorers_give_what_their_types_say(state: Path) -> None:
    """Exit statuses, printed scores and test files count as specified, and the total is their weighted sum."""
    async with solver(state, before="echo right > answer.txt") as box:
        result = await box.score(
            command("grep -q right answer.txt; echo seen"),
            command("exit 3"),
            script("echo to stderr >&2; echo score=0.9 >&2; echo score=0.25; exit 1"),
            with_files("bash tests/check.sh", {"tests/check.sh": "grep right answer.txt"}),
        )
    functions = result.scoring_function_results
    assert [function.score for function in functions] == [1.0, 0.0, 0.25, 1.0]
    assert {function.state for function in functions} == {"complete"}
    assert (result.score, result.x_complete) == (0.5625, True)
    assert functions[0].output == "seen\n"
    assert "to stderr" in functions[2].output
    assert functions[3].output == "right\n"
    assert all(function.x_weight == 0.25 and function.x_duration_ms is not None for function in functions)


async def test_one_error_does_not_stop_the_others(state: Path) -> None:
    """A function without a readable score ends in error with the reason; the total is marked incomplete."""
    told: list[ScoringFunctionResult] = []

    async def progress(function: ScoringFunctionResult) -> None:
        told.append(function)

    async with solver(state) as box:
        result = await box.score(
            script("echo 1.5"),
            {"type": "ast_grep_scorer", "pattern": "x", "search_directory": "missing"},
            command("true"),
            progress=progress,
        )
    outside, missing, good = result.scoring_function_results
    assert told == [outside, missing, good]
    assert (outside.state, outside.score) == ("error", 0.0)
    assert "1.5\n" in outside.output
    assert "from 0 to 1" in outside.output
    assert missing.state == "error"
    assert "There is no directory" in missing.output
    assert (good.state, good.score) == ("complete", 1.0)
    assert (result.x_complete, result.score) == (False, pytest.approx(1 / 3))


async def test_a_time_out_keeps_the_output(state: Path) -> None:
    """A scorer that runs out of time ends in error with what it had printed; so do those after it."""
    async with solver(state) as box:
        result = await box.score(script("echo score=1; sleep 100"), command("true"), timeout_seconds=0.5)
    slow, after = result.scoring_function_results
    assert (slow.state, slow.score, after.state, after.score) == ("error", 0.0, "error", 0.0)
    assert slow.output.startswith("score=1\n")
    assert "timed out: all scorers together have 0.5 s" in slow.output
    assert "No time was left" in after.output
    assert result.x_complete is False


async def test_much_output_is_bounded(state: Path) -> None:
    """Of a flood of output the beginning and the end are kept, and a score at its end is read."""
    async with solver(state) as box:
        result = only(await box.score(script("echo first; head -c 3000000 /dev/zero; echo; echo score=0.5")))
    assert result.score == 0.5
    assert result.output.startswith("first\n")
    assert result.output.endswith("score=0.5\n")
    assert len(result.output.encode()) <= 32_000


async def test_a_huge_script_runs_with_an_empty_standard_input(state: Path) -> None:
    """A script larger than an argument can be runs, and reads nothing from standard input."""
    filler = f"# {'x' * 200_000}\n"
    async with solver(state) as box:
        assert only(await box.score(command(f"{filler}read line && exit 1; exit 0"))).score == 1.0


async def test_test_files_stay_in_the_working_directory(state: Path, subtests: pytest.Subtests) -> None:
    """A test file's path that is absolute, leaves the working directory or names no file is an error."""
    paths = ["/etc/passwd", "../outside", "a/../../outside", "", "folder/", "a\0b"]
    async with solver(state) as box:
        results = await box.score(*(with_files("true", {path: "x"}) for path in paths))
    for path, result in zip(paths, results.scoring_function_results, strict=True):
        with subtests.test(path=path):
            assert (result.state, result.score) == ("error", 0.0)
            assert "relative to the working directory" in result.output


async def test_a_devbox_lost_before_a_function_is_no_score(state: Path) -> None:
    """When the devbox ends between two functions, nothing is scored."""
    async with solver(state) as box:

        async def end(_: ScoringFunctionResult) -> None:
            await box.devbox.stop()

        with pytest.raises(Unavailable, match=r"was lost.*Score the run again"):
            await run_contract(
                contract(command("true"), command("true")), OneDevbox(box.devbox), progress=end, losses_count=False
            )


async def test_a_devbox_lost_under_a_scorer_is_no_score(state: Path) -> None:
    """When the devbox ends while a scorer runs, nothing is scored, and the error says what happened."""
    async with solver(state) as box:
        slow = command("touch ../started; sleep 100")
        async with scoring(box.devbox, slow) as under_way:
            await box.devbox.stop()
            with anyio.fail_after(PATIENCE_SECONDS), pytest.raises(Unavailable, match="was lost"):
                await under_way.task


async def test_cancelled_scoring_leaves_nothing_in_the_solvers_devbox(state: Path) -> None:
    """A live score that is cancelled ends its scorer, takes its files out and puts back what it replaced."""
    async with solver(state, before="mkdir tests; echo mine > tests/check.sh") as box:
        before = await box.does("find . /tmp")
        scorer = with_files("touch ../started; sleep 123", {"tests/check.sh": "secret", "new/hidden.py": "secret"})
        async with scoring(box.devbox, scorer) as under_way:
            assert await box.does("cat tests/check.sh") == "secret"
            await under_way.cancel()
        assert await box.does("find . /tmp") == before
        assert await box.does("cat tests/check.sh") == "mine\n"
        assert await box.run("pgrep -f 'sleep 123'") != 0
