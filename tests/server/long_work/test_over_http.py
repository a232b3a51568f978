"""Long work over each transport of HTTP: calls that are canceled, questions, progress, tasks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest
from human import Human
from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.shared.exceptions import MCPError
from mcp_agent import Serve, Tools, scenario_folder, scorer
from mcp_types import HEADER_MISMATCH
from probed_driver import ProbedDriver
from task_client import NamelessRequest, TakesTasks, Tasker

from runloop_mcp.api.models.run import RunState
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.server.app import build_server
from runloop_mcp.server.transports.http import serve_http
from runloop_mcp.server.transports.signals import Stop

PATIENCE_SECONDS = 20


@asynccontextmanager
async def served(tmp_path: Path, devboxes: Path) -> AsyncIterator[str]:
    """The address of a server with one scenario, `box`."""
    address: list[str] = []
    up, stop = anyio.Event(), Stop()

    def ready(url: str) -> None:
        address.append(url)
        up.set()

    pack = scenario_folder(tmp_path / "pack", "box")
    engine = EmbeddedEngine(tmp_path / "state", ProbedDriver(devboxes), packs=[pack])
    async with engine, anyio.create_task_group() as tasks:
        tasks.start_soon(partial(serve_http, build_server(engine, defer_seconds=0.1), port=0, ready=ready, stop=stop))
        with anyio.fail_after(PATIENCE_SECONDS):
            await up.wait()
        yield address[0]
        stop.ask("the test is over")


async def test_every_transport_cancels_and_asks(tmp_path: Path, devboxes: Path) -> None:
    """A canceled call ends its command: by notice in the handshake era, by the end of the request's stream in 2026.

    And the person at the client is asked, and heard.
    """
    async with served(tmp_path, devboxes) as url:
        clients = {
            "streamable HTTP, 2026": partial(Client, f"{url}/mcp"),
            "streamable HTTP, handshake": partial(Client, f"{url}/mcp", mode="legacy"),
            "SSE": lambda **more: Client(sse_client(f"{url}/sse"), mode="legacy", **more),
        }
        for client_of in clients.values():
            human = Human()
            async with client_of(elicitation_callback=human) as client:
                tools = Tools(client)
                run_id = await tools.run_of("box")
                with anyio.fail_after(PATIENCE_SECONDS):
                    await tools.cancel_command(run_id)
                    await tools.asks_before_it_gives_up(run_id, human)


async def test_a_task_is_asked_for_over_http(tmp_path: Path, devboxes: Path) -> None:
    """By its id, which has to be in a header of the request too, as it is routed by."""
    async with served(tmp_path, devboxes) as url:
        async with Client(f"{url}/mcp") as plain:
            run_id = await Tools(plain).run_of("box")
        async with Client(f"{url}/mcp", extensions=[TakesTasks()]) as client:
            agent = Tasker(client)
            command = "until test -e go; do sleep 0.02; done; echo done"
            created = await agent.begin("exec_on_devbox", run_id=run_id, command=command)
            await agent.call("write_file", run_id=run_id, path="go", content="")
            done = await agent.until(created["taskId"], "completed")
            assert "\ndone\n" in done["result"]["content"][0]["text"]
            with pytest.raises(MCPError) as refused:
                await agent.ask("tasks/get", created["taskId"], request=NamelessRequest)
            assert refused.value.error.code == HEADER_MISMATCH


async def test_a_canceled_score_goes_on(tmp_path: Path, serve: Serve) -> None:
    """A run is scored once and to the end; the score is there for whoever asks later."""
    slow = scorer("slow", 1.0, "sleep 0.5; test -e answer.txt")
    async with serve(scenario_folder(tmp_path / "pack", "box", functions=[slow])) as agent:
        run_id = await agent.run_of("box")
        await agent.call("write_file", run_id=run_id, path="answer.txt", content="42")
        with anyio.fail_after(PATIENCE_SECONDS):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: agent.try_tool("score_run", run_id=run_id))
                await agent.backend.runs.wait(run_id, leaving=[RunState.RUNNING], wait_seconds=PATIENCE_SECONDS)
                tasks.cancel_scope.cancel()
            assert (await agent.call("get_score", run_id=run_id)).structured["score"] == pytest.approx(1.0)


async def test_a_canceled_start_goes_on(tmp_path: Path, serve: Serve) -> None:
    """The run has begun and counts as an attempt; it is found again, and worked on."""
    async with serve(scenario_folder(tmp_path / "pack", "box", launch_commands=["sleep 0.4"])) as agent:
        with anyio.fail_after(PATIENCE_SECONDS):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: agent.try_tool("start_run", scenario_id="box"))
                while not (found := (await agent.call("list_runs")).structured["runs"]):  # noqa: ASYNC110 - the event is the server's
                    await anyio.sleep(0.02)
                tasks.cancel_scope.cancel()
            ran = await agent.call("exec_on_devbox", run_id=found[0]["run_id"], command="echo here")
            assert "\nhere\n" in ran.text


@pytest.mark.proof
async def test_every_transport_hears_of_long_work_within_five_seconds(tmp_path: Path, devboxes: Path) -> None:
    """Over streamable HTTP in both eras and over SSE; who sends no progress token hears nothing and is answered too."""
    async with served(tmp_path, devboxes) as url:

        async def hear_on(client: Client) -> None:
            heard = anyio.Event()

            async def hear(progress: float, total: float | None, message: str | None) -> None:
                del progress, total, message
                heard.set()

            async with client:
                run_id = await Tools(client).run_of("box")
                arguments = {"run_id": run_id, "command": "sleep 5.2; echo over"}
                async with anyio.create_task_group() as calls:
                    calls.start_soon(partial(client.call_tool, "exec_on_devbox", arguments, progress_callback=hear))
                    silent = await Tools(client).call("exec_on_devbox", **arguments)
                assert "\nover\n" in silent.text
                assert heard.is_set()

        async with anyio.create_task_group() as tasks:
            for client in (
                Client(f"{url}/mcp"),
                Client(f"{url}/mcp", mode="legacy"),
                Client(sse_client(f"{url}/sse"), mode="legacy"),
            ):
                tasks.start_soon(hear_on, client)
