"""Pages of scenarios: each item once, in order, whatever the filters."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from empty_store import lay_out_store
from hypothesis import given
from hypothesis import strategies as st
from scenario_document import WriteFolder

from runloop_mcp.api.models.scenario import ScenarioCreateParams, ScenarioListParams, ScenarioStatus, ScenarioView
from runloop_mcp.engine.scenarios.library import ScenarioLibrary
from runloop_mcp.engine.store.database import Database

WORDS = ("parser", "Sqlite", "naïve", "fix-the", "λόγος", "build")
TAGS = ("python", "Bug", "sql")

made = st.builds(
    lambda name, words, tags, kind: ScenarioCreateParams.model_validate(
        {
            "name": name,
            "input_context": {"problem_statement": "Solve: " + " ".join(words)},
            "metadata": {"tags": ",".join(tags)},
            "validation_type": kind,
            "scoring_contract": {
                "scoring_function_parameters": [
                    {"name": "a", "weight": 1, "scorer": {"type": "command_scorer", "command": "true"}}
                ]
            },
        }
    ),
    st.sampled_from(["one", "two", "three words here"]),
    st.lists(st.sampled_from(WORDS), max_size=4),
    st.lists(st.sampled_from(TAGS), max_size=2, unique=True),
    st.sampled_from([None, "FORWARD", "EVALUATION"]),
)
searches = st.lists(st.sampled_from([*WORDS, "PARSER", "pars", "Solve:", "bug", "scn", '"', "-"]), max_size=3)
filters = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["one", "three words here", "none"]),
        "search": searches.map(" ".join),
        "tags": st.lists(st.sampled_from([*TAGS, "BUG", "none"]), max_size=2),
        "status": st.sampled_from([None, "active", "archived"]),
        "validation_type": st.sampled_from(["FORWARD", "EVALUATION", "REVERSE"]),
    },
)


def matches(view: ScenarioView, params: ScenarioListParams) -> bool:
    """What the list's filters mean, said plainly."""
    tags = {tag.casefold() for tag in view.metadata["tags"].split(",")}
    text = f"{view.id} {view.name} {view.metadata['tags']} {view.input_context.problem_statement}"
    for separator in ",-:_":
        text = text.replace(separator, " ")
    text = f" {text.casefold()}"
    words = [word.replace("-", " ").replace(":", "") for word in (params.search or "").casefold().split()]
    return (
        (params.name is None or view.name == params.name)
        and (params.status is None or view.status == params.status)
        and (params.validation_type is None or view.validation_type == params.validation_type)
        and all(tag.casefold() in tags for tag in params.tags or ())
        and all(f" {word}" in text for word in words if word.strip(' "'))
    )


@pytest.mark.timeout(900)  # two thousand examples with --full-size
@given(st.lists(st.tuples(made, st.booleans()), max_size=8), filters, st.integers(1, 5))
def test_walking_the_pages_gives_each_match_once_newest_first(
    scenarios: list[tuple[ScenarioCreateParams, bool]], wanted: dict[str, object], limit: int
) -> None:
    """Pages of any size, put together, are exactly what matches, and every page knows the total."""

    async def walk() -> None:
        with TemporaryDirectory() as directory:
            async with Database(lay_out_store(Path(directory)) / "store.db") as database:
                library = ScenarioLibrary(database, [])
                views = []
                for params, archived in scenarios:
                    view = await library.create(params)
                    views.append(await library.archive(view.id) if archived else view)
                params = ScenarioListParams.model_validate({**wanted, "limit": limit})
                expected = [view.id for view in reversed(views) if matches(view, params)]
                found: list[str] = []
                while True:
                    page = await library.list(params)
                    assert page.total_count == len(expected)
                    assert len(page.items) <= limit
                    found += [view.id for view in page.items]
                    assert len(found) <= len(expected), "a page gave what another had given"
                    if not page.has_more:
                        break
                    params.starting_after = found[-1]
                assert found == expected

    asyncio.run(walk())


async def test_created_ones_come_newest_first_and_folders_by_name(
    database: Database, pack: Path, write_folder: WriteFolder
) -> None:
    """The order holds across pages, and an item that leaves the list between two pages breaks nothing."""
    for name in ("beta", "Alpha", "gamma"):
        write_folder(f"folder-of-{name}", ("name: fix-the-parser", f"name: {name}"))
    library = ScenarioLibrary(database, [pack], look_seconds=0)
    for name in ("first", "second"):
        await library.create(_named(name))
    seen: list[str] = []
    last: str | None = None
    for expected in ("second", "first", "Alpha", "beta", "gamma"):
        page = await library.list(ScenarioListParams(limit=1, starting_after=last))
        seen.append(page.items[0].name)
        last = page.items[0].id
        assert page.has_more is (expected != "gamma")
        await library.archive(last)
    assert seen == ["second", "first", "Alpha", "beta", "gamma"]
    assert (await library.list(ScenarioListParams(starting_after=last))).items == []
    archived = await library.list(ScenarioListParams(status=ScenarioStatus.ARCHIVED, limit=5000))
    assert [view.name for view in archived.items] == seen


def _named(name: str) -> ScenarioCreateParams:
    return ScenarioCreateParams.model_validate(
        {
            "name": name,
            "input_context": {"problem_statement": "Solve it."},
            "scoring_contract": {
                "scoring_function_parameters": [
                    {"name": "a", "weight": 1, "scorer": {"type": "command_scorer", "command": "true"}}
                ]
            },
        }
    )


async def test_a_search_finds_every_field_that_it_promises(
    database: Database, pack: Path, write_folder: WriteFolder
) -> None:
    """Id, name, summary, tags and problem statement are searched, in any case, and all words must be there."""
    write_folder()
    library = ScenarioLibrary(database, [pack], look_seconds=0)
    ((view),) = (await library.list(ScenarioListParams())).items
    for search in (view.id, "FIX parser", "loses LINES", "python", "last line", "lose", ""):
        assert (await library.list(ScenarioListParams(search=search))).total_count == 1, search
    for search in ("parser cobol", "hidden", "echo", "ython"):
        assert (await library.list(ScenarioListParams(search=search))).total_count == 0, search
