"""Where a person should decide, they are asked, by clients that can; nothing is done then without their consent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from human import Action, Human
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_agent import ERAS, Agent, scenario_folder
from mcp_types import INTERNAL_ERROR, ErrorData
from probed_driver import ProbedDriver

from runloop_mcp.api.models.run import RunState
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.server.app import build_server
from runloop_mcp.server.observation.traced_backend import TracedBackend
from runloop_mcp.server.surface import CORE, Surface, surface

PATIENCE_SECONDS = 20


class PaidDriver(ProbedDriver):
    """Local devboxes that are said to cost money."""

    paid = True


@asynccontextmanager
async def asking(
    tmp_path: Path,
    devboxes: Path,
    era: str,
    human: Human | None,
    *,
    driver: type[ProbedDriver] = ProbedDriver,
    answer_seconds: float = PATIENCE_SECONDS,
    surface: Surface = CORE,
) -> AsyncIterator[Agent]:
    """An agent whose client asks this person, or can't ask."""
    pack = scenario_folder(tmp_path / "pack", "box")
    engine = EmbeddedEngine(tmp_path / "state", driver(devboxes), packs=[pack])
    # As where spans are collected: on that way, too, it is known what costs money.
    server = build_server(TracedBackend(engine), answer_seconds=answer_seconds, surface=surface)
    async with engine, Client(server, mode=era, elicitation_callback=human) as client:
        yield Agent(client, engine)


@pytest.mark.parametrize("era", ERAS)
async def test_unscored_work_is_given_up_only_as_the_person_agrees(tmp_path: Path, devboxes: Path, era: str) -> None:
    """Who says no, unticks the box or closes the question keeps the run; where nothing was done, nobody is asked."""
    human = Human()
    async with asking(tmp_path, devboxes, era, human) as agent:
        idle = await agent.run_of("box")
        assert "canceled" in (await agent.call("cancel_run", run_id=idle)).text
        assert not human.asked

        run_id = await agent.run_of("box", run_name="mine")
        await agent.call("write_file", run_id=run_id, path="answer.txt", content="42")
        answers: list[tuple[Action, dict[str, Any], str]] = [
            ("decline", {}, "said no"),
            ("accept", {"agreed": False}, "said no"),
            ("accept", {"agreed": "false"}, "said no"),
            ("cancel", {}, "did not answer"),
        ]
        for action, content, reason in answers:
            human.will(action, **content)
            refused = await agent.refused("cancel_run", run_id=run_id)
            assert reason in refused
            assert "ask=false" in refused
        assert len(human.asked) == len(answers)
        assert run_id in human.asked[0]
        assert "mine" in human.asked[0]
        assert "running" in (await agent.call("get_run", run_id=run_id)).text
        human.will("accept", agreed=True)
        assert "canceled" in (await agent.call("cancel_run", run_id=run_id)).text
        assert '"consent":"given"' in await agent.read(f"runloop://runs/{run_id}/log")


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_can_not_ask_is_not_held_up(tmp_path: Path, devboxes: Path, era: str) -> None:
    """Without the capability, what was called for is done; so it is where the caller says not to ask."""
    async with asking(tmp_path, devboxes, era, None) as agent:
        run_id = await agent.run_of("box")
        await agent.call("exec_on_devbox", run_id=run_id, command="true")
        assert "canceled" in (await agent.call("cancel_run", run_id=run_id)).text
    human = Human()
    server = build_server(agent.backend)
    async with agent.backend, Client(server, mode=era, elicitation_callback=human) as client:
        agent = Agent(client, agent.backend)
        run_id = await agent.run_of("box")
        await agent.call("exec_on_devbox", run_id=run_id, command="true")
        assert "canceled" in (await agent.call("cancel_run", run_id=run_id, ask=False)).text
        assert not human.asked


async def test_a_question_that_nobody_answers_ends_in_time(tmp_path: Path, devboxes: Path) -> None:
    """In the handshake era, where the call waits for the answer: nothing was done, and the caller may go on."""
    human = Human()
    async with asking(tmp_path, devboxes, "legacy", human, answer_seconds=0.1) as agent:
        run_id = await agent.run_of("box")
        await agent.call("write_file", run_id=run_id, path="a", content="")
        with anyio.fail_after(PATIENCE_SECONDS):
            assert "did not answer" in await agent.refused("cancel_run", run_id=run_id)
        assert "running" in (await agent.call("get_run", run_id=run_id)).text


async def test_a_client_that_says_it_can_ask_and_can_not_holds_nothing_up(tmp_path: Path, devboxes: Path) -> None:
    """It answers the question with an error: what was called for is done."""
    human = Human()
    human.answer = ErrorData(code=INTERNAL_ERROR, message="no window")
    async with asking(tmp_path, devboxes, "legacy", human) as agent:
        run_id = await agent.run_of("box")
        await agent.call("write_file", run_id=run_id, path="a", content="")
        assert "canceled" in (await agent.call("cancel_run", run_id=run_id)).text
        assert human.asked


@pytest.mark.parametrize("era", ERAS)
async def test_devboxes_that_cost_money_are_started_with_consent(tmp_path: Path, devboxes: Path, era: str) -> None:
    """Nothing starts without it; once given, it holds for further runs."""
    human = Human()
    async with asking(tmp_path, devboxes, era, human, driver=PaidDriver) as agent:
        human.will("decline")
        assert "costs money" in await agent.refused("start_run", scenario_id="box")
        assert not (await agent.call("list_runs")).structured["runs"]
        human.will("accept")
        await agent.run_of("box")
        assert "10 min" in human.asked[0]
        await agent.run_of("box")
        assert len(human.asked) == 2


async def test_a_person_is_asked_whichever_tool_loses_work_or_costs_money(tmp_path: Path, devboxes: Path) -> None:
    """A devbox that is shut down and a benchmark run that is canceled lose work as a canceled run does."""
    human = Human()
    human.will("decline")
    everything = surface(["all"])
    async with asking(tmp_path, devboxes, "auto", human, driver=PaidDriver, surface=everything) as agent:
        assert "costs money" in await agent.refused("create_devbox")
        await agent.call("create_scorer", type="half", bash_script="echo 0.5")
        assert "costs money" in await agent.refused("validate_scorer", scorer_id="half")
        await agent.call("create_benchmark", name="all", scenario_ids=["box"])
        whole = (await agent.call("start_benchmark_run", benchmark_id="all")).found(r"bmr_\w+")
        run_id = await agent.run_of("box", benchmark_run_id=whole, ask=False)
        await agent.call("write_file", run_id=run_id, path="a", content="")
        shown = await agent.call("get_run", run_id=run_id)
        assert "said no" in await agent.refused("shutdown_devbox", devbox_id=shown.found(r"dbx_\w+"))
        assert "said no" in await agent.refused("cancel_benchmark_run", benchmark_run_id=whole)
        assert "running" in (await agent.call("get_run", run_id=run_id)).text
        given_up = await agent.call("cancel_benchmark_run", benchmark_run_id=whole, ask=False)
        assert "1 ended without a score" in given_up.text
        devbox_id = (await agent.call("create_devbox", ask=False)).found(r"dbx_\w+")
        kept = (await agent.call("snapshot_devbox", devbox_id=devbox_id, name="mine")).found(r"snp_\w+")
        assert "Not deleted: the user was asked and said no" in await agent.refused("delete_snapshot", snapshot_id=kept)
        assert "mine" in human.asked[-1]
        assert "is deleted" in (await agent.call("delete_snapshot", snapshot_id=kept, ask=False)).text
        assert "is deleted" in (await agent.call("delete_snapshot", snapshot_id=kept)).text


async def test_a_client_that_leaves_an_open_question_has_agreed_to_nothing(tmp_path: Path, devboxes: Path) -> None:
    """What it was asked about is not done."""
    human = Human()
    pack = scenario_folder(tmp_path / "pack", "box")
    async with EmbeddedEngine(tmp_path / "state", ProbedDriver(devboxes), packs=[pack]) as engine:
        server = build_server(engine)
        async with (
            anyio.create_task_group() as tasks,
            Client(server, mode="legacy", elicitation_callback=human) as client,
        ):
            agent = Agent(client, engine)
            run_id = await agent.run_of("box")
            await agent.call("write_file", run_id=run_id, path="a", content="")

            async def give_up() -> None:
                with suppress(MCPError):
                    await agent.call("cancel_run", run_id=run_id)

            tasks.start_soon(give_up)
            with anyio.fail_after(PATIENCE_SECONDS):
                await human.was_asked.wait()
        assert (await engine.runs.retrieve(run_id)).state == RunState.RUNNING
