"""What must not be found from inside a devbox: the reference and what the scorers hold, cut into parts.

A part is some lines in a row. They go into the devbox as digests, so that the search can't find itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import CustomScorer, TestBasedScorer
from runloop_mcp.api.reference import ReferenceKind, reference_kind
from runloop_mcp.validation.cheats.inside.parts import digest, normal_lines
from runloop_mcp.validation.cheats.situation import scorer_texts

_WIDTH = 3
_LEAST_BYTES = 40
"""Parts that are shorter are found by chance."""
_SEARCH_SECONDS = 200
_MOST_SHARE = 0.5
"""A place that holds more of a text has the text; less is what texts about one thing have in common."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """The texts of a scenario that a solver must not find."""

    parts: dict[str, list[str]]
    """The digests of each text's parts, by what the text is."""
    visible: dict[str, str]
    """By what the text is, where the scorers put it themselves: a solver may see a file that already is there."""

    def situation(self) -> dict[str, Any]:
        """What the search needs to know."""
        widths = {int(part.partition(":")[0]) for parts in self.parts.values() for part in parts}
        return {"secrets": self.parts, "widths": sorted(widths), "seconds": _SEARCH_SECONDS}

    def judge(self, found: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
        """The sentences on what was found that makes the scenario worthless, and on what may be meant so."""
        leaks: dict[str, str] = {}
        shown: dict[str, str] = {}
        for each in found:
            name, place = each["secret"], each["place"]
            share = each["parts"] / len(self.parts[name])
            if share < _MOST_SHARE:
                continue
            own = self.visible.get(name)
            kind = shown if own is not None and place.endswith(f"/{own}") else leaks
            kind.setdefault(name, f"{name} can be read in {place} ({share:.0%} of it)")
        return list(leaks.values()), list(shown.values())


def secrets_of(scenario: ScenarioView) -> Secrets:
    """The secrets of a scenario."""
    parts: dict[str, list[str]] = {}
    visible: dict[str, str] = {}
    for name, text in _texts(scenario):
        if digests := _parts(normal_lines(text.encode(errors="replace"))):
            parts[name] = digests
    for function in scenario.scoring_contract.scoring_function_parameters:
        if isinstance(function.scorer, TestBasedScorer):
            visible |= {_test_file(file.file_path): file.file_path for file in function.scorer.test_files}
    parts.update(_patched(scenario))
    return Secrets(parts, visible)


def _texts(scenario: ScenarioView) -> Iterator[tuple[str, str]]:
    if reference_kind(scenario) is not ReferenceKind.NONE:
        yield "the reference", scenario.reference_output or ""
    for function in scenario.scoring_contract.scoring_function_parameters:
        if isinstance(function.scorer, TestBasedScorer):
            for file in function.scorer.test_files:
                yield _test_file(file.file_path), file.file_contents
        elif isinstance(function.scorer, CustomScorer):
            yield f"the parameters of {function.name}", "\n".join(_strings(function.scorer.scorer_params))
    for number, text in enumerate(dict.fromkeys(scorer_texts(scenario)), start=1):
        yield f"scorer script {number}", text


def _strings(value: Any) -> Iterator[str]:
    """The strings in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


def _test_file(path: str) -> str:
    return f"the test file {path}"


def _parts(lines: list[bytes]) -> list[str]:
    width = min(_WIDTH, len(lines))
    windows = [lines[at : at + width] for at in range(len(lines) - width + 1)] if width else []
    return list(dict.fromkeys(digest(each) for each in windows if sum(map(len, each)) >= _LEAST_BYTES))


def _patched(scenario: ScenarioView) -> Iterator[tuple[str, list[str]]]:
    """What a reference patch makes of each file: the parts that hold a new line and were not there before."""
    if reference_kind(scenario) is not ReferenceKind.PATCH:
        return
    for path, lines in _by_file(scenario.reference_output or "").items():
        old = [each for line in lines if line[0] in " -" for each in normal_lines(line[1:].encode())]
        new = [each for line in lines if line[0] in " +" for each in normal_lines(line[1:].encode())]
        before, known = set(_parts(old)), set(old)
        width = min(_WIDTH, len(new))
        digests = [
            each
            for at in range(len(new) - width + 1)
            if not known.issuperset(new[at : at + width])
            for each in _parts(new[at : at + width])
        ]
        fresh = [each for each in dict.fromkeys(digests) if each not in before]
        if fresh:
            yield f"{path} as the reference makes it", fresh


def _by_file(patch: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in patch.splitlines():
        if line.startswith("+++ "):
            path = line[4:].split("\t")[0].removeprefix("b/")
            lines = found.setdefault(path, [])
        elif line.startswith(("--- ", "diff ", "index ", "@@ ", "new file", "deleted file")):
            continue
        elif line[:1] in (" ", "+", "-"):
            lines.append(line)
    return found
