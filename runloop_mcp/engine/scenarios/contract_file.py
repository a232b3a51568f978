"""A scoring contract in a file: one of its own, or that of a scenario's document."""

from pathlib import Path

from pydantic import ValidationError

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.engine.scenarios import folder_format
from runloop_mcp.engine.scenarios.document import DocumentError, parse
from runloop_mcp.engine.scenarios.folder import DOCUMENT
from runloop_mcp.engine.scenarios.format_errors import problems_of
from runloop_mcp.engine.scenarios.text_files import FolderTexts

_MAX_BYTES = 4 * 1024 * 1024


def read_contract(path: Path) -> ScoringContract:
    """Reads a contract, in YAML or JSON; blocks.

    Args:
        path: A file that holds `scoring_function_parameters`, or these below `scoring_contract`; or a scenario's
            folder. Files that it names lie beside it.

    Raises:
        NotFound: There is no such file.
        InvalidRequest: It holds no contract that is valid; the message says what is wrong, with lines and fields.
    """
    path = path / DOCUMENT if path.is_dir() else path
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(
            f"There is no file {path}.", hint="Give a file with a scoring contract, or a scenario's folder."
        ) from None
    except OSError as error:
        raise InvalidRequest(f"{path} can't be read: {error.strerror}.", hint="Give a file of text.") from error
    hint = "docs/scenario-format.md tells what a scoring contract holds."
    if len(data) > _MAX_BYTES:
        raise InvalidRequest(f"{path} has more than 4 MiB.", hint="Put long text into files beside it.")
    try:
        root = parse(data, path.name)
        contract = root.at(["scoring_contract"])
        found = folder_format.ScoringContract.model_validate(contract.plain(), context=FolderTexts(path.parent))
    except DocumentError as error:
        raise InvalidRequest(str(error), hint=hint) from error
    except ValidationError as error:
        problems = problems_of(error, contract, path.name, folder_format.ScoringContract)
        raise InvalidRequest("\n".join(map(str, problems)), hint=hint) from error
    return ScoringContract.model_validate(found.model_dump(exclude_none=True))
