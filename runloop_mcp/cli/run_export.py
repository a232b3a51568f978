"""`runloop-mcp runs export`: results as JSON lines, one run each."""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

import anyio
import click
from pydantic import BaseModel

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.run import VALIDATION, RunDetails, RunListParams, ScenarioRunView
from runloop_mcp.api.models.trust import Rescoring, SealedHashes, TamperReport
from runloop_mcp.cli.lookup import find_scenario, scenario_name
from runloop_mcp.cli.options import backend_options
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import say
from runloop_mcp.cli.wiring import backend_for
from runloop_mcp.server.rendering.quantities import amount

_PAGE = 200


class FunctionResult(BaseModel):
    """What one scoring function gave."""

    name: str
    score: float
    weight: float | None
    state: str
    duration_ms: int | None


class RunResult(BaseModel):
    """What came of a run. Times are UTC, in milliseconds; what is not there is null."""

    run_id: str
    scenario_id: str
    scenario: str
    """The scenario's name."""
    environment_hash: str | None
    """Names the exact environment that the run started from."""
    attempt: int
    """The how-manieth run of the scenario by the principal."""
    principal: str
    model: str | None
    """`metadata.model` of the run."""
    name: str | None
    purpose: str | None
    benchmark_run_id: str | None
    metadata: dict[str, str]
    state: str
    score: float | None
    complete: bool | None
    """False where a scorer broke, so that the score is not the last word."""
    functions: list[FunctionResult]
    scoring_mode: str | None
    isolation: str | None
    restored_files: list[str]
    sealed: SealedHashes | None
    """What the score depends on, named at the start."""
    tamper_report: TamperReport | None
    """What the solver did beside its answer."""
    rescorings: list[Rescoring]
    """Later scorings of the frozen disk; none of them is the run's score."""
    notes: list[str]
    start_time_ms: int | None
    end_time_ms: int | None
    duration_ms: int | None


@click.command("export", short_help="Results as JSON lines, one run each.")
@click.option("--scenario", "called", metavar="NAME", multiple=True, help="Only runs of this scenario, by name or id.")
@click.option("--all", "everyone", is_flag=True, help="Runs of validation too.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where to, if not to stdout."
)
@backend_options
def export_command(*, flags: dict[str, object], called: tuple[str, ...], everyone: bool, output: Path | None) -> None:
    """Results as JSON lines, one run each, newest first."""
    settings = load_settings(**flags)
    if output is None:
        anyio.run(partial(_export, settings, called, everyone, sys.stdout))
        return
    with _replacing(output.absolute()) as file:
        count = anyio.run(partial(_export, settings, called, everyone, file))
    say(f"Wrote {amount(count, 'run')} to {output}.")


async def _export(settings: Settings, called: tuple[str, ...], everyone: bool, file: TextIO) -> int:
    count = 0
    names: dict[str, str] = {}
    async with backend_for(settings, looks_after_runs=False) as backend:
        ids: list[str | None] = [
            each if each.startswith("scn_") else (await find_scenario(backend, each)).id for each in called
        ]
        for scenario_id in dict.fromkeys(ids or [None]):
            async for run in _runs(backend, scenario_id):
                if run.purpose == VALIDATION and not everyone:
                    continue
                if run.scenario_id not in names:
                    names[run.scenario_id] = await scenario_name(backend, run.scenario_id)
                file.write(_result(run, names[run.scenario_id]).model_dump_json() + "\n")
                count += 1
    file.flush()
    return count


async def _runs(backend: Backend, scenario_id: str | None) -> AsyncIterator[ScenarioRunView]:
    params = RunListParams(scenario_id=scenario_id, limit=_PAGE)
    while True:
        page = await backend.runs.list(params)
        for run in page.items:
            yield run
        if not page.has_more or not page.items:
            return
        params = params.model_copy(update={"starting_after": page.items[-1].id})


def _result(run: ScenarioRunView, scenario: str) -> RunResult:
    details, result = run.x_runloop_mcp or RunDetails(), run.scoring_contract_result
    functions = result.scoring_function_results if result else []
    return RunResult(
        run_id=run.id,
        scenario_id=run.scenario_id,
        scenario=scenario,
        environment_hash=details.environment_hash,
        attempt=details.attempt,
        principal=details.principal,
        model=run.metadata.get("model"),
        name=run.name,
        purpose=run.purpose,
        benchmark_run_id=run.benchmark_run_id,
        metadata=run.metadata,
        state=run.state,
        score=run.score,
        complete=result.x_complete if result else None,
        functions=[
            FunctionResult(
                name=each.scoring_function_name,
                score=each.score,
                weight=each.x_weight,
                state=each.state,
                duration_ms=each.x_duration_ms,
            )
            for each in functions
        ],
        scoring_mode=details.scoring_mode,
        isolation=details.isolation,
        restored_files=details.restored_files,
        sealed=details.sealed,
        tamper_report=details.tamper_report,
        rescorings=details.rescorings,
        notes=details.notes,
        start_time_ms=run.start_time_ms,
        end_time_ms=details.end_time_ms,
        duration_ms=run.duration_ms,
    )


@contextmanager
def _replacing(target: Path) -> Iterator[TextIO]:
    """A file that takes the target's place where the block ends well, so that a half-written one never does."""
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
