"""The record of a run, as the engine keeps it."""

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from probed_driver import ProbedDriver

from runloop_mcp.api.errors import NotFound, Unavailable
from runloop_mcp.api.models.devbox import ExecuteParams
from runloop_mcp.api.models.run import RunState, ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import InputContext, ScenarioCreateParams
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.api.trace import EventKind, RunEvent, ToolCall
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.engine.store.database import Database
from runloop_mcp.engine.store.events import after
from runloop_mcp.engine.store.migrations import migrate
from runloop_mcp.engine.store.schema_1 import STATEMENTS

_CONTRACT = ScoringContract.model_validate(
    {
        "scoring_function_parameters": [
            {"name": "passes", "weight": 1, "scorer": {"type": "command_scorer", "command": "true"}}
        ]
    }
)


def engine_in(folder: Path) -> EmbeddedEngine:
    """An engine with its state in a folder."""
    return EmbeddedEngine(folder, ProbedDriver(folder / "sandbox"))


async def started(engine: EmbeddedEngine) -> ScenarioRunView:
    """A run that has just been started."""
    scenario = await engine.scenarios.create(
        ScenarioCreateParams(
            name="recorded", input_context=InputContext(problem_statement="Any."), scoring_contract=_CONTRACT
        )
    )
    return await engine.scenarios.start_run(StartRunParams(scenario_id=scenario.id))


def made(tool: str, **arguments: object) -> ToolCall:
    """A call as a face makes it."""
    return ToolCall(tool=tool, arguments=arguments, principal="local", start_time_ms=1)


async def test_what_happened_in_a_run_is_recorded_in_order(state: Path) -> None:
    """States, devbox, commands with their calls, files and score come in order, and can be read on from a place."""
    async with engine_in(state) as engine:
        run = await started(engine)
        call = made("exec_on_devbox", command="exit 3", background=False)
        await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="exit 3"), call=call)
        assert call.recorded
        await engine.devboxes.write_file(run.devbox_id, "notes.txt", b"hello")
        await engine.runs.score(run.id)
        await engine.runs.complete(run.id)
        events = await engine.trace.events(run.id)
        places = [event.sequence for event in events]
        assert places == sorted(set(places))
        assert await engine.trace.end(run.id) == places[-1]
        told = [(event.kind, event.data.get("state") or event.data.get("path")) for event in events]
        assert told == [
            ("state", "running"),
            ("devbox", None),
            ("execution", None),
            ("call", None),
            ("file", "notes.txt"),
            ("state", "scoring"),
            ("scoring", None),
            ("score", None),
            ("state", "scored"),
            ("state", "completed"),
            ("devbox", None),
        ]
        execution, called = events[2].data, events[3].data
        assert (execution["command"], execution["exit_status"], execution["status"]) == ("exit 3", 3, "completed")
        assert called["arguments"] == {"command": "exit 3", "background": False}
        assert called["execution_id"] == execution["execution_id"]
        assert (events[7].data["score"], events[10].data["status"]) == (1.0, "shutdown")
        for place in (0, *places):
            assert await engine.trace.events(run.id, after=place) == [each for each in events if each.sequence > place]
            assert len(await engine.trace.events(run.id, after=place, limit=2)) <= 2


async def test_whoever_reads_on_misses_no_command(state: Path) -> None:
    """A command that began early and ended late is seen by a reader that has read past its beginning."""
    async with engine_in(state) as engine, anyio.create_task_group() as group:
        run = await started(engine)
        await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="true"))
        long = await engine.devboxes.execute(
            run.devbox_id, ExecuteParams(command="until test -e go; do sleep 0.01; done"), wait_seconds=0
        )
        seen: list[RunEvent] = []
        ended = anyio.Event()

        async def read_on() -> None:
            while not any(event.data.get("exit_status") == 0 and _of(event, long.execution_id) for event in seen):
                place = seen[-1].sequence if seen else 0
                seen.extend(await engine.trace.events(run.id, after=place, limit=1, wait_seconds=10))
            ended.set()

        group.start_soon(read_on)
        for number in range(3):
            await engine.devboxes.execute(run.devbox_id, ExecuteParams(command=f"echo {number}"))
        await engine.devboxes.write_file(run.devbox_id, "go", b"")
        with anyio.fail_after(20):
            await ended.wait()
        places = [event.sequence for event in seen]
        assert places == sorted(set(places))
        assert [event.data["status"] for event in seen if _of(event, long.execution_id)] == ["running", "completed"]
        commands = [event.data["command"] for event in seen if event.kind == EventKind.EXECUTION]
        assert {"true", "echo 0", "echo 1", "echo 2"} < set(commands)


def _of(event: RunEvent, execution_id: str) -> bool:
    return event.kind == EventKind.EXECUTION and event.data["execution_id"] == execution_id


async def test_an_event_of_another_server_ends_the_wait_for_one(state: Path) -> None:
    """Whoever waits for the next event gets it, whichever server on the state directory recorded it."""
    async with engine_in(state) as engine, engine_in(state) as other, anyio.create_task_group() as group:
        run = await started(engine)
        await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="true"))
        end = await other.trace.end(run.id)
        found: list[RunEvent] = []

        async def wait() -> None:
            found.extend(await other.trace.events(run.id, after=end, wait_seconds=20))

        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await engine.trace.record(RunEvent(run_id=run.id, kind=EventKind.NOTE, data={"text": "hello"}))
    assert [event.data for event in found] == [{"text": "hello"}]


async def test_large_texts_are_cut_and_broken_ones_kept_readable(state: Path) -> None:
    """An argument of megabytes leaves its beginning and its end; half a character keeps nobody from reading on."""
    async with engine_in(state) as engine:
        run = await started(engine)
        content = "begin" + "x" * 3_000_000 + "end"
        deep: list[object] = []
        for _ in range(30):
            deep = [deep, {"a": "y" * 5000}]
        call = made("write_file", path="a \ud800", content=content, deep=deep, many=["z"] * 500)
        await engine.trace.record(call.event(run.id, end_time_ms=2))
        event = (await engine.trace.events(run.id))[-1]
        assert len(event.model_dump_json()) < 60_000
        arguments = event.data["arguments"]
        assert isinstance(arguments, dict)
        assert arguments["content"].startswith("begin")
        assert arguments["content"].endswith("end")
        assert "characters left out" in arguments["content"]


async def test_there_is_no_record_of_a_run_that_is_not_there(state: Path) -> None:
    """Neither to read nor to write."""
    async with engine_in(state) as engine:
        for asked in (
            engine.trace.events("scr_none"),
            engine.trace.end("scr_none"),
            engine.trace.record(RunEvent(run_id="scr_none", kind=EventKind.NOTE)),
        ):
            with pytest.raises(NotFound):
                await asked


async def test_a_command_under_a_server_that_died_ends_in_the_record(state: Path) -> None:
    """The next server tells that it was lost and that the devbox was booted again; nothing told before is gone."""
    engine = engine_in(state)
    async with engine:
        run = await started(engine)
        await engine.devboxes.execute(run.devbox_id, ExecuteParams(command="sleep 60"), wait_seconds=0)
        before = await engine.trace.events(run.id)
        assert before[-1].data["status"] == "running"
    async with engine_in(state) as second:
        await second.devboxes.execute(run.devbox_id, ExecuteParams(command="true"))
        events = await second.trace.events(run.id, after=before[-1].sequence)
        lost = next(event for event in events if event.data.get("command") == "sleep 60")
        assert (lost.data["status"], lost.data["exit_status"]) == ("completed", 128 + signal.SIGKILL)
        assert [event.data["how"] for event in events if event.kind == EventKind.DEVBOX] == ["again"]


class _FullDisk(ProbedDriver):
    """A driver with which the first snapshot fails."""

    failures = 1

    async def snapshot(self, devbox_id: str, snapshot_id: str) -> None:
        """Fails once."""
        if self.failures:
            self.failures -= 1
            raise Unavailable("The disk is full.")
        await super().snapshot(devbox_id, snapshot_id)


async def test_a_key_that_began_scoring_which_broke_begins_no_other(state: Path) -> None:
    """A request that comes late must not score what is being worked on again; a new one may."""
    async with EmbeddedEngine(state, _FullDisk(state / "sandbox")) as engine:
        run = await started(engine)
        for _ in range(2):
            broken = await engine.runs.score(run.id, idempotency_key="first")
            assert broken.state == RunState.RUNNING
        notes = [event.data["reason"] for event in await engine.trace.events(run.id) if "reason" in event.data]
        assert len(notes) == 1
        assert "disk is full" in str(notes[0])
        assert (await engine.runs.score(run.id, idempotency_key="second")).score == 1.0


async def test_records_of_the_first_schema_keep_their_order(tmp_path: Path) -> None:
    """Executions that were put in place by when they ended have those places now."""
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        migrate(old, (STATEMENTS,))
        for run in ("a", "b"):
            old.execute(
                "INSERT INTO runs (id, scenario_id, devbox_id, principal, state)"
                " VALUES (?, 's', ?, 'local', 'running')",
                (f"scr_{run}", f"dbx_{run}"),
            )
            old.execute(
                "INSERT INTO devboxes (id, run_id, status) VALUES (?, ?, 'running')", (f"dbx_{run}", f"scr_{run}")
            )
            old.executemany(
                "INSERT INTO events (run_id, sequence, time_ms, kind, data) VALUES (?, ?, ?, 'note', ?)",
                [(f"scr_{run}", number, 100 * number, json.dumps({"text": str(number)})) for number in (1, 2, 3)],
            )
            data = json.dumps({"details": {"command": "between"}})
            old.execute(
                "INSERT INTO executions (id, devbox_id, status, exit_status, start_time_ms, end_time_ms, data)"
                " VALUES (?, ?, 'completed', 0, 110, 150, ?)",
                (f"exe_{run}", f"dbx_{run}", data),
            )
    async with Database(path) as database:
        for run in ("scr_a", "scr_b"):
            events = await database.read(lambda connection, run=run: after(connection, run, 0, 100))
            told = [(event.sequence, event.data.get("text") or event.data["command"]) for event in events]
            assert told == [(1, "1"), (2, "between"), (3, "2"), (4, "3")]
