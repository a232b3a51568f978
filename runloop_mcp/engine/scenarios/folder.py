"""A scenario's folder, read whole: what it says, and the hash of the files it lays out."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from runloop_mcp.api.ids import IdPrefix, stable_id
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.engine.scenarios.checks import Location, field_name, find_faults
from runloop_mcp.engine.scenarios.document import DocumentError, Node, Problem, parse
from runloop_mcp.engine.scenarios.environment import environment_hash
from runloop_mcp.engine.scenarios.folder_files import FilesError, content_key
from runloop_mcp.engine.scenarios.folder_format import ScenarioDocument
from runloop_mcp.engine.scenarios.format_errors import problems_of
from runloop_mcp.engine.scenarios.text_files import FolderTexts, TextFileError

DOCUMENT = "scenario.yaml"
PROBLEM_STATEMENT = "problem.md"
FILES = "files"
REFERENCES = {"reference.patch": "patch", "reference.sh": "commands"}
"""The files that hold the reference output where the document names none, and the kind of each."""

_MAX_DOCUMENT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LoadedFolder:
    """A scenario as its folder says."""

    view: ScenarioView
    files_key: str | None
    """Names the contents of `files/`; None where the folder has none."""
    environment_hash: str


def load_folder(folder: Path, pack: str) -> LoadedFolder:
    """Reads a folder that holds a `scenario.yaml`.

    Args:
        folder: The folder.
        pack: The name of its pack, which its id depends on.

    Raises:
        DocumentError: Something in it is not valid; every problem has file, line and field.
    """
    root = parse(_read_document(folder), DOCUMENT)
    document = _validate(root, folder)
    problems: list[Problem] = []
    view = _view(document, folder, pack, root, problems)
    if not problems:
        problems += [_located(fault.location, fault.message, root) for fault in find_faults(view)]
    files_key = _files_key(folder / FILES, problems)
    if problems:
        raise DocumentError(sorted(problems, key=lambda problem: problem.line))
    return LoadedFolder(view, files_key, environment_hash(view.environment, files_key))


def _read_document(folder: Path) -> bytes:
    path = folder / DOCUMENT
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise DocumentError([Problem(DOCUMENT, 0, "", f"It can't be read: {error.strerror}.")]) from None
    if len(data) > _MAX_DOCUMENT_BYTES:
        raise DocumentError([Problem(DOCUMENT, 0, "", "It is larger than 1 MiB; put long text into files of its own.")])
    return data


def _validate(root: Node, folder: Path) -> ScenarioDocument:
    version = root.at(["format"])
    if version is not root and isinstance(version.value, str) and version.value != "1":
        # First and alone: what another version means by its fields is not known here.
        message = f"{str(version.value)!r} is no format that this program knows; it reads format 1"
        raise DocumentError([Problem(DOCUMENT, version.line, "format", message)])
    try:
        return ScenarioDocument.model_validate(root.plain(), context=FolderTexts(folder))
    except ValidationError as error:
        raise DocumentError(problems_of(error, root, DOCUMENT, ScenarioDocument)) from None


def _view(document: ScenarioDocument, folder: Path, pack: str, root: Node, problems: list[Problem]) -> ScenarioView:
    metadata = dict(document.metadata)
    reference = document.reference_output
    if reference is None:
        reference = _default_reference(folder, metadata, problems)
    if document.requires:
        if "requires" in metadata:
            problems.append(_located(("metadata", "requires"), "stands in `requires` too; give it once", root))
        metadata["requires"] = ",".join(document.requires)
    statement = document.input_context.problem_statement
    if statement is None:
        statement = _default_text(folder, PROBLEM_STATEMENT, problems)
    if statement is None:
        message = f"is required: write {PROBLEM_STATEMENT}, or give problem_statement or problem_statement_file"
        problems.append(_located(("input_context", "problem_statement"), message, root))
    fields = document.model_dump(exclude_none=True, exclude={"format", "requires", "input_context", "metadata"})
    context = {"problem_statement": statement or "", "additional_context": document.input_context.additional_context}
    try:
        return ScenarioView.model_validate(
            {
                **fields,
                "id": stable_id(IdPrefix.SCENARIO, pack, folder.name),
                "input_context": context,
                "metadata": metadata,
                "reference_output": reference,
            }
        )
    except ValidationError as error:  # the wire is stricter somewhere than the format
        raise DocumentError([*problems, *problems_of(error, root, DOCUMENT, ScenarioDocument)]) from None


def _default_reference(folder: Path, metadata: dict[str, str], problems: list[Problem]) -> str | None:
    there = [name for name in REFERENCES if (folder / name).exists()]
    if len(there) > 1:
        problems.append(Problem(there[0], 0, "", f"There are both {' and '.join(there)}; keep one."))
    if not there:
        return None
    metadata.setdefault("reference_kind", REFERENCES[there[0]])
    return _default_text(folder, there[0], problems)


def _default_text(folder: Path, name: str, problems: list[Problem]) -> str | None:
    if not (folder / name).exists():
        return None
    try:
        return FolderTexts(folder).read(name)
    except TextFileError as error:
        problems.append(Problem(name, 0, "", f"{error}."))
        return ""


def _files_key(source: Path, problems: list[Problem]) -> str | None:
    if not source.exists() and not source.is_symlink():
        return None
    if source.is_symlink() or not source.is_dir():
        problems.append(Problem(FILES, 0, "", "It must be a directory: what it holds is laid out in the devbox."))
        return None
    try:
        return content_key(source)
    except FilesError as error:
        problems.append(Problem(f"{FILES}/{error.path}", 0, "", f"This {error.message}."))
    except OSError as error:
        problems.append(Problem(FILES, 0, "", f"{error.filename} can't be read: {error.strerror}."))
    return None


def _located(location: Location, message: str, root: Node) -> Problem:
    if location == ("metadata", "requires") and root.at(["requires"]) is not root:
        location = ("requires",)  # where it stands in a folder
    node = root.at(location)
    return Problem(DOCUMENT, node.key_line or node.line, field_name(location), message)
