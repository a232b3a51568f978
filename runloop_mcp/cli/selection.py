"""Which scenarios are meant: by name, id, pattern, tag, or the folder that they are in."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.scenario import ScenarioListParams, ScenarioStatus, ScenarioView
from runloop_mcp.cli.lookup import all_scenarios, find_scenario, folder_id, is_folder
from runloop_mcp.cli.wiring import folder_problems

_TAG = "tag:"


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for; all scenarios where nothing was."""

    called: Sequence[str]
    """Each a name, an id, a pattern, `tag:` and a tag, or an absolute folder."""

    @property
    def packs(self) -> list[Path]:
        """The folders of scenario folders that hold what was asked for by folder."""
        folders = [Path(each) for each in self.called if Path(each).is_absolute()]
        return list(dict.fromkeys(folder.parent if is_folder(str(folder)) else folder for folder in folders))


def selection(values: Sequence[str]) -> Selection:
    """What the command line asks for.

    Args:
        values: Each one or several of them, separated by commas.
    """
    parts = [part.strip() for value in values for part in ([value] if _is_pack(value) else value.split(","))]
    return Selection([_absolute(part) for part in dict.fromkeys(parts) if part])


def _absolute(part: str) -> str:
    return str(Path(part).resolve()) if is_folder(part) or _is_pack(part) else part


def _is_pack(called: str) -> bool:
    return any(Path(called).glob("*/scenario.yaml")) if Path(called).is_dir() else False


async def chosen(backend: Backend, wanted: Selection) -> list[ScenarioView]:
    """The scenarios that a selection names, each once, by name.

    Raises:
        NotFound: Something in it names no scenario.
        InvalidRequest: A folder in it can't be loaded, or a name is that of several scenarios.
    """
    found: dict[str, ScenarioView] = {}
    for called in wanted.called or ["*"]:
        matching = await _matching(backend, called)
        if not matching:
            raise NotFound(f"No scenario matches {called!r}.", hint="runloop-mcp scenarios list shows those there are.")
        found |= {each.id: each for each in matching}
    return sorted(found.values(), key=lambda each: (each.name, each.id))


async def _matching(backend: Backend, called: str) -> list[ScenarioView]:
    active = ScenarioListParams(status=ScenarioStatus.ACTIVE)
    if Path(called).is_absolute():
        return await _in_folder(backend, Path(called))
    if called.startswith(_TAG):
        return [
            each async for each in all_scenarios(backend, active.model_copy(update={"tags": [called[len(_TAG) :]]}))
        ]
    if any(mark in called for mark in "*?["):
        return [each async for each in all_scenarios(backend, active) if fnmatchcase(each.name, called)]
    return [await find_scenario(backend, called)]


async def _in_folder(backend: Backend, folder: Path) -> list[ScenarioView]:
    folders = _scenario_folders(folder)
    for problem in await folder_problems(backend):
        if any(problem.path.is_relative_to(each) for each in folders):
            raise InvalidRequest(f"The scenario {problem.folder!r} can't be loaded.", hint=str(problem))
    return [await backend.scenarios.retrieve(folder_id(str(each))) for each in folders]


def _scenario_folders(folder: Path) -> list[Path]:
    if is_folder(str(folder)):
        return [folder]
    return sorted(path.parent for path in folder.glob("*/scenario.yaml"))
