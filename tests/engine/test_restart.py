"""The end of a server in the middle of a run: the next one carries the run on."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from forked_python import ForkedProcess
from probed_driver import ProbedDriver

from runloop_mcp.api.errors import Conflict
from runloop_mcp.api.models.devbox import DevboxStatus, ExecuteParams
from runloop_mcp.api.models.run import RunState, StartRunParams
from runloop_mcp.api.models.scenario import InputContext, ScenarioCreateParams
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.engine.backend import EmbeddedEngine

_SLOW_SCORER = {"type": "command_scorer", "command": "sleep 2; grep -q hello greeting.txt"}


def _engine(state: Path) -> EmbeddedEngine:
    return EmbeddedEngine(state, ProbedDriver(state / "sandbox"))


def _scenario(scorer: dict[str, str] | None = None) -> ScenarioCreateParams:
    return ScenarioCreateParams(
        name="greeting",
        input_context=InputContext(problem_statement="Write hello into greeting.txt."),
        scoring_contract=ScoringContract.model_validate(
            {
                "scoring_function_parameters": [
                    {
                        "name": "greets",
                        "weight": 1,
                        "scorer": scorer or {"type": "command_scorer", "command": "grep -q hello greeting.txt"},
                    }
                ]
            }
        ),
    )


async def test_a_run_goes_on_after_its_server_ended(state: Path) -> None:
    """The disk is as it was, what ran is gone, the reply says so, and the run can be scored."""
    async with _engine(state) as engine:
        scenario = await engine.scenarios.create(_scenario())
        run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
        await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="echo hello > greeting.txt"))
        left = await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="echo on; sleep 999"), wait_seconds=0)
    async with _engine(state) as engine:
        lost = await engine.devboxes.execution(run.devbox_id, left.execution_id)
        assert (lost.status, lost.exit_status) == ("completed", 137)
        seen = await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="cat greeting.txt; pgrep sleep"))
        assert seen.stdout == "hello\n"
        assert seen.x_runloop_mcp is not None
        assert any("booted again" in note for note in seen.x_runloop_mcp.notes)
        details = (await engine.runs.retrieve(run.id)).x_runloop_mcp
        assert details is not None
        assert any("booted again" in note for note in details.notes)
        assert (await engine.runs.score(run.id)).score == 1.0


async def test_a_devbox_is_held_by_one_live_server(state: Path) -> None:
    """A second server on the same state works, but a call on the first one's devbox names the holder."""
    async with _engine(state) as first, _engine(state) as second:
        scenario = await first.scenarios.create(_scenario())
        run = await first.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
        await first.devboxes.wait(run.devbox_id, until={DevboxStatus.RUNNING}, wait_seconds=20)
        with pytest.raises(Conflict, match=f"process {os.getpid()}"):
            await second.devboxes.execute(run.devbox_id, ExecuteParams(command="true"))
        assert (await second.runs.retrieve(run.id)).state == RunState.RUNNING
        other = await second.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
        assert (await second.devboxes.execute(other.devbox_id, ExecuteParams(command="true"))).exit_status == 0


async def test_interrupted_scoring_starts_again(state: Path) -> None:
    """A server that ends while scoring leaves `scoring`; the next one scores from the top, from the same disk."""
    async with _engine(state) as engine:
        scenario = await engine.scenarios.create(_scenario(_SLOW_SCORER))
        run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
        await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="echo hello > greeting.txt"))
        assert (await engine.runs.score(run.id, wait_seconds=0)).state == RunState.SCORING
    async with _engine(state) as engine:
        scored = await engine.runs.wait(run.id, leaving={RunState.SCORING}, wait_seconds=30)
        assert (scored.state, scored.score) == (RunState.SCORED, 1.0)


_VICTIM = """
import sys, json, anyio
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_restart import _engine, _scenario
from runloop_mcp.api.models.devbox import ExecuteParams
from runloop_mcp.api.models.run import StartRunParams

async def main():
    async with _engine(Path(sys.argv[1])) as engine:
        scenario = await engine.scenarios.create(_scenario())
        run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
        await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="echo hello > greeting.txt"))
        left = await engine.devboxes.execute(
            run.devbox_id, ExecuteParams(command="touch begun; exec sleep 9321"), wait_seconds=0)
        await engine.devboxes.execute(run.devbox_id, ExecuteParams(
            command="until [ -e begun ] && grep -q ^sleep /proc/[0-9]*/cmdline; do sleep 0.01; done"))
        print(json.dumps([run.id, run.devbox_id, left.execution_id]), flush=True)
        await anyio.sleep(60)

anyio.run(main)
"""


def _sleepers() -> list[str]:
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if cmdline.read_bytes() == b"sleep\x009321\x00":
                found.append(cmdline.parent.name)
        except OSError:
            continue  # it ended between the listing and the look
    return found


@pytest.mark.parametrize("taken", [False, True])
async def test_nothing_acknowledged_is_lost_when_a_server_is_killed(state: Path, taken: bool) -> None:
    """After `kill -9` no process is left, and the next server finds run, execution and file.

    So it does where it has taken the devbox already, to boot it, and has not come to that yet.
    """
    victim = ForkedProcess(["-c", _VICTIM, str(state), str(Path(__file__).parent)], stdout=subprocess.PIPE)
    assert victim.stdout is not None
    run_id, devbox_id, execution_id = json.loads(victim.stdout.readline())
    assert _sleepers()
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    async with _engine(state) as engine:
        if taken:
            await engine.devboxes._engine.keeper.hold(devbox_id)
        assert (await engine.devboxes.execution(devbox_id, execution_id)).status == "completed"
        seen = await engine.devboxes.execute(devbox_id, ExecuteParams(command="cat greeting.txt"))
        assert seen.stdout == "hello\n"
        assert _sleepers() == []
        assert (await engine.runs.score(run_id)).score == 1.0
