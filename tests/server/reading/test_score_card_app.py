"""The score card: what it tells of time and attempts, and the page that hosts of MCP Apps show of it."""

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.extension import advertise
from mcp_agent import ERAS, Serve, Tools, scenario_folder, scorer
from probed_driver import ProbedDriver

from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.server.app import build_server

APPS = "io.modelcontextprotocol/ui"
PAGE = "text/html;profile=mcp-app"
URI = "ui://runloop/score-card"
HOST = Path(__file__).parent / "score_card_host" / "host.html"
LOADS = {"src", "href", "action", "data", "srcset", "poster", "background"}
"""Attributes by which a page asks an address for something."""


@pytest.mark.parametrize("era", ERAS)
async def test_hosts_that_show_pages_are_told_of_the_score_card(tmp_path: Path, devboxes: Path, era: str) -> None:
    """The tools that give a score name the page; others, or those that show other kinds, see no difference."""
    engine = EmbeddedEngine(tmp_path / "state", ProbedDriver(devboxes))
    async with engine:
        lists = []
        for kinds in ([PAGE], ["text/plain"], None):
            shows = [] if kinds is None else [advertise(APPS, {"mimeTypes": kinds})]
            async with Client(build_server(engine), mode=era, extensions=shows) as client:
                lists.append((await client.list_tools()).tools)
                # The era before has no place for it in what a server says.
                assert era == "legacy" or APPS in (client.server_capabilities.extensions or {})
                assert URI not in str(await client.list_resources())
    told, other, plain = lists
    assert other == plain
    named = {tool.name: (tool.meta or {})["ui"] for tool in told if "ui" in (tool.meta or {})}
    assert named == {name: {"resourceUri": URI} for name in ("score_run", "get_score")}
    assert [tool.model_copy(update={"meta": None}) for tool in told] == [
        tool.model_copy(update={"meta": None}) for tool in plain
    ]


@pytest.mark.parametrize("era", ERAS)
async def test_the_page_is_whole_and_asks_no_address(serve: Serve, era: str) -> None:
    """One document of the kind that hosts show, small, with styles and script in it, and allowed nothing."""
    async with serve(era=era) as agent:
        (contents,) = (await agent.client.read_resource(URI)).contents
        with pytest.raises(Exception, match="No resource"):
            await agent.read("ui://runloop/no-such-page")
    page = str(getattr(contents, "text", ""))
    assert contents.mime_type == PAGE
    assert contents.meta == {
        "ui": {"csp": {"connectDomains": [], "resourceDomains": [], "frameDomains": []}, "prefersBorder": True}
    }
    assert "/*script*/" not in page
    assert "://" not in page
    assert len(page) < 30_000
    markup = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
    assert "<script" not in markup
    assert LOADS.isdisjoint(re.findall(r"([\w-]+)=", markup))


async def test_a_score_tells_time_and_earlier_attempts(tmp_path: Path, serve: Serve) -> None:
    """Text and structured content say the same: what each scorer took, what the run took, what came before it."""
    pack = scenario_folder(tmp_path / "pack", "answer", functions=(scorer("right-answer", 1.0, "test -s answer.txt"),))
    async with serve(pack) as agent:
        first = await agent.run_of("answer")
        await agent.call("score_run", run_id=first)
        second = await agent.run_of("answer")
        await agent.call("cancel_run", run_id=second)
        third = await agent.run_of("answer")
        await agent.call("write_file", run_id=third, path="answer.txt", content="42")
        scored = await agent.call("score_run", run_id=third)
        assert json.loads(await agent.read(f"runloop://runs/{third}/score")).keys() == scored.structured.keys()
        alone = await agent.call("get_score", run_id=first)
    assert "Earlier attempts: 1: 0.0; 2: no score, canceled." in scored.text
    assert scored.structured["earlier_attempts"] == [
        {"attempt": 1, "state": "scored", "score": 0.0},
        {"attempt": 2, "state": "canceled"},
    ]
    assert scored.structured["functions"][0]["seconds"] >= 0
    assert re.search(r"✓ right-answer: 1\.0 of weight 1\.0, in [\d.]+ m?s", scored.text)
    assert scored.structured["seconds"] > 0
    assert re.search(r"The run has taken [\d.]+ m?s\.", scored.text)
    assert "Scored in the mode clean." in scored.text
    assert "Earlier" not in alone.text
    assert "earlier_attempts" not in alone.structured


class Browser:
    """Chromium, driven by its own driver over the protocol of WebDriver."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder = folder
        self._address = f"{address}/session"
        options = {"args": ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=640,900"]}
        wanted = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
        self._address += "/" + self._ask("", {"capabilities": wanted})["sessionId"]

    def _ask(self, command: str, told: dict[str, Any], method: str = "POST") -> Any:
        data = json.dumps(told).encode() if method == "POST" else None
        request = urllib.request.Request(self._address + command, data, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - likewise
            return json.load(answer)["value"]

    def shown(self, page: str, **given: Any) -> Any:
        """What a host sees of a page that it shows, once that has shown what it was given."""
        document = json.dumps({"page": page, "width": 320, **given}).replace("<", "\\u003c")
        hosted = self._folder / "host.html"
        hosted.write_text(HOST.read_text().replace("/*given*/", document))
        self._ask("/url", {"url": hosted.as_uri()})
        script = "const [done] = arguments; (function look() { notes.settled ? done(notes) : setTimeout(look); })();"
        return self._ask("/execute/async", {"script": script, "args": []})

    def press(self, key: str) -> None:
        """Presses a key."""
        moves = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._ask("/actions", {"actions": [{"type": "key", "id": "keys", "actions": moves}]})

    def evaluate(self, script: str) -> Any:
        """The value of a script in the host's page."""
        return self._ask("/execute/sync", {"script": script, "args": []})

    def close(self) -> None:
        """Ends it."""
        self._ask("", {}, "DELETE")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser of a test's own."""
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    assert driver.stdout
    try:
        port = next(found[1] for line in driver.stdout if (found := re.search(r"successfully on port (\d+)", line)))
        opened = Browser(tmp_path, f"http://127.0.0.1:{port}")
        yield opened
        opened.close()
    finally:
        driver.terminate()
        driver.wait(timeout=10)
        driver.stdout.close()


@pytest.mark.proof
async def test_a_browser_shows_all_that_the_text_says(tmp_path: Path, serve: Serve, browser: Browser) -> None:
    """In Chromium under the strictest policy of a host, in both themes, 320 pixels wide; what scorers wrote is text."""
    evil = "<img src=x onerror=\"document.getElementById('said').textContent='pwned'\">"
    functions = (scorer("passes", 0.25, "echo fine"), scorer("fails-loudly", 0.75, f"echo {json.dumps(evil)}; false"))
    pack = scenario_folder(tmp_path / "pack", "answer", functions=functions, metadata={"disclosure": "full"})
    async with serve(pack) as agent:
        tools = Tools(agent.client)
        await tools.call("cancel_run", run_id=await agent.run_of("answer"))
        scored = await agent.client.call_tool("score_run", {"run_id": await agent.run_of("answer")})
        page = await tools.read(URI)
    result = scored.model_dump(mode="json", by_alias=True)
    card = scored.structured_content or {}
    for theme, background in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(27, 28, 30)")):
        seen = browser.shown(page, result=result, theme=theme)
        assert (seen["theme"], seen["background"]) == (theme, background)
        assert seen["protocol"] == "2026-01-26"
        assert seen["methods"][:2] == ["ui/initialize", "ui/notifications/initialized"]
        assert seen["said"] == card["message"]
        for words in ("0.25", "fails-loudly", "✗ failed: 0.0", "weight 0.75", "✓ passed: 1.0", "#1", "canceled", evil):
            assert words in seen["text"], seen["text"]
        assert not {"img", "iframe", "link"} & set(seen["elements"])
        assert not seen["refused"]
        assert not seen["overflows"]
        # By the keyboard alone: the first thing that takes the focus opens what the scorer of `passes` wrote.
        assert browser.evaluate("return view.contentDocument.querySelector('details').open") is False
        browser.evaluate("view.contentDocument.querySelector('summary').focus()")
        browser.press("\ue007")
        assert browser.evaluate("return view.contentDocument.querySelector('details').open") is True
    waits = {"content": [], "structuredContent": {**card, "state": "scoring", "message": "No score yet."}}
    seen = browser.shown(page, result=waits, theme="dark", later=result)
    asked = {"name": "get_score", "arguments": {"run_id": card["run_id"], "wait_seconds": 20}}
    assert seen["calls"] == [asked]
    assert seen["said"] == card["message"]
    failed = {"content": [{"type": "text", "text": "There is no such run."}], "isError": True}
    assert "There is no such run." in browser.shown(page, result=failed, theme="light")["text"]
