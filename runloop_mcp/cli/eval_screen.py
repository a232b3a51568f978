"""How an evaluation looks: live while it is under way, a table in the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runloop_mcp.cli.terminal import console, counted, print_table, say
from runloop_mcp.evaluation.attempt import Attempt
from runloop_mcp.evaluation.evaluation import Watcher
from runloop_mcp.evaluation.results import AttemptKey, AttemptResult
from runloop_mcp.evaluation.statistics import Interval
from runloop_mcp.evaluation.summary import Estimate, ScenarioSummary, Summary

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def watching(attempts: int, done: int) -> Iterator[Watcher]:
    """Shows on stderr how an evaluation goes: live on a terminal, else a line for each result.

    Args:
        attempts: How many attempts there are in all.
        done: How many of them have a result already.
    """
    drawn = console(stderr=True)
    if not drawn.is_terminal:
        yield _Lines(attempts, done)
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text="•"),
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[step]}", markup=False),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=drawn, transient=True) as live:
        yield _Live(live, attempts, done)


class _Lines:
    """A line for each result, where nobody watches."""

    def __init__(self, attempts: int, done: int) -> None:
        self._attempts = attempts
        self._done = done

    def step(self, attempt: Attempt, step: str) -> None:
        """Nothing: a log holds results."""

    def done(self, attempt: Attempt, result: AttemptResult) -> None:
        """Prints the result."""
        self._done += 1
        click.echo(f"{self._done}/{self._attempts} {_line(attempt, result)}", err=True)


class _Live:
    """A bar for all, and below it a line for each attempt that is being made; results stay above."""

    def __init__(self, drawn: "Progress", attempts: int, done: int) -> None:
        self._drawn = drawn
        self._all = drawn.add_task("attempts", total=attempts, completed=done, step=f"{done}/{attempts}")
        self._attempts = attempts
        self._done = done
        self._tasks: dict[AttemptKey, TaskID] = {}

    def step(self, attempt: Attempt, step: str) -> None:
        """Changes the attempt's line."""
        task = self._tasks.get(attempt.key)
        if task is None:
            name = f"{attempt.scenario.name} {attempt.number}"
            self._tasks[attempt.key] = self._drawn.add_task(name, total=None, step=step)
        else:
            self._drawn.update(task, step=step)

    def done(self, attempt: Attempt, result: AttemptResult) -> None:
        """Ends the attempt's line with its result."""
        task = self._tasks.pop(attempt.key, None)
        if task is not None:
            self._drawn.remove_task(task)
        self._done += 1
        self._drawn.console.print(_line(attempt, result), markup=False, style=_style(result))
        self._drawn.update(self._all, completed=self._done, step=f"{self._done}/{self._attempts}")


def _line(attempt: Attempt, result: AttemptResult) -> str:
    parts = [f"{attempt.scenario.name} {attempt.number}:"]
    parts.append(f"score {result.score:.4g}" if result.score is not None else str(result.state))
    if result.agent_timed_out:
        parts.append("(the agent's time ran out)")
    elif result.agent_exit_status:
        parts.append(f"(the agent ended with status {result.agent_exit_status})")
    if result.seconds is not None:
        parts.append(f"in {result.seconds:.1f} s")
    if result.error:
        parts.append(f"- {result.error}")
    return " ".join(parts)


def _style(result: AttemptResult) -> str:
    if not result.counted:
        return "yellow"
    return "green" if result.value >= 1 else "default"


def show(summary: Summary, output: Path) -> None:
    """The figures, for each scenario and over all of them."""
    of_k = summary.k > 1
    columns = ["scenario", "attempts", "score", "pass@1", "95 %", *([f"pass@{summary.k}"] if of_k else [])]
    rows = [_row(each, of_k=of_k) for each in summary.scenarios]
    over = [
        "all scenarios",
        str(sum(each.attempts for each in summary.scenarios)),
        _number(summary.mean_score.value),
        _number(summary.pass_at_1.value),
        _interval(summary.pass_at_1.interval),
        *([_number(summary.pass_at_k.value)] if of_k else []),
    ]
    print_table(columns, [*rows, over], styles={"all scenarios": "bold"})
    notes = [_over("mean score", summary.mean_score)]
    if of_k:
        of = (
            f" over {counted(summary.of_k, 'scenario')} with {summary.k} attempts"
            if summary.of_k < len(summary.scenarios)
            else ""
        )
        notes.append(_over(f"pass@{summary.k}", summary.pass_at_k) + of)
    say("\n" + "; ".join(note for note in notes if note) + f". Results: {output}")
    _say_what_went_wrong(summary)


def _row(each: ScenarioSummary, *, of_k: bool) -> list[str]:
    return [
        each.scenario,
        str(each.attempts),
        _number(each.mean_score),
        _number(each.pass_at_1.value),
        _interval(each.pass_at_1.interval),
        *([_number(each.pass_at_k)] if of_k else []),
    ]


def _say_what_went_wrong(summary: Summary) -> None:
    errors = sum(each.errors for each in summary.scenarios)
    failures = sum(each.agent_failures for each in summary.scenarios)
    if failures:
        say(
            f"In {counted(failures, 'attempt')} the agent failed or ran out of time; what it had reached counts. "
            "What it said is in the folders that the results name as `logs`."
        )
    if errors:
        say(f"{counted(errors, 'attempt')} could not be made, and count nowhere. The same --output makes up for them.")


def _over(name: str, estimate: Estimate) -> str:
    interval = f", 95 % interval {_interval(estimate.interval)}" if estimate.interval else ""
    return f"{name} {_number(estimate.value)}{interval}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(interval: Interval | None) -> str:
    return f"{interval.low:.2f}..{interval.high:.2f}" if interval else "-"
