"""The end of a server under devboxes that belong to no run: the next one carries them on."""

import contextlib
import json
import signal
import sqlite3
import subprocess
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from forked_python import ForkedProcess
from probed_driver import ProbedDriver

from runloop_mcp.api.errors import Conflict, InvalidState
from runloop_mcp.api.models.devbox import DevboxCreateParams, DevboxStatus, DevboxView, ExecuteParams, OutputStream
from runloop_mcp.api.models.run import StartRunParams
from runloop_mcp.api.models.scenario import ScenarioCreateParams
from runloop_mcp.api.models.secret import SecretCreateParams
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.engine.retention.plan import What
from runloop_mcp.engine.settings import EngineSettings

_ENDED = {DevboxStatus.SHUTDOWN, DevboxStatus.FAILURE}


def _engine(state: Path, **settings: object) -> EmbeddedEngine:
    return EmbeddedEngine(state, ProbedDriver(state / "sandbox"), settings=EngineSettings(**settings))  # type: ignore[arg-type] # fields of many types


async def _made(engine: EmbeddedEngine, **params: object) -> DevboxView:
    made = await engine.devboxes.create(DevboxCreateParams.model_validate(params))
    return await engine.devboxes.wait(made.id, until={DevboxStatus.RUNNING, *_ENDED}, wait_seconds=20)


async def _said(engine: EmbeddedEngine, devbox_id: str, command: str) -> str | None:
    return (await engine.devboxes.execute(devbox_id, ExecuteParams(command=command))).stdout


def _rows(state: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(state / "store.db")
    try:
        with connection:
            return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


async def test_a_devbox_goes_on_after_its_server_ended(state: Path) -> None:
    """Its disk is as it was, what ran is gone, and variables and secrets are there again."""
    async with _engine(state) as engine:
        await engine.secrets.create(SecretCreateParams.model_validate({"name": "TOKEN", "value": "hunter2-hunter2"}))
        made = await _made(engine, environment_variables={"COLOUR": "red"}, secrets={"API": "TOKEN"})
        await _said(engine, made.id, "echo kept > file")
        left = await engine.devboxes.execute(made.id, ExecuteParams(command="sleep 999"), wait_seconds=0)
    async with _engine(state) as engine:
        assert (await engine.devboxes.retrieve(made.id)).status == DevboxStatus.RUNNING
        lost = await engine.devboxes.execution(made.id, left.execution_id)
        assert (lost.status, lost.exit_status) == ("completed", 137)
        seen = await engine.devboxes.execute(
            made.id, ExecuteParams(command="cat file; echo $COLOUR ${#API}; pgrep sleep")
        )
        assert seen.stdout == "kept\nred 15\n"
        assert seen.x_runloop_mcp is not None
        assert any("booted again" in note for note in seen.x_runloop_mcp.notes)
        assert (await engine.devboxes.shutdown(made.id)).status == DevboxStatus.SHUTDOWN
    store = (state / "store.db").read_bytes()
    assert b"hunter2" not in store


async def test_its_keep_alive_time_counts_while_no_server_is_there(state: Path) -> None:
    """The next server ends what is out of time, and leaves alone what is not."""
    async with _engine(state) as engine:
        short = await _made(engine, launch_parameters={"keep_alive_time_seconds": 1})
        long = await _made(engine)
    await anyio.sleep(1.1)
    async with _engine(state) as engine:
        ended = await engine.devboxes.wait(short.id, until=_ENDED, wait_seconds=20)
        assert (ended.status, ended.shutdown_reason) == (DevboxStatus.SHUTDOWN, "keep_alive_timeout")
        assert (await engine.devboxes.keep_alive(long.id)).status == DevboxStatus.RUNNING


async def test_an_interrupted_launch_begins_again(state: Path) -> None:
    """On a fresh disk, with all that is mounted into it."""
    launch = {"launch_commands": ["echo launched >> ~/times", "test -e ~/a.txt", "sleep ${PAUSE:-1000}"]}
    mounts = [{"type": "file_mount", "target": "a.txt", "content": "mounted"}]
    async with _engine(state) as engine:
        made = await engine.devboxes.create(
            DevboxCreateParams.model_validate({"launch_parameters": launch, "mounts": mounts})
        )
        booting = await engine.devboxes.wait(made.id, until={DevboxStatus.INITIALIZING}, wait_seconds=20)
        assert booting.status == DevboxStatus.INITIALIZING
    text = json.dumps({"PAUSE": "0"})
    _rows(state, "UPDATE devboxes SET data = json_set(data, '$.own.environment_variables', json(?))", text)
    async with _engine(state) as engine:
        assert await _said(engine, made.id, "cat ~/times ~/a.txt") == "launched\nmounted"


async def test_an_interrupted_launch_of_a_run_begins_again(state: Path) -> None:
    """With all that the run mounts into its devbox."""
    function = {"name": "f", "weight": 1, "scorer": {"type": "command_scorer", "command": "true"}}
    mounts = [{"type": "file_mount", "target": "a.txt", "content": "mounted"}]
    async with _engine(state) as engine:
        scenario = await engine.scenarios.create(
            ScenarioCreateParams.model_validate(
                {
                    "name": "slow",
                    "input_context": {"problem_statement": "Nothing."},
                    "scoring_contract": {"scoring_function_parameters": [function]},
                    "environment_parameters": {"launch_parameters": {"launch_commands": ["sleep ${PAUSE:-1000}"]}},
                }
            )
        )
        profile = {"mounts": mounts}
        run = await engine.scenarios.start_run(
            StartRunParams.model_validate({"scenario_id": scenario.id, "runProfile": profile})
        )
        booting = await engine.devboxes.wait(run.devbox_id, until={DevboxStatus.INITIALIZING}, wait_seconds=20)
        assert booting.status == DevboxStatus.INITIALIZING
    _rows(state, "UPDATE runs SET data = json_set(data, '$.environment_variables', json(?))", '{"PAUSE": "0"}')
    async with _engine(state) as engine:
        up = await engine.devboxes.wait(run.devbox_id, until={DevboxStatus.RUNNING, *_ENDED}, wait_seconds=20)
        assert up.status == DevboxStatus.RUNNING
        assert await _said(engine, run.devbox_id, "cat ~/a.txt") == "mounted"


async def test_a_token_is_lost_with_the_server_that_had_it(state: Path) -> None:
    """A devbox that needs it still can't be launched, and says why."""
    mount = {"type": "code_mount", "repo_owner": "them", "repo_name": "tool", "token": "let-me-in"}
    async with _engine(state, max_devboxes=1) as engine:
        await _made(engine)
        queued = await engine.devboxes.create(DevboxCreateParams.model_validate({"mounts": [mount]}))
        assert queued.status == DevboxStatus.QUEUED
    assert b"let-me-in" not in (state / "store.db").read_bytes()
    async with _engine(state) as engine:
        failed = await engine.devboxes.wait(queued.id, until=_ENDED, wait_seconds=20)
        assert failed.status == DevboxStatus.FAILURE
        with pytest.raises(InvalidState, match="token"):
            await _said(engine, queued.id, "true")


async def test_a_shutdown_that_was_interrupted_is_brought_to_its_end(state: Path) -> None:
    """Once it has been decided, nobody can use the devbox any more."""
    async with _engine(state) as engine:
        made = await _made(engine)
    _rows(state, "UPDATE devboxes SET data = json_set(data, '$.shutdown_reason', 'api_shutdown')")
    async with _engine(state, looks_after_runs=False) as engine:
        with pytest.raises(InvalidState, match="shut down"):
            await _said(engine, made.id, "true")
    async with _engine(state) as engine:
        ended = await engine.devboxes.wait(made.id, until=_ENDED, wait_seconds=20)
        assert (ended.status, ended.shutdown_reason) == (DevboxStatus.SHUTDOWN, "api_shutdown")
    assert not list(state.rglob(f"{made.id}*"))


async def test_what_ends_in_the_queue_leaves_it(state: Path) -> None:
    """Also where the server that queued it is no more: nobody behind it waits for it."""
    async with _engine(state, max_devboxes=1) as engine:
        first = await _made(engine)
        queued = [await engine.devboxes.create(DevboxCreateParams()) for _ in range(2)]
    async with _engine(state, max_devboxes=1, looks_after_runs=False) as engine:
        assert await _said(engine, first.id, "echo up") == "up\n"
        await engine.devboxes.shutdown(queued[0].id)
        details = (await engine.devboxes.wait(queued[1].id, until=_ENDED, wait_seconds=0)).x_runloop_mcp
        assert details is not None
        assert details.queue is not None
        assert (details.queue.place, details.queue.length) == (1, 1)


async def test_a_devbox_is_held_by_one_live_server(state: Path) -> None:
    """Another one can look at it, and neither use nor end it."""
    async with _engine(state) as first, _engine(state) as second:
        made = await _made(first)
        assert (await second.devboxes.retrieve(made.id)).status == DevboxStatus.RUNNING
        for call in (
            second.devboxes.execute(made.id, ExecuteParams(command="true")),
            second.devboxes.shutdown(made.id),
            second.devboxes.keep_alive(made.id),
        ):
            with pytest.raises(Conflict, match="another runloop-mcp server"):
                await call
        assert await _said(first, made.id, "echo mine") == "mine\n"


async def test_who_only_looks_at_a_devbox_does_not_let_it_go_under_who_boots_it(state: Path) -> None:
    """Kept alive while a command boots it again, it stays held: nobody else can boot it a second time."""
    async with _engine(state) as engine:
        made = await _made(engine)
    async with _engine(state) as first, _engine(state) as second:
        said: list[str | None] = []

        async def use() -> None:
            said.append(await _said(first, made.id, "echo up"))

        async def keep_alive(turns: int) -> None:
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            with contextlib.suppress(Conflict):
                await first.devboxes.keep_alive(made.id)

        await first.devboxes.retrieve(made.id)
        async with anyio.create_task_group() as group:
            group.start_soon(use)
            for turns in range(100):
                group.start_soon(keep_alive, turns)
        assert said == ["up\n"]
        with pytest.raises(Conflict, match="another runloop-mcp server"):
            await second.devboxes.keep_alive(made.id)


async def test_output_that_another_server_follows_is_waited_for(state: Path) -> None:
    """Who reads it elsewhere gets it once the command has ended."""
    async with _engine(state) as first, _engine(state) as second:
        made = await _made(first)
        begun = await first.devboxes.execute(
            made.id, ExecuteParams(command="read line; echo $line", attach_stdin=True), wait_seconds=0
        )
        async with anyio.create_task_group() as group:
            parts = []

            async def read() -> None:
                place = (made.id, begun.execution_id, OutputStream.STDOUT)
                parts.append(await second.devboxes.read_output(*place, wait_seconds=20))

            group.start_soon(read)
            await first.devboxes.send_stdin(made.id, begun.execution_id, text="line\n")
        assert [(part.text, part.complete) for part in parts] == [("line\n", True)]


_VICTIM = """
import sys, anyio
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_devbox_restart import _engine, _made, _said

async def main():
    async with _engine(Path(sys.argv[1])) as engine:
        made = await _made(engine, entrypoint="echo up >> ~/boots; exec sleep 9322")
        await _said(engine, made.id, "echo kept > file; until test -e ~/boots; do sleep 0.01; done")
        print(made.id, flush=True)
        await anyio.sleep(60)

anyio.run(main)
"""


async def test_nothing_is_lost_when_a_server_is_killed(state: Path) -> None:
    """After `kill -9` the next server has the devbox and its disk, and begins its entrypoint again."""
    command = ["-c", _VICTIM, str(state), str(Path(__file__).parent)]
    victim = ForkedProcess(command, stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    devbox_id = victim.stdout.readline().strip()
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    async with _engine(state) as engine:
        begun = 'test "$(wc -l < ~/boots)" = 2 && pgrep -x sleep'
        seen = f"cat file; until {begun}; do sleep 0.02; done >&2; pgrep -xc sleep"
        assert await _said(engine, devbox_id, seen) == "kept\n1\n"
        ended = await engine.devboxes.shutdown(devbox_id)
        assert (ended.status, ended.shutdown_reason) == (DevboxStatus.SHUTDOWN, "api_shutdown")


async def test_what_is_left_of_a_devbox_is_collected(state: Path) -> None:
    """Nothing of one that is there; of one that has ended its outputs and logs, when their time is over."""
    async with _engine(state) as engine:
        there, gone = await _made(engine), await _made(engine, launch_parameters={"launch_commands": ["echo set up"]})
        for each in (there, gone):
            await _said(engine, each.id, "head -c 100000 /dev/zero")
        await engine.devboxes.shutdown(gone.id)
        assert (await engine.collect()).removals == []
        assert len((await engine.devboxes.logs(gone.id)).logs) > 3
    async with _engine(state, retention_days=0) as engine:
        done = await engine.collect()
        assert {(each.what, each.id) for each in done.removals} == {(What.OUTPUT, gone.id)}
        log = (await engine.devboxes.logs(gone.id)).logs
        assert {line.source for line in log} == {"exec"}
        assert any("no longer kept" in (line.message or "") for line in log)
        assert len(await _said(engine, there.id, "cat /dev/null; echo still") or "") == len("still\n")
