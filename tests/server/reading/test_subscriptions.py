"""Being told that a run has changed, by clients of both eras, over every way to reach a server."""

import json
import warnings
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from anyio.abc import TaskStatus
from forked_python import forked_command
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_agent import ERAS, OLDER_IN_PROOF, Agent, Serve, Tools, scenario_folder
from probed_driver import ProbedDriver

from runloop_mcp.access.keyring import open_keyring
from runloop_mcp.api.access import Principal, Role
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.benchmark import BenchmarkCreateParams, BenchmarkStartRunParams
from runloop_mcp.api.models.run import StartRunParams
from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.server.app import build_server
from runloop_mcp.server.subscribing.subscriptions import FOLLOWING, SOLVERS_STREAMS
from runloop_mcp.server.transports.http import serve_http

PATIENCE_SECONDS = 20.0


class Ear:
    """A client's ear for resources that have changed, in either era."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._changed = anyio.Event()

    async def message(self, message: Any) -> None:
        """Takes what the handshake era sends."""
        if getattr(message, "method", "") == "notifications/resources/updated":
            self.hear(str(message.params.uri))

    def hear(self, uri: str) -> None:
        """Takes note of a resource."""
        self.heard.append(uri)
        self._changed.set()

    async def hears(self, *uris: str) -> None:
        """Waits until each of these has been heard of."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while not set(uris) <= set(self.heard):
                self._changed = anyio.Event()
                await self._changed.wait()


@asynccontextmanager
async def subscribed(
    client: Client, ear: Ear, uris: Collection[str], *, says_goodbye: bool = True
) -> AsyncIterator[None]:
    """Subscribes a client to resources, for as long as the block lasts; or the client, if it says no goodbye."""
    if client.protocol_version.startswith("2025"):
        # The SDK's client warns that the next era has no such call.
        with warnings.catch_warnings(action="ignore"):
            for uri in uris:
                await client.subscribe_resource(uri)
            yield
            for uri in uris if says_goodbye else ():
                await client.unsubscribe_resource(uri)
        return
    async with client.listen(resource_subscriptions=list(uris)) as stream, anyio.create_task_group() as group:

        async def listen() -> None:
            async for event in stream:
                ear.hear(str(getattr(event, "uri", "")))

        group.start_soon(listen)
        yield
        group.cancel_scope.cancel()


def of_run(run_id: str) -> tuple[str, str, str]:
    """What can be subscribed to of a run: the run, its score and its log."""
    run = f"runloop://runs/{run_id}"
    return run, f"{run}/score", f"{run}/log"


@pytest.mark.parametrize("era", ERAS)
async def test_subscribers_are_told_of_what_reads_otherwise_now(tmp_path: Path, devboxes: Path, era: str) -> None:
    """A command changes the log, a score all three; nothing is told of what is not subscribed to any more."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    ear = Ear()
    engine = EmbeddedEngine(tmp_path / "state", ProbedDriver(devboxes), packs=[pack])
    async with engine, Client(build_server(engine), mode=era, message_handler=ear.message) as client:
        tools = Tools(client)
        run, score, log = of_run(run_id := await tools.run_of("answer"))
        other_log = of_run(await tools.run_of("answer"))[2]
        capabilities = client.server_capabilities
        assert capabilities.resources is not None
        assert (capabilities.resources.subscribe, capabilities.resources.list_changed) == (True, False)
        async with subscribed(client, ear, [run, score, log]):
            await tools.call("exec_on_devbox", run_id=run_id, command="true")
            await ear.hears(log)
            assert set(ear.heard) == {log}
            await tools.call("score_run", run_id=run_id)
            await ear.hears(run, score, log)
        ear.heard.clear()
        async with subscribed(client, ear, [other_log]):
            await tools.call("complete_run", run_id=run_id)
            await tools.call("exec_on_devbox", run_id=other_log.split("/")[3], command="true")
            await ear.hears(other_log)
        assert set(ear.heard) == {other_log}


@pytest.mark.parametrize("era", OLDER_IN_PROOF)
async def test_subscribers_are_told_whoever_changed_the_run(
    tmp_path: Path, devboxes: Path, serve: Serve, era: str
) -> None:
    """What another server on the state directory does to a run is told, too."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as first:
        run_id = await first.run_of("answer")
    ear = Ear()
    engine, other = (EmbeddedEngine(tmp_path / "state", ProbedDriver(devboxes), packs=[pack]) for _ in range(2))
    async with engine, other, Client(build_server(engine), mode=era, message_handler=ear.message) as client:
        async with subscribed(client, ear, of_run(run_id)):
            await other.runs.cancel(run_id)
            await ear.hears(*of_run(run_id))
        assert "canceled" in await Tools(client).read(f"runloop://runs/{run_id}")


@pytest.mark.parametrize("era", OLDER_IN_PROOF)
async def test_subscribers_are_told_over_stdio(tmp_path: Path, devboxes: Path, era: str) -> None:
    """By a server that is a process of its own."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    options = ["serve", "--state-dir", str(devboxes), "--scenarios", str(pack)]
    program, *arguments = forked_command("-m", "runloop_mcp", *options)
    server = StdioServerParameters(command=program, args=arguments)
    ear = Ear()
    async with Client(stdio_client(server), mode=era, message_handler=ear.message) as client:
        run_id = await Tools(client).run_of("answer")
        async with subscribed(client, ear, of_run(run_id)):
            await Tools(client).call("cancel_run", run_id=run_id)
            await ear.hears(*of_run(run_id))


async def test_subscribers_are_told_of_what_has_no_record(tmp_path: Path, devboxes: Path, serve: Serve) -> None:
    """The plot of a scenario's scores, which another server on the state directory changes."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as first:
        scenario_id = await _only(first.backend)
        run_id = await first.run_of("answer")
    plot = f"runloop://scenarios/{scenario_id}/scores.svg"
    ear = Ear()
    engine, other = (EmbeddedEngine(tmp_path / "state", ProbedDriver(devboxes), packs=[pack]) for _ in range(2))
    async with engine, other, Client(build_server(engine), mode="legacy", message_handler=ear.message) as client:
        async with subscribed(client, ear, [plot]):
            await other.runs.cancel(run_id)
            await ear.hears(plot)
        await followed()
        assert "canceled" in await Tools(client).read(plot)
        with warnings.catch_warnings(action="ignore"), pytest.raises(MCPError, match="list_scenarios"):
            await client.subscribe_resource("runloop://scenarios/scn_missing/scores.svg")


@pytest.mark.parametrize("era", OLDER_IN_PROOF)
async def test_subscribers_are_told_of_the_progress_of_a_benchmark(
    tmp_path: Path, devboxes: Path, serve: Serve, era: str
) -> None:
    """A run that another server starts in it, then its end; a solver can neither read nor subscribe to that."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as first:
        scenario_id = await _only(first.backend)
        params = BenchmarkCreateParams(name="numbers", scenario_ids=[scenario_id])
        benchmark = await first.backend.benchmarks.create(params)
    uri = f"runloop://benchmarks/{benchmark.id}"
    ear = Ear()
    engine, other = (EmbeddedEngine(tmp_path / "state", ProbedDriver(devboxes), packs=[pack]) for _ in range(2))
    async with engine, other, Client(build_server(engine), mode=era, message_handler=ear.message) as client:
        tools = Tools(client)
        async with subscribed(client, ear, [uri]):
            started = await other.benchmarks.start_run(BenchmarkStartRunParams(benchmark_id=benchmark.id))
            await ear.hears(uri)
        outline = json.loads(await tools.read(uri))
        assert outline["scenarios"] == [{"scenario_id": scenario_id, "name": "answer"}]
        assert [run["benchmark_run_id"] for run in outline["newest_runs"]] == [started.id]
        progress = f"runloop://benchmark-runs/{started.id}"
        assert json.loads(await tools.read(progress))["scenarios"][0]["state"] == "not started"
        async with subscribed(client, ear, [progress]):
            wanted = StartRunParams(scenario_id=scenario_id, benchmark_run_id=started.id)
            run = await other.scenarios.start_run(wanted)
            await ear.hears(progress)
            ear.heard.clear()
            await other.runs.cancel(run.id)
            await ear.hears(progress)
        (line,) = json.loads(await tools.read(progress))["scenarios"]
        assert (line["run_id"], line["state"]) == (run.id, "canceled")
        await followed()
        solver = build_server(engine, principal=Principal("solver", Role.SOLVER))
        async with Client(solver) as stranger, stranger.listen(resource_subscriptions=[uri, progress]) as stream:
            assert not stream.honored.resource_subscriptions
            with pytest.raises(MCPError, match="No resource"):
                await stranger.read_resource(progress)


async def followed(*run_ids: str) -> None:
    """Waits until these runs are followed, and no others."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while _followed_now() != set(run_ids):  # noqa: ASYNC110  nobody tells of the end of a task
            await anyio.sleep(0.01)


def _followed_now() -> set[str]:
    names = [task.name or "" for task in anyio.get_running_tasks()]
    return {name.removeprefix(FOLLOWING) for name in names if name.startswith(FOLLOWING)}


@pytest.mark.parametrize("era", ERAS)
async def test_subscribers_over_http_are_told_until_they_go(tmp_path: Path, devboxes: Path, era: str) -> None:
    """Two clients, of whom one goes without ending its subscriptions: when both have gone, nobody follows the run."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with (
        EmbeddedEngine(tmp_path / "state", ProbedDriver(devboxes), packs=[pack]) as engine,
        anyio.create_task_group() as group,
    ):

        async def serve(*, task_status: TaskStatus[str]) -> None:
            await serve_http(build_server(engine), port=0, ready=task_status.started)

        url = f"{await group.start(serve)}/mcp"
        run_id = (await engine.scenarios.start_run(StartRunParams(scenario_id=await _only(engine)))).id
        leaves = anyio.Event()

        async def visit(ear: Ear, *, task_status: TaskStatus[None]) -> None:
            async with (
                Client(url, mode=era, message_handler=ear.message) as client,
                subscribed(client, ear, of_run(run_id), says_goodbye=False),
            ):
                task_status.started()
                await leaves.wait()

        visitor, stayer = Ear(), Ear()
        async with Client(url, mode=era, message_handler=stayer.message) as client, anyio.create_task_group() as visits:
            await visits.start(visit, visitor)
            async with subscribed(client, stayer, of_run(run_id)):
                await followed(run_id)
                await Tools(client).call("exec_on_devbox", run_id=run_id, command="true")
                for ear in (visitor, stayer):
                    await ear.hears(of_run(run_id)[2])
            await followed(run_id)
            leaves.set()
        await followed()
        group.cancel_scope.cancel()


async def test_a_solver_leaves_room_for_the_streams_of_others(tmp_path: Path, serve: Serve) -> None:
    """It has so many at once, and one that it closes makes room again."""
    async with serve(scenario_folder(tmp_path / "pack", "answer"), principal=Principal("sol", Role.SOLVER)) as agent:
        log = of_run(await agent.run_of("answer"))[2]
        async with AsyncExitStack() as streams:
            for _ in range(SOLVERS_STREAMS - 1):
                await streams.enter_async_context(agent.client.listen(resource_subscriptions=[log]))
            async with agent.client.listen(resource_subscriptions=[log]):
                with pytest.raises(MCPError, match=f"{SOLVERS_STREAMS} streams"):
                    await streams.enter_async_context(agent.client.listen(resource_subscriptions=[log]))
            with anyio.fail_after(PATIENCE_SECONDS):
                while not await _listens(agent.client, log):  # the server learns of the end a moment later
                    await anyio.lowlevel.checkpoint()


async def _listens(client: Client, uri: str) -> bool:
    try:
        async with client.listen(resource_subscriptions=[uri]):
            return True
    except MCPError:
        return False


@pytest.mark.parametrize("era", OLDER_IN_PROOF)
async def test_what_others_do_is_told_to_no_subscriber(tmp_path: Path, devboxes: Path, era: str) -> None:
    """Of one plot of scores each key is told what it sees change: the runs of others don't exist for it."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    keyring = await open_keyring(tmp_path)
    ann, sol = (await keyring.create("ann")).key, (await keyring.create("sol", Role.SOLVER)).key

    @asynccontextmanager
    async def agent(url: str, key: str, ear: Ear) -> AsyncIterator[Tools]:
        headers = {"authorization": f"Bearer {key}"}
        async with (
            httpx.AsyncClient(headers=headers, trust_env=False, timeout=PATIENCE_SECONDS) as http,
            Client(streamable_http_client(url, http_client=http), mode=era, message_handler=ear.message) as client,
        ):
            yield Tools(client)

    async with (
        EmbeddedEngine(tmp_path / "state", ProbedDriver(devboxes), packs=[pack]) as engine,
        anyio.create_task_group() as group,
    ):

        async def serve(*, task_status: TaskStatus[str]) -> None:
            await serve_http(build_server(engine), port=0, ready=task_status.started, access=keyring)

        url = f"{await group.start(serve)}/mcp"
        plot = f"runloop://scenarios/{await _only(engine)}/scores.svg"
        hers, his = Ear(), Ear()
        async with agent(url, ann, hers) as operator, agent(url, sol, his) as solver:
            run_id, own = await operator.run_of("answer"), await solver.run_of("answer")
            async with (
                subscribed(operator.client, hers, [plot]),
                subscribed(solver.client, his, [plot, log := of_run(own)[2]]),
            ):
                await operator.call("cancel_run", run_id=run_id)
                await hers.hears(plot)
                await solver.call("exec_on_devbox", run_id=own, command="true")
                await his.hears(log)
                assert set(his.heard) == {log}
                await solver.call("cancel_run", run_id=own)
                await his.hears(plot)
        group.cancel_scope.cancel()


async def _only(engine: Backend) -> str:
    (scenario,) = (await engine.scenarios.list(ScenarioListParams())).items
    return scenario.id


async def test_what_can_not_be_subscribed_to_is_refused(tmp_path: Path, serve: Serve) -> None:
    """Other resources, runs that are not there and runs of others: by an error that names what can be, or left out."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as operator:
        run_id = await operator.run_of("answer")
    solver = Principal("other", Role.SOLVER)
    wrong = ("runloop://scenarios", "runloop://runs/scr_missing", f"runloop://runs/{run_id}", "test://nobody-has-it")
    async with serve(pack, era="legacy", principal=solver) as agent:
        said = [await _refused(agent, uri) for uri in wrong]
        assert "runloop://runs/{run_id}/log" in said[0]
        assert "no such run" in said[1]
        assert "no such run" in said[2]
        assert "runloop://runs/{run_id}/log" in said[3]
    async with serve(pack, principal=solver) as agent, agent.client.listen(resource_subscriptions=wrong) as stream:
        assert not stream.honored.resource_subscriptions


async def _refused(agent: Agent, uri: str) -> str:
    with warnings.catch_warnings(action="ignore"), pytest.raises(MCPError) as caught:
        await agent.client.subscribe_resource(uri)
    return str(caught.value)
