"""`ast_grep_scorer`: one match counts, whatever the solver hides; nothing of the solver's steers the search."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_cases import contract, only, solver

from runloop_mcp.engine.scoring.ast_grep import unescaped
from runloop_mcp.engine.scoring.contract import run_contract
from runloop_mcp.engine.scoring.scoring_devbox import OneDevbox

BEFORE = "mkdir src; echo 'def f(a): return g(a, 1)' > src/x.py; touch src/empty.txt"


def pattern(text: str, directory: str = "src", lang: str | None = "python") -> dict[str, Any]:
    """An ast-grep scorer."""
    return {"type": "ast_grep_scorer", "pattern": text, "search_directory": directory, "lang": lang}


@given(st.text(alphabet=st.sampled_from("a$\"\\`'( )n")))
def test_one_level_of_escapes_goes(text: str) -> None:
    """What stands escaped between double quotes in a shell is what ast-grep gets."""
    escaped = re.sub(r'([$"\\`])', r"\\\1", text)
    assert unescaped(escaped) == text


@given(st.text().filter(lambda text: not re.search(r'\\[$"\\`]', text)))
def test_a_pattern_without_escapes_stays(text: str) -> None:
    """Other backslashes are the pattern's own."""
    assert unescaped(text) == text


async def test_a_match_is_one_and_none_is_nothing(state: Path) -> None:
    """Patterns are found by structure, escaped or not, with a language or by the files' names."""
    async with solver(state, before=BEFORE) as box:
        found = await box.score(
            pattern("g($A, 1)"), pattern(r"g(\$A,   1)", lang=None), pattern("g($A, 1)", "/home/user/work/src"),
            pattern("g($A, 2)"),
        )  # fmt: skip
    assert [function.score for function in found.scoring_function_results] == [1, 1, 1, 0]
    assert {function.state for function in found.scoring_function_results} == {"complete"}
    assert "x.py" in found.scoring_function_results[0].output


async def test_hidden_and_ignored_files_count(state: Path) -> None:
    """A solver can't keep files out of a search by hiding them or listing them in an ignore file."""
    hide = "git init -q .; mkdir src/.old; mv src/x.py src/.old; echo '*' | tee .gitignore .ignore src/.gitignore"
    async with solver(state, before=BEFORE) as box:
        await box.does(hide)
        assert (await box.score(pattern("g($A, 1)"))).score == 1


async def test_the_solvers_configuration_is_not_read(state: Path) -> None:
    """An `sgconfig.yml` that takes Python files for another language changes nothing."""
    lie = "printf 'ruleDirs: []\\nlanguageGlobs:\\n  html: [\"*.py\"]\\n' | tee {.,~,src}/sgconfig.yml"
    async with solver(state, before=BEFORE) as box:
        await box.does(lie)
        assert (await box.score(pattern("g($A, 1)", lang=None))).score == 1


@pytest.mark.parametrize(
    ("scorer", "reason"),
    [
        (pattern("g($A)", "lib"), "There is no directory 'lib'"),
        (pattern("g($A)", lang="klingon"), "ast-grep could not search"),
    ],
)
async def test_what_is_no_search_is_an_error(state: Path, scorer: dict[str, Any], reason: str) -> None:
    """A missing directory is told apart from no match, and a language that is none from both."""
    async with solver(state, before=BEFORE) as box:
        function = only(await box.score(scorer))
    assert (function.score, function.state) == (0, "error")
    assert reason in function.output


async def test_without_ast_grep_the_result_says_how_to_get_it(state: Path) -> None:
    """Where the program is not installed the function ends in error, and the others go on."""
    async with solver(state, before=BEFORE) as box, box.prepared() as prepared:
        function = only(await run_contract(contract(pattern("g($A, 1)")), OneDevbox(prepared.devbox)))
    assert function.state == "error"
    assert "pip install 'runloop-mcp[scorers]'" in function.output
