"""Inspector's command line calls, reads and fills in all that there is, and has nothing to say against any schema."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from inspector import TOOL_ERROR, Inspector, found
from served_http import Server

Connect = Callable[[str, str], Inspector]


@pytest.fixture
def connect(server: Server, stdio_command: list[str], tmp_path: Path) -> Connect:
    """Gives an Inspector for a transport (`stdio`, `mcp` or `sse`) and an era."""

    def connected(transport: str, era: str) -> Inspector:
        if transport == "stdio":
            return Inspector(tmp_path, ["--", *stdio_command], era)
        key = f"Authorization: Bearer {server.key}"
        return Inspector(tmp_path, ["--server-url", f"{server.url}/{transport}", "--header", key], era)

    return connected


def test_inspector_finds_every_tool_portable(connect: Connect) -> None:
    """It lists the tools over HTTP without the handshake, strictly, and calls one."""
    inspector = connect("mcp", "modern")
    assert "start_run" in {tool["name"] for tool in inspector.listed("tools")}
    assert "right-answer" in inspector.call("list_scenarios", query="right-answer")


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("transport", ["stdio", "mcp", "sse"])
def test_inspector_uses_everything(connect: Connect, transport: str, era: str) -> None:
    """Every tool, resource and prompt works for it, over each transport and in both eras."""
    inspector = connect(transport, era)
    tools = {tool["name"] for tool in inspector.listed("tools")}
    values = _call_every_tool(inspector, tools)
    for resource in inspector.listed("resources"):
        if "scn_" not in resource["uri"] or values["scenario_id"] in resource["uri"]:
            assert inspector.read(resource["uri"]), resource
    for template in inspector.listed("resources/templates"):
        assert inspector.read(re.sub(r"\{(\w+)\}", lambda name: values[name[1]], template["uriTemplate"])), template
    for prompt in inspector.listed("prompts"):
        wanted = [argument["name"] for argument in prompt.get("arguments", []) if argument.get("required")]
        assert inspector.prompt(prompt["name"], **{name: values[name] for name in wanted}), prompt


def _call_every_tool(inspector: Inspector, tools: set[str]) -> dict[str, str]:
    """Calls each tool once at least; gives what templates and prompts can be filled in with."""
    called = set()

    def call(tool: str, **arguments: object) -> str:
        called.add(tool)
        return inspector.call(tool, **arguments)

    scenario_id = found(r"scn_\w+", call("list_scenarios", query="right-answer"))
    assert "42" in call("get_scenario", scenario_id=scenario_id)
    given_up = found(r"scr_\w+", call("start_run", scenario_id=scenario_id))
    call("cancel_run", run_id=given_up)
    run_id = found(r"scr_\w+", call("start_run", scenario_id=scenario_id))
    assert "running" in call("get_run", run_id=run_id)
    assert run_id in call("list_runs")
    execution_id = found(r"exe_\w+", call("exec_on_devbox", run_id=run_id, command="echo ünder way; exit 3"))
    assert "ünder way" in call("get_execution", run_id=run_id, execution_id=execution_id)
    call("write_file", run_id=run_id, path="answer.txt", content="41\n")
    call("edit_file", run_id=run_id, path="answer.txt", old_string="41", new_string="42")
    assert "42" in call("read_file", run_id=run_id, path="answer.txt")
    assert "no file" in inspector.call("read_file", run_id=run_id, path="nowhere", exits=TOOL_ERROR)
    assert "1.0" in call("score_run", run_id=run_id)
    assert "1.0" in call("get_score", run_id=run_id)
    assert "ompleted" in call("complete_run", run_id=run_id)
    assert called == tools
    return {
        "scenario_id": scenario_id,
        "run_id": run_id,
        "execution_id": execution_id,
        "stream": "stdout",
        "after": "0",
    }
