"""Inspector's command line calls, reads and fills in all that there is, and has nothing to say against any schema."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from every_tool import use_all
from inspector import TOOL_ERROR, Inspector
from served_command import Server

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
    """It lists every tool of every toolset, strictly, and has nothing to say."""
    assert {"start_run", "list_scenarios"} <= {tool["name"] for tool in connect("stdio", "modern").listed("tools")}


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("transport", ["stdio", "mcp", "sse"])
def test_inspector_uses_everything(connect: Connect, transport: str, era: str) -> None:
    """Every tool, resource and prompt works for it, over each transport and in both eras."""
    inspector = connect(transport, era)
    tools = {tool["name"] for tool in inspector.listed("tools")}
    called, met = use_all(inspector.call)
    assert called == tools
    inspector.call("get_run", run_id="scr_nowhere", exits=TOOL_ERROR)
    values = {**met, "stream": "stdout", "after": "0", "idea": "Count words."}
    for resource in inspector.listed("resources"):
        if "scn_" not in resource["uri"] or values["scenario_id"] in resource["uri"]:
            assert inspector.read(resource["uri"]), resource
    for template in inspector.listed("resources/templates"):
        assert inspector.read(re.sub(r"\{(\w+)\}", lambda name: values[name[1]], template["uriTemplate"])), template
    for prompt in inspector.listed("prompts"):
        wanted = [argument["name"] for argument in prompt.get("arguments", []) if argument.get("required")]
        assert inspector.prompt(prompt["name"], **{name: values[name] for name in wanted}), prompt
