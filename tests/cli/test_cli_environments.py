"""`runloop-mcp blueprints` and `snapshots`: environments that are built and kept on the command line."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import anyio
import pytest

from runloop_mcp.api.models.devbox import DevboxStatus, ExecuteParams
from runloop_mcp.api.models.run import StartRunParams
from runloop_mcp.api.models.scenario import InputContext, ScenarioCreateParams, ScenarioEnvironment
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.devbox.sandbox.driver import SandboxDriver
from runloop_mcp.engine.backend import EmbeddedEngine

Command = Callable[..., CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("quick_devboxes")

CONTRACT = {"name": "none", "weight": 1, "scorer": {"type": "command_scorer", "command": "true"}}


async def left_run(state: Path, blueprint_id: str) -> str:
    """A run that begins from a blueprint, whose server has ended; gives its id."""
    async with EmbeddedEngine(state, SandboxDriver(state)) as engine:
        scenario = await engine.scenarios.create(
            ScenarioCreateParams(
                name="any",
                input_context=InputContext(problem_statement="Anything."),
                scoring_contract=ScoringContract.model_validate({"scoring_function_parameters": [CONTRACT]}),
                environment_parameters=ScenarioEnvironment(blueprint_id=blueprint_id),
            )
        )
        run = await engine.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
        await engine.devboxes.wait(run.devbox_id, until={DevboxStatus.RUNNING}, wait_seconds=20)
        seen = await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="cat ~/said ~/mine"))
        assert seen.stdout == "hello\nmine\n"
        return run.id


def test_environments_are_built_kept_and_deleted(runloop: Command, tmp_path: Path) -> None:
    """A build shows its log and its id; a run that begins from it is kept after its server; what is used stays."""
    (tmp_path / "mine").write_text("mine\n")
    built = runloop("blueprints", "build", "tools", "--run", "echo hello | tee said", "--file", f"mine={tmp_path}/mine")
    assert built.returncode == 0, built.stderr
    assert built.stdout.splitlines() == ["Writing /home/user/mine", "$ echo hello | tee said", "hello", "Built."]
    (blueprint_id,) = re.findall(r"bpt_\w+", built.stderr)
    run_id = anyio.run(left_run, tmp_path / "state", blueprint_id)
    made = json.loads(runloop("snapshots", "create", run_id, "--name", "kept", "--json").stdout)
    assert (made["source_blueprint_id"], made["name"]) == (blueprint_id, "kept")
    refused = runloop("blueprints", "delete", blueprint_id)
    assert refused.returncode == 1
    assert made["id"] in refused.stderr
    deleted = runloop("snapshots", "delete", made["id"])
    assert (deleted.returncode, deleted.stderr) == (0, f"Deleted {made['id']}.\n")


@pytest.mark.proof
def test_a_build_that_fails_is_told(runloop: Command) -> None:
    """What the command printed and why it failed are shown, and the exit code is 1; then there is nothing to keep."""
    failed = runloop("blueprints", "build", "tools", "--run", "echo tried; exit 4")
    assert failed.returncode == 1
    assert "tried" in failed.stdout
    assert "Set-up command 1 of 1 failed with exit status 4." in failed.stderr
    (blueprint,) = json.loads(runloop("blueprints", "list", "--json").stdout)
    assert blueprint["status"] == "failed"
    assert "failed" in runloop("blueprints", "show", blueprint["id"]).stdout
    listed = runloop("snapshots", "list")
    assert (listed.returncode, listed.stdout) == (0, "")
    assert "runloop-mcp snapshots create" in listed.stderr
