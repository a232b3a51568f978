"""The official conformance suite judges the real application over streamable HTTP: its stable release and the newest.

The newest release also runs what is scored for no revision: of that, tasks are judged in `test_tasks_conformance`.
"""

import re
from pathlib import Path

import pytest
from answering import ANSWERING
from asking import ASKING
from client_environments import environment_of
from judged import Verdict, application, verdicts

STABLE, NEWEST = "conformance-stable", "conformance-newest"
NEWEST_REVISION = "2026-07-28"

ONLY_LISTED = {"json_schema_2020_12_tool"}
"""Fixtures whose form is judged, and which nobody calls."""

NOT_FOR_US = [
    "server-stateless: sep-2575-server-sends-prompts-list-changed-on-subscription",
    "server-stateless: sep-2575-server-sends-tools-list-changed-on-subscription",
]
"""What the suite leaves out, as our lists never change and we say so."""

NEEDS_NO_FIXTURE = {
    "server-initialize",
    "ping",
    "completion-complete",
    "tools-list",
    "resources-list",
    "prompts-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
}
"""Scenarios about what every server has, and ours without any fixture."""


TAKES_ANYTHING = {"tools-call-simple-text", "tools-call-error"}
"""Scenarios that any text, or any error, satisfies: that their tool was called tells that they are no vacuous pass."""


async def test_the_stable_release_finds_nothing_wrong(tmp_path: Path) -> None:
    """Every active scenario passes, each by something that was put to the test, and every fixture for it is used."""
    async with application(tmp_path) as judged:
        found = await verdicts(STABLE, judged.url, tmp_path / "results")
    assert len(found) == 30
    _assert_flawless(list(found.values()))
    assert _unused(judged.used) == {name for name in _tools() if name.startswith(_NEWER)} | ONLY_LISTED


async def test_the_newest_release_finds_nothing_wrong_in_the_newest_revision(tmp_path: Path) -> None:
    """Every scored requirement of the newest revision is met, each by something that was put to the test."""
    async with application(tmp_path) as judged:
        found = await verdicts(NEWEST, judged.url, tmp_path / "results", "--requirements", NEWEST_REVISION)
    scored = _scored(NEWEST_REVISION)
    assert scored - found.keys() == set()
    assert len(scored) == 37
    _assert_flawless([found[scenario] for scenario in scored], left_out=NOT_FOR_US)
    pending = ["json-schema-2020-12", "http-header-validation", "http-custom-header-server-validation"]
    _assert_flawless([found[scenario] for scenario in pending])
    assert _unused(judged.used) == {name for name in _tools() if name.startswith(_OLDER)} | ONLY_LISTED


@pytest.mark.proof
async def test_the_newest_release_finds_nothing_wrong_in_the_revision_before(tmp_path: Path) -> None:
    """Every scored requirement of the last revision with a handshake is met, and sessions end as they should."""
    async with application(tmp_path) as judged:
        found = await verdicts(NEWEST, judged.url, tmp_path / "results", "--requirements", "2025-11-25")
    scored = _scored("2025-11-25") | {"server-session-lifecycle", "json-schema-2020-12"}
    assert scored - found.keys() == set()
    _assert_flawless([found[scenario] for scenario in scored])


@pytest.mark.proof
async def test_without_its_fixtures_the_suite_finds_much_wrong(tmp_path: Path) -> None:
    """What passes is put to the test: without the fixtures only what needs none passes."""
    async with application(tmp_path, with_fixtures=False) as judged:
        found = await verdicts(STABLE, judged.url, tmp_path / "results")
    assert {scenario for scenario, verdict in found.items() if verdict.passed} == NEEDS_NO_FIXTURE | TAKES_ANYTHING


_NEWER = ("test_input_required", "test_streaming", "test_logging_tool", "test_missing", "test_header")
_OLDER = ("test_elicitation", "test_sampling", "test_tool_with_logging")


def _assert_flawless(found: list[Verdict], *, left_out: list[str] | None = None) -> None:
    assert [problem for each in found for problem in each.with_status("FAILURE", "WARNING")] == []
    assert [each.scenario for each in found if not each.passed] == []
    assert [check for each in found for check in each.vacuous] == []
    assert sorted(check for each in found for check in each.with_status("SKIPPED")) == (left_out or [])


def _tools() -> set[str]:
    return {binding.fn.__name__ for binding in [*ANSWERING, *ASKING]}


def _unused(used: dict[str, int]) -> set[str]:
    resources = {"test://static-text", "test://static-binary"}
    prompts = {"test_simple_prompt", "test_prompt_with_arguments", "test_prompt_with_image"}
    return (_tools() | resources | prompts | {"test_prompt_with_embedded_resource"}) - used.keys()


def _scored(revision: str) -> set[str]:
    """The scenarios that the suite scores a server by."""
    requirements = environment_of("node-judges") / "node_modules" / NEWEST / "requirements"
    text = (requirements / f"{revision}.yaml").read_text()
    return set(re.findall(r"^  - (\S+)$", text.partition("\nserver:\n")[2].partition("\nclient:\n")[0], re.MULTILINE))
