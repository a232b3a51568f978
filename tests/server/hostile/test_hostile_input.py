"""Whatever is sent to a server, over stdio or HTTP and in either era: it answers, clearly, and goes on."""

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import forked_python
import httpx
import pytest
import yaml
from forked_python import ForkedProcess
from hostile_links import HttpLink, Link, StdioLink, stdio_process
from hostile_messages import Message, Offer, messages
from hypothesis import HealthCheck, Phase, given, settings

_PLANTED = {"RUNLOOP_API_KEY": "rl-planted-4711-key", "RUNLOOP_MCP_PLANTED": ""}
_SECRET = "planted-4711-secret"  # noqa: S105 - what must be seen nowhere
_SHOWN_BY_ERRORS = re.compile(
    r"Traceback|File \"/|Error executing tool|pydantic|object at 0x|site-packages|NoneType|by a defect"
)
_WAYS = (
    "stdio-handshake",
    pytest.param("stdio-modern", marks=pytest.mark.proof),
    pytest.param("http-handshake", marks=pytest.mark.proof),
    "http-modern",
)
_SMALL, _LARGE = 40, 2_500


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One scenario, with a reference that nobody is to see."""
    folder = tmp_path_factory.mktemp("pack")
    function = {"name": "right", "weight": 1, "scorer": {"type": "command_scorer", "command": "grep -qx 42 answer.txt"}}
    scenario = {
        "format": 1,
        "name": "answer",
        "input_context": {"problem_statement": "Write 42 into answer.txt."},
        "scoring_contract": {"scoring_function_parameters": [function]},
    }
    (folder / "answer").mkdir()
    (folder / "answer" / "scenario.yaml").write_text(yaml.safe_dump(scenario))
    return folder


Started = tuple[Link, Callable[[], int | None]]


@pytest.fixture(scope="module")
def servers(devboxes: Path, pack: Path, built_tools: Path) -> Iterator[Callable[[str], Started]]:
    """Connections by way, each made when it is first asked for; none of the servers has ended when all is done."""
    state = devboxes / "hostile"
    shutil.copytree(built_tools, state / "sandbox" / "tools", symlinks=True, copy_function=os.link)
    common = ["--state-dir", str(state), "--scenarios", str(pack), "--max-devboxes", "8"]
    command = ["-m", "runloop_mcp"]
    secrets = [*command, "secrets", "set", "PLANTED", "--state-dir", str(state)]
    forked_python.run(secrets, env=os.environ, given=_SECRET, timeout=60).check_returncode()
    serve = [*command, "serve", *common, "--toolsets", "all"]
    started: dict[str, Started] = {}
    with ExitStack() as stack:

        def connected(way: str) -> Started:
            if way not in started:
                transport, era = way.split("-")
                open_link = _over_stdio if transport == "stdio" else _over_http
                started[way] = stack.enter_context(open_link(serve, state, modern=era == "modern"))
            return started[way]

        yield connected


@contextmanager
def _over_stdio(serve: list[str], state: Path, *, modern: bool) -> Iterator[Started]:
    with (state / f"stdio-{modern}.log").open("wb") as log, stdio_process(serve, log, **_PLANTED) as process:
        try:
            yield StdioLink(process, modern=modern), process.poll
        finally:
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(60) == 0
    _check_log(Path(log.name))


@contextmanager
def _over_http(serve: list[str], state: Path, *, modern: bool) -> Iterator[Started]:
    path = state / f"http-{modern}.log"
    command = [*serve, "--transport", "http", "--port", "0", "--no-auth"]
    with path.open("wb") as log, stdio_process(command, log, **_PLANTED) as process:
        try:
            with httpx.Client(base_url=_address(path, process), trust_env=False, timeout=60) as client:
                yield HttpLink(client, modern=modern), process.poll
        finally:
            process.terminate()
            assert process.wait(60) == 0
    _check_log(path)


def _address(log: Path, process: ForkedProcess) -> str:
    due = time.monotonic() + 60
    while not (found := re.search(r"(http://\S+)/sse\n[\s\S]*Ctrl-C", said := log.read_text())):
        assert process.poll() is None, said
        assert time.monotonic() < due, said
        time.sleep(0.02)
    return found.group(1)


def _check_log(path: Path) -> None:
    said = path.read_text()
    assert "Traceback" not in said, said[-3000:]
    assert _SECRET not in said
    assert _PLANTED["RUNLOOP_API_KEY"] not in said


def _offer(link: Link) -> Offer:
    """What the server says it offers, and a run that it has started on a devbox."""

    def asked(method: str, **params: Any) -> Any:
        return link.ask(Message(method, params))["result"]

    offer = Offer(
        tools=asked("tools/list")["tools"],
        templates=[each["uriTemplate"] for each in asked("resources/templates/list")["resourceTemplates"]],
        prompts=asked("prompts/list")["prompts"],
    )
    listed = asked("tools/call", name="list_scenarios", arguments={"limit": 1, "query": "answer"})
    scenario = re.search(r"scn_\w{21}", json.dumps(listed))
    assert scenario
    started = asked("tools/call", name="start_run", arguments={"scenario_id": scenario[0]})
    run = re.search(r"scr_\w{21}", json.dumps(started))
    assert run, started
    offer.ids |= {"scenario_id": scenario[0], "run_id": run[0]}
    return offer


def _judge(message: Message, answer: dict[str, Any]) -> None:
    """An answer is a result, or an error in words that help; never what only we should see."""
    text = json.dumps(answer, ensure_ascii=False)
    assert _SECRET not in text
    assert _PLANTED["RUNLOOP_API_KEY"] not in text
    assert answer.get("jsonrpc") == "2.0", answer
    error = answer.get("error")
    result = answer.get("result", {})
    if error is not None:
        assert isinstance(error["code"], int), answer
        told = error["message"]
        assert error["code"] != -32603, f"an internal error is no answer: {answer}"
    elif result.get("isError"):
        told = "".join(block.get("text", "") for block in result["content"])
    else:
        assert message.method is not None, f"a text that is no request was answered as one: {answer}"
        return
    assert len(told) >= 10, answer
    assert len(told) < 20_000, answer
    assert not _SHOWN_BY_ERRORS.search(told), told


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of a message that failed, when it is shown
@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.timeout(3000)
def test_everything_is_answered_clearly(servers: Callable[[str], Started], way: str, full_size: bool) -> None:
    """Each message gets a result or a clear error without a secret; the server lives, and answers a good call after."""
    link, ended = servers(way)
    offer = _offer(link)

    @settings(
        max_examples=_LARGE if full_size else _SMALL,
        derandomize=not full_size,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if full_size else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(messages(offer))
    def each(message: Message) -> None:
        _judge(message, link.ask(message))
        assert ended() is None

    each()
    listed = link.ask(Message("tools/call", {"name": "list_runs", "arguments": {}}))
    assert offer.ids["run_id"] in json.dumps(listed)
