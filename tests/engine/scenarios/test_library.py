"""The library: scenarios made over the wire, scenarios from folders, and the index between them."""

import asyncio
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scenario_document import DOCUMENT, WriteFolder

from runloop_mcp.api.errors import InvalidRequest, NotFound, Unavailable
from runloop_mcp.api.ids import IdPrefix, stable_id
from runloop_mcp.api.models.scenario import (
    InputContextUpdate,
    ScenarioCreateParams,
    ScenarioEnvironment,
    ScenarioListParams,
    ScenarioStatus,
    ScenarioUpdateParams,
)
from runloop_mcp.engine.scenarios import index
from runloop_mcp.engine.scenarios.library import ScenarioLibrary, bundled_pack
from runloop_mcp.engine.store.database import Database

FOLDER_ID = stable_id(IdPrefix.SCENARIO, "mine", "fix-the-parser")


def create_params(**changes: object) -> ScenarioCreateParams:
    """A valid scenario, with some fields changed."""
    fields: dict[str, object] = {
        "name": "made",
        "input_context": {"problem_statement": "Make it.", "additional_context": {"a": None}},
        "scoring_contract": {
            "scoring_function_parameters": [
                {"name": "made", "weight": 1, "scorer": {"type": "command_scorer", "command": "true"}}
            ]
        },
    }
    return ScenarioCreateParams.model_validate({**fields, **changes})


def library_of(database: Database, *packs: Path) -> ScenarioLibrary:
    """A library that looks for changes at every use."""
    return ScenarioLibrary(database, packs, look_seconds=0)


async def names(library: ScenarioLibrary, **params: object) -> list[str]:
    """The names on one page."""
    wanted = ScenarioListParams.model_validate({"limit": 100, **params})
    return [view.name for view in (await library.list(wanted)).items]


async def test_what_is_created_is_kept(database: Database) -> None:
    """A created scenario can be retrieved as it was given, by another server on the same store too."""
    made = await library_of(database).create(
        create_params(metadata={"tags": "x"}, environment_parameters={"working_directory": "/srv/app"}, custom="kept")
    )
    assert made.id.startswith("scn_")
    again = await library_of(database).retrieve(made.id)
    assert again == made
    assert again.environment == ScenarioEnvironment(working_directory="/srv/app")
    assert again.input_context.additional_context == {"a": None}
    assert again.model_extra == {"custom": "kept"}
    record = await library_of(database).record(made.id)
    assert (record.view, record.files, record.pack, record.present) == (made, None, None, True)


async def test_what_one_server_changes_another_sees_at_once(tmp_path: Path) -> None:
    """Though it has just read the same: neither one scenario nor a list is remembered past a change."""
    async with Database(tmp_path / "store.db") as one, Database(tmp_path / "store.db") as other:
        changing, reading = library_of(one), library_of(other)
        made = await changing.create(create_params())
        for name in ("first", "second"):
            await reading.retrieve(made.id)
            await names(reading, limit=5)
            await changing.update(made.id, ScenarioUpdateParams(name=name))
            assert (await reading.retrieve(made.id)).name == name
            assert await names(reading, limit=5) == [name]
        await changing.archive(made.id)
        assert (await reading.retrieve(made.id)).status == ScenarioStatus.ARCHIVED
        assert await names(reading, limit=5) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": " "}, "name: can't be blank"),
        ({"input_context": {"problem_statement": ""}}, "input_context.problem_statement: can't be blank"),
        ({"metadata": {"scoring": "x"}}, "metadata.scoring: 'x' must be one of clean, fork, live"),
        ({"metadata": {"max_attempts": "-1"}}, "metadata.max_attempts"),
        (
            {"environment_parameters": {"working_directory": "work"}},
            "environment_parameters.working_directory: 'work' must be an absolute path",
        ),
        (
            {"scoring_contract": {"scoring_function_parameters": []}},
            "scoring_contract.scoring_function_parameters: must hold at least one",
        ),
        (
            {
                "scoring_contract": {
                    "scoring_function_parameters": [
                        {"name": "a", "weight": 0.5, "scorer": {"type": "command_scorer", "command": "true"}},
                        {"name": "a", "weight": 0.25, "scorer": {"type": "command_scorer", "command": "a\0b"}},
                    ]
                }
            },
            "must sum to 1, and sum to 0.75",
        ),
        ({"reference_output": "a\0b"}, "reference_output: must not hold the character NUL"),
        ({"required_environment_variables": ["A B"]}, "required_environment_variables[0]: 'A B' must be"),
        ({"input_context": {"problem_statement": "x", "additional_context": ["\ud800"]}}, "additional_context[0]"),
    ],
)
async def test_a_scenario_that_breaks_a_rule_is_refused(
    database: Database, changes: dict[str, object], says: str
) -> None:
    """Nothing that breaks a rule is kept, and the message names the field and what is valid."""
    library = library_of(database)
    with pytest.raises(InvalidRequest) as caught:
        await library.create(create_params(**changes))
    assert says in caught.value.message
    assert await names(library) == []


async def test_weights_may_be_a_little_off(database: Database) -> None:
    """Thirds sum to 1 as far as floats can."""
    functions = [
        {"name": f"f{n}", "weight": weight, "scorer": {"type": "command_scorer", "command": "true"}}
        for n, weight in enumerate((0.333333, 0.333333, 0.3333335))
    ]
    params = create_params(scoring_contract={"scoring_function_parameters": functions})
    assert (await library_of(database).create(params)).name == "made"


async def test_update_replaces_what_is_given_and_keeps_the_rest(database: Database) -> None:
    """Null or absent keeps, a value replaces whole, an empty one clears."""
    library = library_of(database)
    made = await library.create(
        create_params(
            metadata={"summary": "old", "tags": "a"},
            reference_output="touch x",
            required_secret_names=["TOKEN"],
            environment_parameters={"working_directory": "/srv/app", "launch_parameters": {"launch_commands": ["ls"]}},
        )
    )
    kept = await library.update(made.id, ScenarioUpdateParams(name=None))
    assert kept == made
    await library.update(
        made.id,
        ScenarioUpdateParams(
            name="new",
            metadata={"summary": "shiny"},
            input_context=InputContextUpdate(additional_context={}),
            environment_parameters=ScenarioEnvironment(working_directory="/srv/new"),
        ),
    )
    changed = await library.retrieve(made.id)
    assert (changed.name, changed.metadata) == ("new", {"summary": "shiny"})
    assert changed.input_context.problem_statement == "Make it."
    assert changed.input_context.additional_context is None
    assert changed.environment == ScenarioEnvironment(working_directory="/srv/new")
    assert changed.reference_output == "touch x"
    cleared = await library.update(
        made.id, ScenarioUpdateParams(metadata={}, reference_output="", required_secret_names=[])
    )
    assert (cleared.metadata, cleared.reference_output, cleared.required_secret_names) == ({}, None, None)
    # Lists follow: what was searched for or tagged before is found no more.
    assert await names(library, search="shiny") == []
    assert await names(library, tags=["a"]) == []
    assert await names(library, name="new") == ["new"]


async def test_an_update_that_breaks_a_rule_changes_nothing(database: Database) -> None:
    """A name can't be blank, and a refused update leaves the scenario as it was."""
    library = library_of(database)
    made = await library.create(create_params())
    for params in (
        ScenarioUpdateParams(name=""),
        ScenarioUpdateParams(name="new", input_context=InputContextUpdate(problem_statement="")),
    ):
        with pytest.raises(InvalidRequest, match="can't be blank"):
            await library.update(made.id, params)
    assert await library.retrieve(made.id) == made


async def test_updates_at_once_are_all_kept(database: Database) -> None:
    """Two callers that change different fields at the same time don't undo each other."""
    library = library_of(database)
    made = await library.create(create_params())
    await asyncio.gather(
        library.update(made.id, ScenarioUpdateParams(name="new")),
        library.update(made.id, ScenarioUpdateParams(reference_output="touch x")),
        library.update(made.id, ScenarioUpdateParams(metadata={"summary": "s"})),
    )
    changed = await library.retrieve(made.id)
    assert (changed.name, changed.reference_output, changed.metadata) == ("new", "touch x", {"summary": "s"})


async def test_archived_scenarios_leave_the_list_and_stay_retrievable(
    database: Database, pack: Path, write_folder: WriteFolder
) -> None:
    """Archiving holds for both kinds, and outlasts a change of the folder and another copy of its pack."""
    folder = write_folder()
    library = library_of(database, pack)
    made = await library.create(create_params())
    for scenario_id in (made.id, FOLDER_ID):
        assert (await library.archive(scenario_id)).status == ScenarioStatus.ARCHIVED
        assert (await library.archive(scenario_id)).status == ScenarioStatus.ARCHIVED
    assert await names(library) == []
    assert await names(library, status=None) == ["made", "fix-the-parser"]
    assert await names(library, status="archived") == ["made", "fix-the-parser"]
    (folder / "problem.md").write_text("Changed.")
    assert (await library.retrieve(FOLDER_ID)).status == ScenarioStatus.ARCHIVED
    assert (await library.retrieve(FOLDER_ID)).input_context.problem_statement == "Changed."
    copy = pack.parent / "copy" / "mine"
    shutil.copytree(pack, copy)
    assert await names(library_of(database, copy)) == []


async def test_unknown_ids_are_not_found(database: Database) -> None:
    """Every call that takes an id says what ids look like."""
    library = library_of(database)
    for call in (
        library.retrieve("scn_none"),
        library.record("scn_none"),
        library.archive("scn_none"),
        library.update("scn_none", ScenarioUpdateParams(name="x")),
    ):
        with pytest.raises(NotFound, match="scn_none") as caught:
            await call
        assert "scn_" in caught.value.hint
    with pytest.raises(InvalidRequest, match="start after"):
        await library.list(ScenarioListParams(starting_after="scn_none"))


async def test_a_folder_is_a_scenario_with_its_files(database: Database, pack: Path, write_folder: WriteFolder) -> None:
    """A folder is listed under the id of pack and name, and its record has what a run needs."""
    folder = write_folder()
    library = library_of(database, pack)
    assert await names(library) == ["fix-the-parser"]
    record = await library.record(FOLDER_ID)
    assert record.files is not None
    assert record.files.source == folder / "files"
    assert record.pack == "mine"
    assert record.view == await library.retrieve(FOLDER_ID)


async def test_a_folder_scenario_is_changed_in_its_folder(
    database: Database, pack: Path, write_folder: WriteFolder
) -> None:
    """`update` refuses it and names the file to edit; an edit is seen at the next use."""
    folder = write_folder()
    library = library_of(database, pack)
    with pytest.raises(InvalidRequest) as caught:
        await library.update(FOLDER_ID, ScenarioUpdateParams(name="x"))
    assert str(folder / "scenario.yaml") in caught.value.hint
    (folder / "scenario.yaml").write_text(DOCUMENT.replace("name: fix-the-parser", "name: renamed"))
    assert await names(library) == ["renamed"]


@pytest.mark.parametrize("quick_seconds", [0, math.inf], ids=["in a thread", "on the loop"])
async def test_a_record_is_exact_between_two_looks(
    database: Database, pack: Path, write_folder: WriteFolder, monkeypatch: pytest.MonkeyPatch, quick_seconds: float
) -> None:
    """A run that starts right after an edit starts from the edited files, however rarely the packs are looked at."""
    monkeypatch.setattr(index, "_QUICK_SECONDS", quick_seconds)
    folder = write_folder()
    library = ScenarioLibrary(database, [pack], look_seconds=3600)
    assert await library.record(FOLDER_ID) == (before := await library.record(FOLDER_ID))
    (folder / "files" / "parser.py").write_text("print('changed')\n")
    after = await library.record(FOLDER_ID)
    assert before.files is not None
    assert after.files is not None
    assert before.files.key != after.files.key
    assert before.environment_hash != after.environment_hash


async def test_a_bad_folder_hides_no_other(database: Database, pack: Path, write_folder: WriteFolder) -> None:
    """What can't be loaded is told with its path and line, and everything else is listed."""
    write_folder("good", ("name: fix-the-parser", "name: good"))
    bad = write_folder("bad", ("weight: 0.7", "weight: heavy"))
    (pack / "misnamed").mkdir()
    (pack / "misnamed" / "scenario.yml").write_text("")
    (pack / "no-scenario").mkdir()
    library = library_of(database, pack, pack / "nowhere", pack / "good")
    assert await names(library) == ["good"]
    told = "\n".join(str(problem) for problem in await library.problems())
    assert (
        f"{bad / 'scenario.yaml'}:9: scoring_contract.scoring_function_parameters[0].weight: must be a number" in told
    )
    assert "Rename scenario.yml to scenario.yaml" in told
    assert f"{pack / 'nowhere'}" in told
    assert f"Name the directory above it: {pack}" in told
    assert "no-scenario" not in told
    (bad / "scenario.yaml").write_text(DOCUMENT.replace("name: fix-the-parser", "name: mended"))
    assert await names(library) == ["good", "mended"]
    assert not any("heavy" in str(problem) or "weight" in str(problem) for problem in await library.problems())


@pytest.mark.parametrize("how", ["gone", "broken"])
async def test_a_scenario_whose_folder_is_lost_stays_for_its_runs(
    database: Database, pack: Path, write_folder: WriteFolder, how: str
) -> None:
    """It leaves the lists and can be retrieved as it last was; back again, it is listed again."""
    folder = write_folder()
    library = library_of(database, pack)
    before = await library.record(FOLDER_ID)
    if how == "gone":
        shutil.rmtree(folder)
    else:
        (folder / "scenario.yaml").write_text("format: 1\n")
    assert await names(library) == []
    assert await names(library, status=None) == []
    assert (await library.record(FOLDER_ID)).present is False
    assert await library.retrieve(FOLDER_ID) == before.view
    write_folder()
    assert await names(library) == ["fix-the-parser"]
    assert (await library.record(FOLDER_ID)).present is True


async def test_each_server_sees_its_own_packs(database: Database, pack: Path, write_folder: WriteFolder) -> None:
    """Two servers on one store with different copies of a pack each see theirs, and neither disturbs the other."""
    write_folder()
    copy = pack.parent / "copy" / "mine"
    shutil.copytree(pack, copy)
    (copy / "fix-the-parser" / "problem.md").write_text("The copy.")
    one, other, none = library_of(database, pack), library_of(database, copy), library_of(database)
    for _ in range(2):
        (first,) = (await one.list(ScenarioListParams())).items
        (second,) = (await other.list(ScenarioListParams())).items
        assert first.id == second.id == FOLDER_ID
        assert first.input_context.problem_statement.startswith("# The parser")
        assert second.input_context.problem_statement == "The copy."
    assert (await other.record(FOLDER_ID)).files is not None
    assert await names(none) == []
    assert (await none.retrieve(FOLDER_ID)).id == FOLDER_ID  # its runs may be there


async def test_two_packs_of_one_name_tell_of_the_clash(
    database: Database, pack: Path, write_folder: WriteFolder
) -> None:
    """Folders that would get the same id are not shown twice; the later one is a problem."""
    write_folder()
    copy = pack.parent / "copy" / "mine"
    shutil.copytree(pack, copy)
    library = library_of(database, pack, copy, pack)
    assert await names(library) == ["fix-the-parser"]
    (problem,) = await library.problems()
    assert problem.path == copy / "fix-the-parser"
    assert "same name" in str(problem)


async def test_a_start_with_nothing_changed_reads_no_yaml(
    database: Database, pack: Path, write_folder: WriteFolder
) -> None:
    """A second server lists what the first one read, without the YAML library or any file's contents."""
    folder = write_folder()
    assert await names(library_of(database, pack)) == ["fix-the-parser"]
    # The contents become unreadable nonsense of the same size and time: only who reads them would notice.
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        status = path.stat()
        with path.open("r+b") as file:
            file.write(b"\xff" * status.st_size)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    program = """
import asyncio, sys
from pathlib import Path
from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.engine.scenarios.library import ScenarioLibrary
from runloop_mcp.engine.store.database import Database

async def main():
    async with Database(Path(sys.argv[1])) as database:
        library = ScenarioLibrary(database, [Path(sys.argv[2])])
        print([view.name for view in (await library.list(ScenarioListParams())).items], "yaml" in sys.modules)

asyncio.run(main())
"""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program, str(database.path), str(pack)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "['fix-the-parser'] False"


async def test_many_servers_index_a_pack_at_once(tmp_path: Path, pack: Path, write_folder: WriteFolder) -> None:
    """Servers that start together all list everything, and the index holds each folder once."""
    for number in range(60):
        write_folder(f"folder-{number:02}", ("name: fix-the-parser", f"name: s{number:02}"))
    databases = [Database(tmp_path / "state" / "state.db") for _ in range(2)]
    try:
        pages = await asyncio.gather(*(names(library_of(database, pack)) for database in databases))
        (count,) = await databases[0].read(lambda c: c.execute("SELECT count(*) FROM scenarios").fetchone())
    finally:
        for database in databases:
            await database.aclose()
    assert pages == [[f"s{number:02}" for number in range(60)]] * 2
    assert count == 60


async def test_a_store_that_is_gone_is_told(tmp_path: Path, pack: Path) -> None:
    """Where the store can't be used, the library says so instead of listing nothing."""
    (tmp_path / "state").write_text("a file where the directory should be")
    async with Database(tmp_path / "state" / "state.db") as database:
        with pytest.raises(Unavailable):
            await library_of(database, pack).list(ScenarioListParams())


async def test_the_bundled_scenarios_are_all_valid(database: Database) -> None:
    """Nothing that comes with this program has a fault in it."""
    library = library_of(database, bundled_pack())
    assert [str(problem) for problem in await library.problems()] == []
    assert (await library.list(ScenarioListParams())).total_count >= 1


async def test_what_came_with_the_program_is_public_and_stays(
    database: Database, pack: Path, write_folder: WriteFolder
) -> None:
    """Bundled scenarios are for everybody, so nobody archives one; those of other packs are not public."""
    write_folder()
    library = library_of(database, bundled_pack(), pack)
    public = (await library.list(ScenarioListParams(is_public=True, limit=100))).items
    assert {view.is_public for view in public} == {True}
    assert FOLDER_ID not in {view.id for view in public}
    assert await names(library, is_public=False) == ["fix-the-parser"]
    assert (await library.retrieve(FOLDER_ID)).is_public is False
    for call in (library.archive(public[0].id), library.unarchive(public[0].id)):
        with pytest.raises(InvalidRequest, match="came with this program"):
            await call
