"""What a person sees of a validation: its progress, and the table of verdicts."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.cli.terminal import console, counted, print_table, say
from runloop_mcp.validation.verdicts import Attempt, Outcome, Validation, Verdict

if TYPE_CHECKING:
    from rich.progress import Progress

_STYLES: dict[str, str] = {
    Verdict.VALID: "green",
    Verdict.INVALID: "red",
    Verdict.ERROR: "yellow",
    Verdict.TIMEOUT: "yellow",
}


class Shown(Protocol):
    """Shows on stderr how far validation is."""

    def step(self, scenario_id: str, step: str) -> None:
        """Says what is being done with a scenario."""

    def done(self, validation: Validation) -> None:
        """Says that a scenario has its verdict."""


class _Lines:
    """A line for each verdict, where nobody watches."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0

    def step(self, scenario_id: str, step: str) -> None:
        """Nothing: a log holds results."""

    def done(self, validation: Validation) -> None:
        """Prints the verdict."""
        self._done += 1
        click.echo(f"{self._done}/{self._total} {validation.name}: {validation.verdict}", err=True)


class _Bars:
    """A live line for each scenario."""

    def __init__(self, drawn: "Progress", chosen: list[ScenarioView]) -> None:
        self._drawn = drawn
        self._tasks = {each.id: drawn.add_task(each.name, total=1, step="waiting") for each in chosen}

    def step(self, scenario_id: str, step: str) -> None:
        """Changes the scenario's line."""
        self._drawn.update(self._tasks[scenario_id], step=step)

    def done(self, validation: Validation) -> None:
        """Ends the scenario's line with its verdict."""
        style = _STYLES[validation.verdict]
        self._drawn.update(
            self._tasks[validation.scenario_id], completed=1, step=f"[{style}]{validation.verdict}[/{style}]"
        )


@contextmanager
def progress(chosen: list[ScenarioView]) -> Iterator[Shown]:
    """Shows progress on stderr while the block runs: live where somebody watches, a line for each verdict elsewhere."""
    drawn = console(stderr=True)
    if not drawn.is_terminal:
        yield _Lines(len(chosen))
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text="•"),
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[step]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=drawn, transient=True) as live:
        yield _Bars(live, chosen)


def show(found: list[Validation]) -> None:
    """Prints the verdicts as a table, and says what else there is to say."""
    rows = [
        (
            each.name,
            each.verdict,
            _scores(each.untouched),
            _scores(each.reference),
            _cheats(each),
            f"{each.seconds:.1f} s",
            "-" if each.verdict is Verdict.VALID else each.reason,
        )
        for each in found
    ]
    print_table(("scenario", "verdict", "untouched", "reference", "cheats", "took", "reason"), rows, styles=_STYLES)
    for each in found:
        for warning in each.warnings:
            say(f"Warning: {each.name}, {warning}")
    if any(each.attempts for each in found):
        say(_counted([attempt for each in found for attempt in each.attempts], len(found)))


def _scores(scores: list[float]) -> str:
    return " ".join(f"{score:.4g}" for score in scores) or "-"


def _cheats(validation: Validation) -> str:
    if not validation.attempts:
        return "-"
    if validation.fooled_by:
        return f"fooled: {len(validation.fooled_by)}"
    tried = [each for each in validation.attempts if each.outcome is not Outcome.NOT_APPLICABLE]
    return f"{len(tried)} held"


def _counted(attempts: list[Attempt], scenarios: int) -> str:
    number = Counter(attempt.outcome for attempt in attempts)
    said = f"{counted(len({each.cheat for each in attempts}), 'cheat')}, {counted(scenarios, 'scenario')}"
    parts = [
        f"{number[Outcome.WON]} won",
        f"{number[Outcome.RAISED]} earned a part",
        f"{number[Outcome.HELD]} earned nothing",
        f"{number[Outcome.NOT_APPLICABLE]} could not be done there",
        f"{number[Outcome.ERROR]} without a score",
    ]
    return f"{said}: {', '.join(parts)}."
