"""`runloop-mcp validate`."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
import click

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import ApiError, InvalidRequest, NotFound
from runloop_mcp.api.ids import IdPrefix, stable_id
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.cli.lookup import all_scenarios, find_scenario, folder_id, is_folder
from runloop_mcp.cli.options import backend_options, json_option
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import print_json
from runloop_mcp.cli.validate_screen import Shown, progress, show
from runloop_mcp.cli.wiring import backend_for, folder_problems
from runloop_mcp.validation.cheats.catalogue import Cheat, chosen_cheats
from runloop_mcp.validation.content_hash import content_hash
from runloop_mcp.validation.results_file import KeptVerdict, ResultsFile
from runloop_mcp.validation.trials import Trials
from runloop_mcp.validation.validator import Validator
from runloop_mcp.validation.verdicts import Validation, Verdict


@dataclass(frozen=True, slots=True)
class _Terms:
    """How to validate."""

    repeat: int
    jobs: int
    timeout_seconds: float
    cheats: tuple[Cheat, ...]
    results: Path | None


@click.command()
@click.argument("scenarios_called", metavar="[SCENARIO]...", nargs=-1)
@click.option("--repeat", type=click.IntRange(1, 100), default=3, show_default=True, help="How often to prove each.")
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="How many runs at a time.")
@click.option("--timeout", type=float, default=3600, show_default=True, help="Seconds for each scenario.")
@click.option("--cheats/--no-cheats", default=True, show_default=True, help="Try to have the score for less.")
@click.option("--cheat", "named", multiple=True, metavar="NAME", help="Only this cheat; repeatable.")
@click.option(
    "--results",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where verdicts are kept, a line of JSON each; what is in it and has not changed is not proven again.",
)
@backend_options
@json_option
def validate(
    *,
    flags: dict[str, object],
    scenarios_called: tuple[str, ...],
    repeat: int,
    jobs: int,
    timeout: float,
    cheats: bool,
    named: tuple[str, ...],
    results: Path | None,
    as_json: bool,
) -> int:
    """Prove scenarios, by name, id or folder; all of them where none is given.

    A scenario is valid when its untouched environment scores below 1.0 and its environment with the reference applied
    scores exactly 1.0, each time, and when nothing earns its score without the work: no empty or broken submission, and
    none of the cheats that docs/authoring.md lists. The exit code is 1 when any is not.

    Warnings tell of scoring functions that look as if the solution could decide its own score; they change no verdict.
    """
    if named and not cheats:
        raise InvalidRequest("--cheat and --no-cheats exclude each other.", hint="Leave one of them out.")
    terms = _Terms(repeat, jobs, timeout, chosen_cheats(named) if cheats else (), results)
    folders = [Path(called).resolve() for called in scenarios_called if is_folder(called)]
    if folders:
        flags["scenarios"] = (*_given(flags), *dict.fromkeys(folder.parent for folder in folders))
    settings = load_settings(**flags)
    found = anyio.run(_validate, settings, scenarios_called, terms)
    if not found:
        raise NotFound("There are no scenarios.", hint="Name a folder that holds scenario folders: --scenarios DIR.")
    valid = all(validation.verdict is Verdict.VALID for validation in found)
    if as_json:
        print_json({"valid": valid, "scenarios": [_as_json(validation) for validation in found]})
    else:
        show(found)
    return 0 if valid else 1


def _as_json(validation: Validation) -> dict[str, object]:
    return {**asdict(validation), "fooled_by": validation.fooled_by}


def _given(flags: dict[str, object]) -> tuple[Path, ...]:
    """The folders of scenarios in force without those on this command's line."""
    return tuple(load_settings(**flags).scenarios)


async def _validate(settings: Settings, called: tuple[str, ...], terms: _Terms) -> list[Validation]:
    async with backend_for(settings) as backend:
        unloadable = await _unloadable(backend, called)
        chosen = await _chosen(backend, called, {each.scenario_id for each in unloadable})
        if terms.results is None:
            proven = await _prove(backend, chosen, terms, None)
        else:
            with ResultsFile(terms.results) as results:
                proven = await _prove(backend, chosen, terms, results)
    return [*proven, *unloadable]


async def _prove(
    backend: Backend, chosen: list[ScenarioView], terms: _Terms, results: ResultsFile | None
) -> list[Validation]:
    # The runs are what costs: a scenario with many cheats takes all the places that others leave.
    scenarios, runs = anyio.CapacityLimiter(terms.jobs), anyio.CapacityLimiter(terms.jobs)
    validator = Validator(backend, terms.repeat, terms.timeout_seconds, os.environ, terms.cheats, runs)
    cheats = [cheat.name for cheat in terms.cheats]
    found: dict[str, Validation] = {}

    async def proven(scenario: ScenarioView, shown: Shown) -> Validation:
        if results is None:
            return await validator.validate(scenario, lambda step: shown.step(scenario.id, step))
        try:
            content = await content_hash(Trials(backend, os.environ, runs), scenario)
        except ApiError:
            content = ""  # what keeps it from starting is found out, and told, by validation
        kept = results.verdict(scenario.id, content, repeat=terms.repeat, cheats=cheats)
        if kept is None:
            kept = await validator.validate(scenario, lambda step: shown.step(scenario.id, step))
            results.keep(KeptVerdict(content, terms.repeat, cheats, kept))
        return kept

    async def one(scenario: ScenarioView, shown: Shown) -> None:
        async with scenarios:
            found[scenario.id] = await proven(scenario, shown)
        shown.done(found[scenario.id])

    with progress(chosen) as shown:
        async with anyio.create_task_group() as tasks:
            for scenario in chosen:
                tasks.start_soon(one, scenario, shown)
    return [found[scenario.id] for scenario in chosen]


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
            found.append(Validation(scenario_id, name, Verdict.INVALID, str(problem)))
    return found
