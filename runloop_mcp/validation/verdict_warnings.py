"""Scoring functions that look as if the solution decided the verdict. docs/authoring.md says why it must not.

These are signs, not proofs, so they are warnings: what is certain to be fair is not warned of, and what is not may be.
"""

import ast
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator

from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import BashScriptScorer, CommandScorer, PythonScriptScorer, TestBasedScorer
from runloop_mcp.validation.deciding_commands import (
    Words,
    all_commands,
    deciding_by_output,
    deciding_by_status,
)

_TEST_RUNNERS = {"pytest": "pytest", "py.test": "pytest", "unittest": "unittest", "nose2": "nose2", "tox": "tox"}
_OTHER_RUNNERS = {("node", "--test"), ("npm", "test"), ("yarn", "test"), ("cargo", "test"), ("go", "test")}
_PYTHON = re.compile(r"python(3(\.\d+)?)?")
_LOADING = {
    "sys.path.insert", "sys.path.append", "sys.path.extend", "runpy.run_path", "runpy.run_module",
    "importlib.import_module", "importlib.util.spec_from_file_location",
    "exec", "eval", "pickle.load", "pickle.loads", "marshal.load", "marshal.loads",
}  # fmt: skip
_REMEDY = "Start the solution as a process of its own, and compare what it says with what you expect."


def verdict_warnings(scenario: ScenarioView) -> list[str]:
    """What looks doubtful, a sentence or two each that begins with the scoring function's name."""
    return [
        f"{function.name}: {message}"
        for function in scenario.scoring_contract.scoring_function_parameters
        for message in dict.fromkeys(_doubts(function.scorer))
    ]


def _doubts(scorer: object) -> Iterator[str]:
    match scorer:
        case TestBasedScorer():
            ours = {posixpath.normpath(file.file_path) for file in scorer.test_files}
            yield from _of_script(scorer.test_command, deciding_by_status, ours, "exit status")
            for file in scorer.test_files:
                if file.file_path.endswith(".py"):
                    yield from _of_python(file.file_contents, file.file_path)
        case CommandScorer():
            yield from _of_script(scorer.command, deciding_by_status, (), "exit status")
        case BashScriptScorer():
            yield from _of_script(scorer.bash_script, deciding_by_output, (), "output")
        case PythonScriptScorer():
            yield from _of_python(scorer.python_script, "the script")


def _of_script(script: str, deciding: Callable[[str], list[Words]], ours: Iterable[str], verdict: str) -> Iterator[str]:
    for words in all_commands(script):
        if runner := _test_runner(words):
            yield (
                f"{runner} loads the solution's code into the process that gives the verdict, and such code can end "
                f"that process as it likes. {_REMEDY}"
            )
    for words in deciding(script):
        yield from _of_command(words, set(ours), verdict)


def _of_command(words: Words, ours: set[str], verdict: str) -> Iterator[str]:
    program = words[0]
    name = program.rpartition("/")[2]
    if _test_runner(words):
        return
    if _PYTHON.fullmatch(name) and len(words) > 1 and not _isolated(words):
        yield (
            f"{program} starts without -I, so that modules and variables that the solver chose count in the process "
            "that decides. Begin with: exec /usr/bin/python3 -I"
        )
    elif name in ("make", "gmake"):
        yield f"make's {verdict} is the verdict, and the Makefile is the solver's. {_REMEDY}"
    elif (path := _run_by_path(words, name)) and not path.startswith("/") and posixpath.normpath(path) not in ours:
        yield f"{path} is a program of the solver's, and its {verdict} is the verdict. {_REMEDY}"


def _run_by_path(words: Words, name: str) -> str:
    """The file that a command runs, directly or by a shell; empty where that can't be told."""
    if name in ("bash", "sh", "source", "."):
        arguments = [word for word in words[1:] if not word.startswith("-")]
        return "" if "-c" in words or not arguments else arguments[0]
    return words[0] if "/" in words[0] else ""


def _test_runner(words: Words) -> str:
    """The name of the test runner that a command starts; empty for any other command."""
    name = words[0].rpartition("/")[2]
    if name in _TEST_RUNNERS:
        return _TEST_RUNNERS[name]
    if _PYTHON.fullmatch(name) and "-m" in words[1:-1]:
        return _TEST_RUNNERS.get(words[words.index("-m") + 1], "")
    return " ".join((name, words[1])) if len(words) > 1 and (name, words[1]) in _OTHER_RUNNERS else ""


def _isolated(words: Words) -> bool:
    """Whether Python's own options, before its script, hold -I."""
    options = iter(words[1:])
    for word in options:
        if word in ("-W", "-X"):
            next(options, None)
        elif word in ("-c", "-m", "-") or not word.startswith("-"):
            return False
        elif not word.startswith("--") and "I" in word:
            return True
    return False


def _of_python(text: str, what: str) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return  # for another version of Python
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (called := ast.unparse(node.func)) in _LOADING:
            yield (
                f"{what} calls {called} (line {node.lineno}), as if the solution's code or objects came into the "
                f"process that decides. {_REMEDY}"
            )
