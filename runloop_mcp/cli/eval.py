"""`runloop-mcp eval`."""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import anyio
import click

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.disclosure import scenario_for_solver
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.cli.eval_record import RECORD, TIMEOUT_SECONDS, begun_or_new
from runloop_mcp.cli.eval_screen import show, watching
from runloop_mcp.cli.failures import INTERRUPTED
from runloop_mcp.cli.options import backend_options_but_scenarios, json_option
from runloop_mcp.cli.selection import chosen, selection
from runloop_mcp.cli.serving import shared_backend
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import counted, own_command, print_json, say
from runloop_mcp.cli.wiring import keeping_state_in
from runloop_mcp.evaluation.attempt import Terms
from runloop_mcp.evaluation.evaluation import attempts_left, evaluate
from runloop_mcp.evaluation.results import EvalRecord, ResultsFile, write_record
from runloop_mcp.evaluation.summary import summarize

_WHOLE = 2**24
"""Characters of a problem statement that an agent is given: all."""


@click.command("eval")
@click.option(
    "--scenarios",
    multiple=True,
    metavar="WHICH",
    help="Names, ids, patterns, tag:TAG or folders; repeatable, or separated by commas.  [default: all]",
)
@click.option("--agent", metavar="COMMAND", help="The agent: a command for the shell, run once for each attempt.")
@click.option("-k", "--attempts", type=click.IntRange(1, 1000), help="Attempts at each scenario.  [default: 1]")
@click.option("-n", "--jobs", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many at a time.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help=f"How long the agent may take in each attempt.  [default: {TIMEOUT_SECONDS:g}]",
)
@click.option("--model", metavar="LABEL", help="A label for the results, and for the agent in RUNLOOP_MODEL.")
@click.option(
    "--pass-mark", type=click.FloatRange(0, 1), metavar="SCORE", help="The score that passes.  [default: 1.0]"
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where results go, a line of JSON for each attempt; with a file that was begun it goes on.",
)
@backend_options_but_scenarios
@json_option
def eval_command(
    *,
    flags: dict[str, object],
    scenarios: tuple[str, ...],
    agent: str | None,
    attempts: int | None,
    jobs: int,
    timeout: float | None,
    model: str | None,
    pass_mark: float | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Run a command-line agent over scenarios, several times each, and tell how well it does.

    For each attempt a run is started, and COMMAND runs on this machine in an empty folder. It gets a prompt on its
    standard input; its environment says how to reach the run: RUNLOOP_MCP_CONFIG names an mcp.json. When it ends, or
    its time is over, the run is scored and completed.

    Interrupted, it goes on where it was when it is started again with the same --output. The exit code is 0 when every
    attempt has a result, whatever the scores are, and 1 when one could not be made.
    """
    asked = {
        "agent": agent,
        "attempts": attempts,
        "timeout_seconds": timeout,
        "model": model,
        "pass_mark": pass_mark,
        "scenarios": list(selection(scenarios).called) or None,
    }
    settings = load_settings(**flags)
    evals = settings.state_dir / "evals"
    record = begun_or_new(
        evals, output and output.absolute(), {name: value for name, value in asked.items() if value is not None}
    )
    packs = selection(record.scenarios).packs
    if packs:
        settings = load_settings(**{**flags, "scenarios": (*settings.scenarios, *packs)})
    with keeping_state_in(settings.state_dir), ResultsFile(Path(record.output)) as results:
        write_record(evals / record.eval_id / RECORD, record)
        evaluation = _Evaluation(settings, record, results, jobs, evals / record.eval_id)
        anyio.run(evaluation.run)
    if evaluation.interrupted:
        where = ["--state-dir", str(settings.state_dir)] if flags["state_dir"] else []
        again = shlex.join(["eval", *where, "--jobs", str(jobs), "--output", record.output])
        done = len(results.results)
        say(f"Interrupted; {done} of {evaluation.all_attempts} attempts are done. Go on: {own_command()} {again}")
        return INTERRUPTED
    return _tell(evaluation, as_json=as_json)


@dataclass(slots=True)
class _Evaluation:
    """An evaluation that is carried out by this process."""

    settings: Settings
    record: EvalRecord
    results: ResultsFile
    jobs: int
    folder: Path
    """Where what agents print is kept."""
    scenarios: Sequence[ScenarioView] = field(default_factory=list)
    interrupted: bool = False

    @property
    def all_attempts(self) -> int:
        return len(self.scenarios) * self.record.attempts

    async def run(self) -> None:
        """Carries it out, until it is done or a signal comes."""
        from runloop_mcp.server.transports.signals import Stop, stop_on_signals

        async def end_when_asked(stop: Stop) -> None:
            await stop.wait()
            self.interrupted = True
            tasks.cancel_scope.cancel()

        with stop_on_signals() as asked:
            async with shared_backend(self.settings) as backend:
                self.scenarios = await chosen(backend, selection(self.record.scenarios))
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(end_when_asked, asked)
                    await self._make_attempts(backend)
                    tasks.cancel_scope.cancel()

    async def _make_attempts(self, backend: Backend) -> None:
        left = attempts_left(self.scenarios, self.record.attempts, self.results)
        done = self.all_attempts - len(left)
        say(
            f"{self.record.eval_id}: {counted(len(self.scenarios), 'scenario')}, "
            f"{counted(self.record.attempts, 'attempt')} each, {self.jobs} at a time"
            + (f"; {done} of {self.all_attempts} are done" if done else "")
        )
        with watching(self.all_attempts, done) as watcher:
            await evaluate(backend, self._terms(), left, self.results, at_once=self.jobs, watcher=watcher)

    def _terms(self) -> Terms:
        from runloop_mcp.server.rendering.scenario import problem_text

        serve = [sys.executable, "-m", "runloop_mcp", "serve", "--state-dir", str(self.settings.state_dir), "--run"]
        return Terms(
            eval_id=self.record.eval_id,
            agent=self.record.agent,
            timeout_seconds=self.record.timeout_seconds,
            folder=self.folder,
            server_for=lambda run_id: [*serve, run_id],
            problem_of=lambda scenario: problem_text(scenario_for_solver(scenario), limit=_WHOLE),
            model=self.record.model,
            environment=os.environ,
        )


def _tell(evaluation: _Evaluation, *, as_json: bool) -> int:
    record, chosen_ids = evaluation.record, {scenario.id for scenario in evaluation.scenarios}
    results = [each for each in evaluation.results.results.values() if each.scenario_id in chosen_ids]
    summary = summarize(results, k=record.attempts, pass_mark=record.pass_mark)
    if as_json:
        about = {"eval_id": record.eval_id, "output": record.output, "agent": record.agent, "model": record.model}
        print_json({**about, **asdict(summary)})
    else:
        show(summary, Path(record.output))
    return 0 if all(result.counted for result in results) else 1
