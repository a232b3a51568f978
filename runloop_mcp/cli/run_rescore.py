"""`runloop-mcp runs rescore`: the frozen disk of a run scored again, beside its score."""

from pathlib import Path

import anyio
import click

from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.api.models.trust import RescoreParams, Rescoring
from runloop_mcp.cli.lookup import scenario_name
from runloop_mcp.cli.options import backend_options, json_option
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import console, print_json
from runloop_mcp.cli.wiring import backend_for


@click.command("rescore", short_help="Score a run's frozen disk again, beside its score.")
@click.argument("run_id")
@click.option(
    "--contract",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Another scoring contract: YAML or JSON, or a scenario's folder. Without it, the run's own.",
)
@click.option(
    "--mode",
    type=click.Choice([ScoringMode.CLEAN.value, ScoringMode.FORK.value]),
    help="What the scoring devboxes are made of, if not as the run was scored.",
)
@backend_options
@json_option
def rescore_command(
    *, flags: dict[str, object], run_id: str, contract: Path | None, mode: str | None, as_json: bool
) -> None:
    """Score the frozen disk of a scored run again.

    The result is kept beside the run's score, which stays; no solver is told. Disks are kept for 14 days
    or 10 GB, where nothing else is set.
    """
    run, scenario, rescoring = anyio.run(_rescore, load_settings(**flags), run_id, contract, mode)
    if as_json:
        print_json(rescoring)
        return
    from runloop_mcp.cli.score_card import score_card

    notes = [f"\nThe run's score stays {run.score:.4g}. This is kept beside it: runloop-mcp runs show {run_id}"]
    if not rescoring.same_contract:
        notes.append(f"Scored with another contract than the run: {rescoring.contract_hash[:12]}.")
    console().print(score_card(rescoring.result, title=f"{scenario}, rescored ({rescoring.mode})", notes=notes))


async def _rescore(
    settings: Settings, run_id: str, contract: Path | None, mode: str | None
) -> tuple[ScenarioRunView, str, Rescoring]:
    params = RescoreParams(mode=ScoringMode(mode) if mode else None)
    if contract is not None:
        from runloop_mcp.engine.scenarios.contract_file import read_contract

        params.contract = await anyio.to_thread.run_sync(read_contract, contract)
    async with backend_for(settings, looks_after_runs=False) as backend:
        rescoring = await backend.runs.rescore(run_id, params)
        run = await backend.runs.retrieve(run_id)
        return run, await scenario_name(backend, run.scenario_id), rescoring
