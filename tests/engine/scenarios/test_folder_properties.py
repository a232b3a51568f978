"""Whatever a scenario.yaml holds, its reader answers with a scenario or with problems that have a file and a line."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from scenario_document import DOCUMENT

from runloop_mcp.engine.scenarios.document import DocumentError, Problem, parse
from runloop_mcp.engine.scenarios.folder import load_folder

NAMES = st.sampled_from(
    [
        "format",
        "name",
        "input_context",
        "environment",
        "scoring_contract",
        "scoring_function_parameters",
        "scorer",
        "type",
        "weight",
        "test_files",
        "file_path",
        "file_contents_file",
        "metadata",
        "requires",
        "launch_parameters",
        "command_scorer",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | NAMES | st.just("problem.md")
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=8), inner, max_size=5),
    max_leaves=25,
)
VALID = yaml.safe_load(DOCUMENT)


def read(data: bytes) -> None:
    """Reads a folder with this document; anything but a scenario or problems with file and line fails the test."""
    with TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "scenario.yaml").write_bytes(data)
        (folder / "problem.md").write_text("Solve it.")
        for problem in problems_of(folder):
            assert problem.file
            assert problem.message
            # Only a file that can't be used at all, an empty one say, has no line to point at.
            assert problem.line >= 1 or not problem.field
            assert problem.line <= len(data.decode(errors="replace").splitlines()) + 1


def problems_of(folder: Path) -> Sequence[Problem]:
    """What is wrong with a folder; none where it gives a scenario that can be kept."""
    try:
        view = load_folder(folder, "mine").view
    except DocumentError as error:
        assert str(error)  # noqa: PT017 - either way out is right
        return error.problems
    json.loads(view.model_dump_json())
    return ()


@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbfformat: 1")
@example(b"a: \xed\xa0\x80")
@example(b"\xff\xfea\x00")
@example(b'"\\U99999999": 1')
@example(b"%YAML 9.9\n---\na: 1")
@example(b"{" * 100_000)
def test_any_bytes(data: bytes) -> None:
    """Bytes of any kind."""
    read(data)


@given(st.text(max_size=200, alphabet=st.sampled_from("ab: -[]{}\n\t'\"&*!|>#%@`,?~0123456789")))
def test_any_punctuation(text: str) -> None:
    """Text that is nearly YAML."""
    read(text.encode())


@given(VALUES)
def test_any_values(value: object) -> None:
    """Well-formed YAML of any shape, in the words of the format."""
    read(yaml.safe_dump(value).encode("utf-8", "surrogatepass"))


@given(st.data())
def test_a_valid_document_with_one_part_replaced(data: st.DataObject) -> None:
    """A valid document in which one value anywhere has become another."""
    document = json.loads(json.dumps(VALID))
    place: object = document
    while True:
        keys: list[object] = list(place) if isinstance(place, dict) else list(range(len(place)))  # type: ignore[arg-type, call-overload]
        key = data.draw(st.sampled_from(keys))
        inner = place[key]  # type: ignore[index]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            place[key] = data.draw(VALUES)  # type: ignore[index]
            break
        place = inner
    read(yaml.safe_dump(document).encode("utf-8", "surrogatepass"))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), JSON_VALUES, min_size=1, max_size=5))
def test_json_values_arrive_as_they_were_meant(value: dict[str, object]) -> None:
    """Where any value goes, what a JSON document says is what arrives."""
    from runloop_mcp.engine.scenarios.folder_format import InputContext  # noqa: PLC0415 - beside its only use

    # JSON is YAML, but for characters that YAML wants escaped, and json escapes all that is not ASCII.
    text = json.dumps({"additional_context": value}).replace("\x7f", "\\u007f")
    try:
        node = parse(text.encode(), "scenario.yaml")
    except DocumentError as error:
        assert "NUL" in str(error) or "surrogate" in str(error) or "YAML" in str(error)  # noqa: PT017 - the other way out
        return
    assert InputContext.model_validate(node.plain()).additional_context == value
