"""Reading scenario folders: what a valid one gives, and every fault with its file, line and field."""

import os
from pathlib import Path

import pytest
from scenario_document import DOCUMENT, WriteFolder

from runloop_mcp.api.ids import IdPrefix, stable_id
from runloop_mcp.api.models.scoring import BashScriptScorer, TestBasedScorer
from runloop_mcp.engine.scenarios.document import DocumentError, Problem
from runloop_mcp.engine.scenarios.folder import load_folder


def faults_of(folder: Path) -> list[Problem]:
    """What is wrong with a folder."""
    with pytest.raises(DocumentError) as caught:
        load_folder(folder, "mine")
    return list(caught.value.problems)


def line_of(text: str, document: str = DOCUMENT) -> int:
    """The line of the document that holds a text."""
    return next(n for n, line in enumerate(document.splitlines(), start=1) if text in line)


def test_a_valid_folder_gives_the_whole_scenario(write_folder: WriteFolder) -> None:
    """Every field arrives in the wire's form, long text from its files, and the id from pack and folder."""
    loaded = load_folder(write_folder(), "mine")
    view = loaded.view
    assert view.id == stable_id(IdPrefix.SCENARIO, "mine", "fix-the-parser")
    assert view.name == "fix-the-parser"
    assert view.input_context.problem_statement.startswith("# The parser")
    assert view.reference_output == "--- a/parser.py\n+++ b/parser.py\n"
    assert view.validation_type == "FORWARD"
    assert view.scorer_timeout_sec == 120
    assert view.required_secret_names == ["TOKEN"]
    hidden, tidy = view.scoring_contract.scoring_function_parameters
    assert isinstance(hidden.scorer, TestBasedScorer)
    assert hidden.scorer.test_files[0].file_contents == "def test_x(): ...\n"
    assert isinstance(tidy.scorer, BashScriptScorer)
    assert tidy.scorer.bash_script == "echo 1.0\n"
    assert view.metadata == {
        "summary": "The parser loses lines",
        "tags": "python,bug",
        "minutes": "20",
        "scoring": "clean",
        "disclosure": "named",
        "reference_kind": "patch",
        "requires": "gcc,make",
    }
    assert view.environment is not None
    assert view.environment.launch_parameters is not None
    assert view.environment.launch_parameters.keep_alive_time_seconds == 600


def test_text_without_quotes_stays_as_it_was_written(write_folder: WriteFolder) -> None:
    """A command `true` is the command, a version 1.10 keeps its zero; only values that may be anything get types."""
    folder = write_folder(
        "typed",
        ("minutes: 20", "minutes: 1.10"),
        ("format: 1\n", "format: 1\ninput_context: {additional_context: {a: 1, b: [true, 2.5, no, '7', ~]}}\n"),
    )
    view = load_folder(folder, "mine").view
    assert view.environment is not None
    assert view.environment.launch_parameters is not None
    assert view.environment.launch_parameters.launch_commands == ["true", "git init -q"]
    assert view.metadata["minutes"] == "1.10"
    assert view.input_context.additional_context == {"a": 1, "b": [True, 2.5, "no", "7", None]}


def test_a_script_is_the_default_reference(write_folder: WriteFolder) -> None:
    """`reference.sh` stands in where there is no patch; both together are a fault."""
    folder = write_folder()
    (folder / "reference.sh").write_text("touch x\n")
    assert "keep one" in faults_of(folder)[0].message
    (folder / "reference.patch").unlink()
    view = load_folder(folder, "mine").view
    assert (view.reference_output, view.metadata["reference_kind"]) == ("touch x\n", "commands")


@pytest.mark.parametrize(
    ("old", "new", "field", "says"),
    [
        ("metadata:", "metadat:", "metadat", "did you mean metadata?"),
        ("name: fix-the-parser", "name: ' '", "name", "can't be blank"),
        ("name: fix-the-parser", "name: [a]", "name", "must be text"),
        ("format: 1", "format: 2", "format", "it reads format 1"),
        (
            "type: bash_script_scorer",
            "type: bash_scorer",
            "scoring_contract.scoring_function_parameters[1].scorer",
            "must be one of ast_grep_scorer, bash_script_scorer",
        ),
        (
            "bash_script_file: scoring/tidy.sh",
            "bash_scrip: x",
            "scoring_contract.scoring_function_parameters[1].scorer.bash_scrip",
            "did you mean bash_script?",
        ),
        (
            "bash_script_file: scoring/tidy.sh",
            "bash_script_file: scoring/none.sh",
            "scoring_contract.scoring_function_parameters[1].scorer.bash_script_file",
            "there is no file 'scoring/none.sh'",
        ),
        (
            "bash_script_file: scoring/tidy.sh",
            "bash_script_file: ../outside.sh",
            "scoring_contract.scoring_function_parameters[1].scorer.bash_script_file",
            "leads out of the scenario's folder",
        ),
        (
            "bash_script_file: scoring/tidy.sh",
            "bash_script_file: /etc/hostname",
            "scoring_contract.scoring_function_parameters[1].scorer.bash_script_file",
            "leads out of the scenario's folder",
        ),
        (
            "bash_script_file: scoring/tidy.sh",
            "bash_script_file: scoring/tidy.sh, bash_script: x",
            "scoring_contract.scoring_function_parameters[1].scorer",
            "not both",
        ),
        (
            ", bash_script_file: scoring/tidy.sh",
            "",
            "scoring_contract.scoring_function_parameters[1].scorer",
            "bash_script or bash_script_file is required",
        ),
        (
            "weight: 0.3",
            "weight: 0.2",
            "scoring_contract.scoring_function_parameters",
            "must sum to 1, and sum to 0.9",
        ),
        (
            "weight: 0.3",
            "weight: much",
            "scoring_contract.scoring_function_parameters[1].weight",
            "must be a number",
        ),
        (
            "name: tidy",
            "name: tidy up",
            "scoring_contract.scoring_function_parameters[1].name",
            "letters, digits",
        ),
        ("scoring: clean", "scoring: dirty", "metadata.scoring", "must be one of clean, fork, live"),
        ("disclosure: named", "disclosure: all", "metadata.disclosure", "must be one of sealed, summary, named, full"),
        ("disclosure: named", "reference_kind: x", "metadata.reference_kind", "must be one of patch, commands, none"),
        ("disclosure: named", "max_attempts: 0", "metadata.max_attempts", "must be a whole number above 0"),
        ("disclosure: named", "max_commands: many", "metadata.max_commands", "must be a whole number above 0"),
        ("requires: [gcc, make]", "requires: [a b]", "requires", "must be the name of a program"),
        ("/home/user/work", "work", "environment.working_directory", "must be an absolute path"),
        ("/home/user/work", "/usr/src", "environment.working_directory", "under /usr, which is read-only"),
        ("/home/user/work", "/home/../etc", "environment.working_directory", "must not hold '..'"),
        (
            "keep_alive_time_seconds: 600",
            "keep_alive_time_seconds: 172801",
            "environment.launch_parameters.keep_alive_time_seconds",
            "less than or equal to 172800",
        ),
        ("validation_type: FORWARD", "validation_type: FORWARDS", "validation_type", "did you mean FORWARD?"),
        ("scorer_timeout_sec: 120", "scorer_timeout_sec: 0", "scorer_timeout_sec", "greater than 0"),
        (
            "required_secret_names: [TOKEN]",
            "required_environment_variables: [1X]",
            "required_environment_variables[0]",
            "an environment variable's name",
        ),
        (
            "file_path: .hidden/test_x.py",
            "file_path: ../x",
            "scoring_contract.scoring_function_parameters[0].scorer.test_files[0].file_path",
            "without '..'",
        ),
    ],
)
def test_each_fault_is_told_with_its_line_and_what_is_valid(
    write_folder: WriteFolder, old: str, new: str, field: str, says: str
) -> None:
    """One wrong field: one problem, which names its file, line and field and says what is valid."""
    document = DOCUMENT.replace(old, new)
    (problem,) = faults_of(write_folder("faulty", (old, new)))
    assert (problem.file, problem.field) == ("scenario.yaml", field)
    assert says in problem.message
    if "sum to 1" in says:  # which belongs to the list, not to one weight
        new = "scoring_function_parameters"
    elif not new:
        new = "type: bash_script_scorer"
    assert problem.line == line_of(new, document)
    assert str(problem).startswith(f"scenario.yaml:{problem.line}: {field}: ")


def test_several_faults_are_told_together_in_the_order_of_their_lines(write_folder: WriteFolder) -> None:
    """An author mends everything in one go."""
    folder = write_folder(
        "faulty",
        ("name: fix-the-parser", "nmae: x"),
        ("weight: 0.7", "weight: 7"),
        ("scorer_timeout_sec: 120", "scorer_timeout_sec: soon"),
    )
    problems = faults_of(folder)
    assert [problem.field for problem in problems] == [
        "name",
        "nmae",
        "scoring_contract.scoring_function_parameters[0].weight",
        "scorer_timeout_sec",
    ]
    assert [problem.line for problem in problems] == sorted(problem.line for problem in problems)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 0, "holds none"),
        ("- a\n", 1, "must hold fields"),
        ("a: 1\nb: [\n", 3, "not valid YAML"),
        ("a: 1\na: 2\n", 2, "twice"),
        ("a: &x 1\nb: *x\n", 1, "Anchors"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "Tags"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("? [a]\n: 1\n", 1, "must be text"),
        ("a: " + "[" * 40, 1, "Nested deeper"),
        ('a: "\\0"\n', 1, "NUL"),
        ("a: 1\nb: \x01\n", 2, "does not allow"),
    ],
)
def test_what_is_no_document_is_told_with_its_line(write_folder: WriteFolder, text: str, line: int, says: str) -> None:
    """YAML that is broken, or more than the format needs, is a problem of its line."""
    folder = write_folder()
    (folder / "scenario.yaml").write_text(text)
    first = faults_of(folder)[0]
    assert says in first.message
    assert first.line == line


def test_files_that_are_no_text_are_told(write_folder: WriteFolder) -> None:
    """A binary file in a text field's place, and a document that is not UTF-8, name file and line."""
    folder = write_folder()
    (folder / "scoring" / "tidy.sh").write_bytes(b"ok\n\xff\n")
    assert "is not UTF-8 text (line 2)" in faults_of(folder)[0].message
    (folder / "scenario.yaml").write_bytes(b"format: 1\nname: \xff\n")
    (problem,) = faults_of(folder)
    assert (problem.line, "UTF-8" in problem.message) == (2, True)


def test_links_never_lead_out_of_the_folder(write_folder: WriteFolder, tmp_path: Path) -> None:
    """Neither text fields nor the files to lay out follow a link to what the folder does not hold."""
    (tmp_path / "secret").write_text("secret")
    folder = write_folder()
    tidy = folder / "scoring" / "tidy.sh"
    tidy.unlink()
    tidy.symlink_to(tmp_path / "secret")
    assert "leads out" in faults_of(folder)[0].message
    tidy.unlink()
    write_folder()
    (folder / "files" / "link").symlink_to("../../../secret")
    (problem,) = faults_of(folder)
    assert (problem.file, "leads out" in problem.message) == ("files/link", True)
    (folder / "files" / "link").unlink()
    (folder / "files" / "link").symlink_to("parser.py")
    load_folder(folder, "mine")


def test_a_missing_problem_statement_says_where_it_can_stand(write_folder: WriteFolder) -> None:
    """Without problem.md and without a statement in the document, both ways are named."""
    folder = write_folder()
    (folder / "problem.md").unlink()
    (problem,) = faults_of(folder)
    assert problem.field == "input_context.problem_statement"
    assert "problem.md" in problem.message


def test_the_hash_names_contents_and_nothing_else(write_folder: WriteFolder) -> None:
    """Times, bytecode and place don't matter; contents, names, program bits, links and launch parameters do."""
    first = write_folder("one")
    second = write_folder("two")
    os.utime(second / "files" / "parser.py", (1, 1))
    (second / "files" / "__pycache__").mkdir()
    (second / "files" / "__pycache__" / "parser.pyc").write_text("x")
    before = load_folder(first, "mine")
    assert load_folder(second, "mine").files_key == before.files_key
    assert load_folder(second, "mine").environment_hash == before.environment_hash

    seen = {before.environment_hash}
    for change in (
        lambda: (first / "files" / "parser.py").chmod(0o755),
        lambda: (first / "files" / "parser.py").write_text("print(1)\n"),
        lambda: (first / "files" / "parser.py").rename(first / "files" / "other.py"),
        (first / "files" / "empty").mkdir,
        lambda: (first / "files" / "link").symlink_to("other.py"),
        lambda: (first / "scenario.yaml").write_text(DOCUMENT.replace("600", "700")),
    ):
        change()
        seen.add(load_folder(first, "mine").environment_hash)
    assert len(seen) == 7


def test_a_folder_without_files_lays_out_nothing(write_folder: WriteFolder) -> None:
    """`files/` is optional."""
    folder = write_folder()
    (folder / "files" / "parser.py").unlink()
    (folder / "files").rmdir()
    assert load_folder(folder, "mine").files_key is None


def test_what_cannot_be_laid_out_is_told(write_folder: WriteFolder) -> None:
    """A pipe among the files is a problem that names it."""
    folder = write_folder()
    os.mkfifo(folder / "files" / "pipe")
    (problem,) = faults_of(folder)
    assert problem.file == "files/pipe"
