"""`runloop-mcp validate`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import anyio
import click

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.ids import IdPrefix, stable_id
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.cli.lookup import all_scenarios, find_scenario, folder_id, is_folder
from runloop_mcp.cli.options import backend_options, json_option
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import console, print_json, print_table, say
from runloop_mcp.cli.validation import Validation, Validator, Verdict
from runloop_mcp.cli.wiring import backend_for, folder_problems

if TYPE_CHECKING:
    from rich.progress import Progress

_STYLES: dict[str, str] = {
    Verdict.VALID: "green",
    Verdict.INVALID: "red",
    Verdict.ERROR: "yellow",
    Verdict.TIMEOUT: "yellow",
}


@click.command()
@click.argument("scenarios_called", metavar="[SCENARIO]...", nargs=-1)
@click.option("--repeat", type=click.IntRange(1, 100), default=3, show_default=True, help="How often to prove each.")
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="How many at a time.")
@click.option("--timeout", type=float, default=3600, show_default=True, help="Seconds for each scenario.")
@backend_options
@json_option
def validate(
    *,
    flags: dict[str, object],
    scenarios_called: tuple[str, ...],
    repeat: int,
    jobs: int,
    timeout: float,
    as_json: bool,
) -> int:
    """Prove scenarios, by name, id or folder; all of them where none is given.

    A scenario is valid when its untouched environment scores below 1.0 and its environment with the reference applied
    scores exactly 1.0, each time. The exit code is 1 when any is not.

    Warnings tell of scoring functions that look as if the solution could decide its own score; they change no verdict.
    """
    folders = [Path(called).resolve() for called in scenarios_called if is_folder(called)]
    if folders:
        flags["scenarios"] = (*_given(flags), *dict.fromkeys(folder.parent for folder in folders))
    settings = load_settings(**flags)
    found = anyio.run(_validate, settings, scenarios_called, repeat, jobs, timeout)
    if not found:
        raise NotFound("There are no scenarios.", hint="Name a folder that holds scenario folders: --scenarios DIR.")
    valid = all(validation.verdict is Verdict.VALID for validation in found)
    if as_json:
        print_json({"valid": valid, "scenarios": [asdict(validation) for validation in found]})
    else:
        _show(found)
    return 0 if valid else 1


def _given(flags: dict[str, object]) -> tuple[Path, ...]:
    """The folders of scenarios in force without those on this command's line."""
    return tuple(load_settings(**flags).scenarios)


async def _validate(
    settings: Settings, called: tuple[str, ...], repeat: int, jobs: int, timeout_seconds: float
) -> list[Validation]:
    limiter = anyio.CapacityLimiter(jobs)
    async with backend_for(settings) as backend:
        unloadable = await _unloadable(backend, called)
        chosen = await _chosen(backend, called, {each.scenario_id for each in unloadable})
        validator = Validator(backend, repeat=repeat, timeout_seconds=timeout_seconds, environment=os.environ)
        found: dict[str, Validation] = {}

        async def one(scenario: ScenarioView, progress: _Progress) -> None:
            async with limiter:
                found[scenario.id] = await validator.validate(scenario, lambda step: progress.step(scenario.id, step))
            progress.done(found[scenario.id])

        with _progress(chosen) as progress:
            async with anyio.create_task_group() as tasks:
                for scenario in chosen:
                    tasks.start_soon(one, scenario, progress)
    return [*(found[scenario.id] for scenario in chosen), *unloadable]


async def _chosen(backend: Backend, called: tuple[str, ...], unloadable: set[str]) -> list[ScenarioView]:
    if not called:
        return sorted([each async for each in all_scenarios(backend)], key=lambda each: each.name)
    ids = [folder_id(each) if is_folder(each) else each for each in called]
    return [await find_scenario(backend, each) for each in dict.fromkeys(ids) if each not in unloadable]


async def _unloadable(backend: Backend, called: tuple[str, ...]) -> list[Validation]:
    """The folders that hold no scenario that could be loaded: those that were named, all where none was."""
    named = {folder_id(each) for each in called if is_folder(each)}
    found = []
    for problem in await folder_problems(backend):
        scenario_id = stable_id(IdPrefix.SCENARIO, problem.pack, problem.folder)
        if scenario_id in named or not called:
            name = problem.folder or str(problem.path)
            found.append(Validation(scenario_id, name, Verdict.INVALID, str(problem), [], [], 0))
    return found


class _Progress(Protocol):
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
def _progress(chosen: list[ScenarioView]) -> "Iterator[_Progress]":
    drawn = console(stderr=True)
    if not drawn.is_terminal:
        yield _Lines(len(chosen))
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text="•"),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[step]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=drawn, transient=True) as live:
        yield _Bars(live, chosen)


def _show(found: list[Validation]) -> None:
    rows = [
        (
            each.name,
            each.verdict,
            _scores(each.untouched),
            _scores(each.reference),
            f"{each.seconds:.1f} s",
            "-" if each.verdict is Verdict.VALID else each.reason,
        )
        for each in found
    ]
    print_table(("scenario", "verdict", "untouched", "reference", "took", "reason"), rows, styles=_STYLES)
    for each in found:
        for warning in each.warnings:
            say(f"Warning: {each.name}, {warning}")


def _scores(scores: list[float]) -> str:
    return " ".join(f"{score:.4g}" for score in scores) or "-"
