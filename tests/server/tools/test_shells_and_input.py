"""Named shells, and commands that one talks with, as an agent has them."""

from pathlib import Path

import anyio
from mcp_agent import Agent, Serve, scenario_folder

PATIENCE_SECONDS = 30


async def until_says(agent: Agent, text: str, **execution: str) -> None:
    """Waits until a running command has printed something."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while text not in (await agent.call("get_execution", **execution, wait_seconds=0)).text:
            await anyio.lowlevel.checkpoint()


async def test_a_shell_keeps_its_state_and_says_when_it_lost_it(tmp_path: Path, serve: Serve) -> None:
    """It begins in the working directory; after a time limit it is begun afresh, and both replies say so.

    A command that comes while another runs in it is queued, says so, and runs when its turn comes.
    """
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        box = {"run_id": await agent.run_of("box"), "shell_name": "build"}
        begun = await agent.call("exec_on_devbox", **box, command="pwd; mkdir -p src; cd src; export LEVEL=3")
        begun.found(r"^/home/user/work$")
        begun.found(r"^Exit status 0 after .*shell 'build'\)$")
        kept = await agent.call("exec_on_devbox", **box, command="echo $LEVEL $(basename $PWD); cat missing")
        kept.found(r"^3 src$")
        kept.found(r"^Exit status 1")
        late = await agent.call("exec_on_devbox", **box, command="sleep 100", timeout_seconds=0.3)
        assert late.text.startswith("Timed out")
        late.found(r"^Note: The shell 'build' ended with this command: .* are gone\.")
        fresh = await agent.call("exec_on_devbox", **box, command="echo ${LEVEL-none}; pwd")
        fresh.found(r"^Note: The shell 'build' had ended and was begun afresh")
        assert "\nnone\n/home/user/work\n" in fresh.text
        plain = await agent.call("exec_on_devbox", run_id=box["run_id"], command="echo ${LEVEL-none}")
        plain.found(r"^none$")
        assert "name" in await agent.refused("exec_on_devbox", run_id=box["run_id"], command="true", shell_name="\n")
        first = await agent.call("exec_on_devbox", **box, command="read x; echo $x", attach_stdin=True, background=True)
        second = await agent.call("exec_on_devbox", **box, command="echo second", background=True)
        assert second.text.startswith("Still queued.")
        assert "Other commands of its shell come first" in second.text
        ids = [{"run_id": box["run_id"], "execution_id": each.found(r"exe_\w+")} for each in (first, second)]
        (await agent.call("get_execution", **ids[0], stdin="go\n", wait_seconds=20)).found(r"^go$")
        (await agent.call("get_execution", **ids[1])).found(r"^second$")


async def test_a_command_is_talked_with_and_interrupted(tmp_path: Path, serve: Serve) -> None:
    """Its reply says how; input goes in, output comes out, EOF ends the input, an interrupt is as Ctrl-C."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        talk = "echo name?; read n; echo hello $n; cat; echo bye"
        begun = await agent.call("exec_on_devbox", run_id=run_id, command=talk, attach_stdin=True)
        assert begun.text.startswith("Still running.")
        assert 'stdin="…" sends it input' in begun.text
        execution = {"run_id": run_id, "execution_id": begun.found(r"exe_\w+")}
        told = await agent.call("get_execution", **execution, stdin="ann\nmore\n")
        told.found(r"^hello ann\nmore$")
        ended = await agent.call("get_execution", **execution, signal="EOF")
        ended.found(r"^Exit status 0")
        ended.found(r"^bye$")
        assert "exit status 0" in await agent.refused("get_execution", **execution, stdin="x")
        for shell in ({}, {"shell_name": "s"}):
            command = "echo up; sleep 100; echo on"
            begun = await agent.call("exec_on_devbox", run_id=run_id, command=command, background=True, **shell)
            execution = {"run_id": run_id, "execution_id": begun.found(r"exe_\w+")}
            await until_says(agent, "up", **execution)
            assert "attach_stdin" in await agent.refused("get_execution", **execution, stdin="x")
            ended = await agent.call("get_execution", **execution, signal="INTERRUPT")
            ended.found(r"^Exit status 130")
            assert "\non\n" not in ended.text
        assert "EOF" in await agent.refused("get_execution", **execution, signal="HUP")


async def test_a_suspended_devbox_is_resumed_by_a_call(tmp_path: Path, serve: Serve) -> None:
    """The run shows that it is suspended; the next command says that it was resumed."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        await agent.call("exec_on_devbox", run_id=run_id, command="echo kept > file")
        await agent.backend.devboxes.suspend((await agent.backend.runs.retrieve(run_id)).devbox_id)
        shown = await agent.call("get_run", run_id=run_id)
        shown.found(r"^Devbox dbx_\w+ is suspended")
        assert "Run " + run_id + " is running" in shown.text
        resumed = await agent.call("exec_on_devbox", run_id=run_id, command="cat file")
        resumed.found(r"^kept$")
        resumed.found(r"^Note: The devbox had been suspended and was resumed")
