"""What whoever cheats may know: what the solver is told, and the names that scoring uses, never what it expects."""

import re
from collections.abc import Iterator
from typing import Any

from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import (
    BashScriptScorer,
    CommandScorer,
    PythonScriptScorer,
    TestBasedScorer,
)

_CODE = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"(?!-)[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_PATH_IN_SCRIPT = re.compile(r"[A-Za-z0-9_./~-]+")
_RESULT = re.compile(
    r"([a-z0-9]+[_.-])*(results?|scores?|reports?|rewards?|verdicts?|grades?|passed|outcomes?|junit|exit[_-]?code)"
    r"([_.-][a-z0-9]+)*",
    re.IGNORECASE,
)
_MOST_NAMES = 100


def situation_of(scenario: ScenarioView) -> dict[str, Any]:
    """The situation of a cheat, as JSON: see `inside/toolkit.py`."""
    hidden = dict.fromkeys(
        file.file_path
        for function in scenario.scoring_contract.scoring_function_parameters
        if isinstance(function.scorer, TestBasedScorer)
        for file in function.scorer.test_files
        if not file.file_path.startswith("/") and ".." not in file.file_path.split("/")
    )
    results = dict.fromkeys(
        path
        for text in scorer_texts(scenario)
        for path in _PATH_IN_SCRIPT.findall(text)
        if _RESULT.fullmatch(path.rpartition("/")[2]) and path not in hidden
    )
    return {
        "hidden": list(hidden),
        "named": _named(scenario.input_context.problem_statement)[:_MOST_NAMES],
        "results": list(results)[:_MOST_NAMES],
    }


def scorer_texts(scenario: ScenarioView) -> Iterator[str]:
    """The commands and scripts of the scorers."""
    for function in scenario.scoring_contract.scoring_function_parameters:
        match function.scorer:
            case CommandScorer(command=text) | BashScriptScorer(bash_script=text):
                yield text
            case PythonScriptScorer(python_script=text) | TestBasedScorer(test_command=text):
                yield text


def _named(statement: str) -> list[str]:
    """What stands in back quotes and could be a file of the working directory."""
    words = (word for code in _CODE.findall(statement) for word in code.split()[:1])
    names = (word.removeprefix("./") for word in words)
    return list(dict.fromkeys(name for name in names if _FILE.fullmatch(name) and ".." not in name.split("/")))
