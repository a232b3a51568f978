"""`python_script_scorer`: an isolated interpreter, and requirements that are built once, with a network, elsewhere."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from package_index import package_index
from scoring_cases import Solver, only, solver

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.engine.scoring.tools import ScorerTools

NOBODY_LISTENS = "http://127.0.0.1:9/simple"
USES_PACKAGE = "import harbour_tables\nprint(harbour_tables.VALUE)"


@pytest.fixture(autouse=True)
def give_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that fails is not asked again and again."""
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PIP_RETRIES", "0")


def kept(state: Path) -> list[Path]:
    """The devboxes, snapshots and locks that there are."""
    return sorted([*state.glob("sandbox/devboxes/*"), *state.glob("sandbox/snapshots/*"), *state.glob("locks/*")])


def python_script(text: str, **fields: str) -> dict[str, Any]:
    """A Python script scorer."""
    return {"type": "python_script_scorer", "python_script": text, **fields}


async def test_the_script_prints_the_score_in_an_interpreter_of_its_own(state: Path) -> None:
    """It runs in the working directory, imports nothing from there or from a home, and leaves nothing behind."""
    looks = "import json, sys, pathlib\nassert not sys.path[0].startswith('/home')\nprint('score=0.5', *[])"
    async with solver(state) as box:
        await box.does("echo 'raise SystemExit(1)' | tee json.py sitecustomize.py usercustomize.py")
        function = only(await box.score(python_script(looks)))
        wrong = only(await box.score(python_script("raise SystemExit('no idea')")))
    assert (function.score, function.state) == (0.5, "complete"), function.output
    assert wrong.state == "error"
    assert "no idea" in wrong.output
    assert "exit status 1" in wrong.output


async def test_requirements_are_built_once_and_lie_read_only_in_the_scoring_devbox(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A builder with a network fetches them; a second scoring needs no network; a solver never sees them."""
    changes = "import harbour_tables, pathlib\npathlib.Path(harbour_tables.__file__).write_text('VALUE = 1')"
    with package_index() as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        async with solver(state) as box:
            requires = {"requirements_contents": "harbour-tables>=1\n"}
            first = await box.score(
                python_script(USES_PACKAGE, **requires), python_script(changes, **requires), python_script(USES_PACKAGE)
            )
            fetched = list(index.asked)
            await box.score(python_script(USES_PACKAGE, **requires))
            assert index.asked == fetched != []
            assert await box.does("find / -name 'harbour_tables*' -not -path '/proc/*' 2> /dev/null || true") == ""
    monkeypatch.setenv("UV_DEFAULT_INDEX", NOBODY_LISTENS)
    async with solver(state) as box:
        again = only(await box.score(python_script(USES_PACKAGE, **requires)))
    used, changed, without = first.scoring_function_results
    assert (used.score, used.state) == (0.75, "complete"), used.output
    assert changed.state == "error"
    assert "Read-only file system" in changed.output
    assert "No module named 'harbour_tables'" in without.output
    assert again.score == 0.75


async def test_two_servers_that_build_the_same_build_it_once(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second waits and takes what the first has built."""
    scorer = python_script(USES_PACKAGE, requirements_contents="harbour-tables")
    with package_index() as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        async with solver(state) as one, solver(state) as other:
            got: list[ScorerTools] = []

            async def get(server: Solver) -> None:
                got.append(await server.tools_for(scorer))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(get, one)
                tasks.start_soon(get, other)
            scores = [only(await server.score(scorer)).score for server in (one, other)]
        assert index.asked.count("/simple/harbour-tables/") == 1
    assert got[0] == got[1]
    assert scores == [0.75, 0.75]


@pytest.mark.proof
async def test_without_uv_pip_installs(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pip of the interpreter will do for requirements; another interpreter can't be fetched then."""
    monkeypatch.setattr("runloop_mcp.engine.scoring.python_builder.find_program", lambda _: None)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with package_index() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        async with solver(state) as box:
            needs = {"requirements_contents": "harbour-tables>=1\n"}
            used, missing, version = (
                await box.score(
                    python_script(USES_PACKAGE, **needs),
                    python_script("print(1)", requirements_contents="no-such-harbour"),
                    python_script("print(1)", python_version_constraint="==2.6.*"),
                )
            ).scoring_function_results
    assert (used.score, used.state) == (0.75, "complete"), used.output
    assert "no-such-harbour" in missing.output
    assert "pip install 'runloop-mcp[scorers]'" in version.output


async def test_requirements_that_can_not_be_had(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that there is none of is the scenario's error; a network that fails is ours, and nothing is scored."""
    with package_index() as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        async with solver(state) as box:
            before = kept(state)
            scorer = python_script("print(1)", requirements_contents="no-such-harbour")
            await box.tools_for(scorer)
            assert kept(state) == before
            function = only(await box.score(scorer))
    assert (function.score, function.state) == (0, "error")
    assert "no-such-harbour" in function.output
    monkeypatch.setenv("UV_DEFAULT_INDEX", NOBODY_LISTENS)
    async with solver(state) as box:
        with pytest.raises(Unavailable, match="can't be fetched") as failure:
            await box.score(python_script("print(1)", requirements_contents="harbour-maps"))
    assert "harbour" not in str(failure.value), "a solver reads it"


@pytest.mark.parametrize(
    ("constraint", "state_and_reason"),
    [
        (">=3.9", ("complete", "")),
        ("==2.6.*", ("error", "No Python here satisfies '==2.6.*'; there is 3.")),
        ("newest", ("error", "no version specifier")),
    ],
)
async def test_the_version_is_one_that_the_constraint_allows(
    state: Path, constraint: str, state_and_reason: tuple[str, str]
) -> None:
    """An interpreter of the devbox's that fits is used; where none does and none can be fetched, the result says so."""
    async with solver(state) as box:
        function = only(await box.score(python_script("print(1)", python_version_constraint=constraint)))
    assert function.state == state_and_reason[0], function.output
    assert state_and_reason[1] in function.output


async def test_a_version_that_no_network_brings_is_the_scorers_error(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without a network has the interpreters that it has: the others of the contract are scored."""
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", NOBODY_LISTENS)
    async with solver(state) as box:
        unfit, other = (
            await box.score(python_script("print(1)", python_version_constraint="==3.9.1"), python_script("print(1)"))
        ).scoring_function_results
    assert unfit.state == "error"
    assert "No Python here satisfies '==3.9.1'; there is 3." in unfit.output
    assert other.score == 1.0
