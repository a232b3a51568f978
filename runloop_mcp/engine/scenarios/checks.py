"""The rules for scenarios that types can't express; the same for folders, `create` and `update`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import fsum, isfinite
from pathlib import PurePosixPath

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.scenario import ScenarioEnvironment, ScenarioView
from runloop_mcp.api.models.scoring import Disclosure, ScoringContract, ScoringMode, TestBasedScorer
from runloop_mcp.engine.scenarios.launch_checks import launch_faults

WEIGHT_TOLERANCE = 1e-6
REFERENCE_KINDS = ("patch", "commands", "none")
SYSTEM_DIRECTORIES = ("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "sys", "usr")

_CHOICES: dict[str, Sequence[str]] = {
    "scoring": tuple(ScoringMode),
    "disclosure": tuple(Disclosure),
    "reference_kind": REFERENCE_KINDS,
}
_COUNTS = ("max_commands", "max_attempts")
_FUNCTION_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROGRAM_NAME = re.compile(r"[A-Za-z0-9._+-]+")

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that a scenario breaks."""

    location: Location
    """The way to the field, in the names of the view."""
    message: str
    """What is valid."""


def field_name(location: Sequence[str | int]) -> str:
    """A field's path as people write it: `scoring_function_parameters[0].weight`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def refuse_faults(scenario: ScenarioView, *, environment_field: str = "environment_parameters") -> None:
    """Raises what is wrong with a scenario that came over the wire.

    Raises:
        InvalidRequest: It breaks a rule; the message names every field that does.
    """
    faults = [
        Fault((environment_field, *fault.location[1:]), fault.message)
        if fault.location[:1] == ("environment",)
        else fault
        for fault in find_faults(scenario)
    ]
    if faults:
        raise InvalidRequest(
            "The scenario is not valid. " + " ".join(f"{field_name(f.location)}: {f.message}." for f in faults),
            hint="Correct these fields and call again.",
        )


def find_faults(scenario: ScenarioView) -> list[Fault]:
    """Every rule that a scenario breaks, in the order of its fields."""
    return [
        *_text_faults(scenario),
        *_environment_faults(scenario.environment or ScenarioEnvironment()),
        *_contract_faults(scenario.scoring_contract),
        *_metadata_faults(scenario.metadata),
        *_name_faults(
            "required_environment_variables",
            scenario.required_environment_variables,
            _VARIABLE_NAME,
            "an environment variable's name (letters, digits and _, not beginning with a digit)",
        ),
        *_name_faults("required_secret_names", scenario.required_secret_names, re.compile(r"\S+"), "a secret's name"),
        *_character_faults((), scenario.model_dump(mode="python")),
    ]


def _text_faults(scenario: ScenarioView) -> Iterator[Fault]:
    if not scenario.name.strip():
        yield Fault(("name",), "can't be blank")
    if not scenario.input_context.problem_statement.strip():
        yield Fault(("input_context", "problem_statement"), "can't be blank; it is what the solver reads")
    if scenario.scorer_timeout_sec is not None and scenario.scorer_timeout_sec <= 0:
        yield Fault(("scorer_timeout_sec",), "must be a number of seconds above 0")


def _environment_faults(environment: ScenarioEnvironment) -> Iterator[Fault]:
    directory = environment.working_directory
    if directory is not None:
        message = _directory_fault(directory)
        if message:
            yield Fault(("environment", "working_directory"), message)
    if environment.blueprint_id is not None and environment.snapshot_id is not None:
        yield Fault(
            ("environment", "blueprint_id"), "can't be given with snapshot_id; a devbox begins as one of the two"
        )
    if environment.launch_parameters is not None:
        for place, message in launch_faults(environment.launch_parameters):
            yield Fault(("environment", "launch_parameters", *place), message)


def _directory_fault(directory: str) -> str:
    path = PurePosixPath(directory)
    if not path.is_absolute():
        return f"{directory!r} must be an absolute path, such as /home/user/work"
    if ".." in path.parts:
        return f"{directory!r} must not hold '..'"
    names = path.parts[1:]
    if not names:
        return "must be a directory below /, such as /home/user/work"
    if names[0] in SYSTEM_DIRECTORIES:
        return f"{directory!r} is under /{names[0]}, which is read-only; choose a path such as /home/user/work"
    return ""


def _contract_faults(contract: ScoringContract) -> Iterator[Fault]:
    place = ("scoring_contract", "scoring_function_parameters")
    functions = contract.scoring_function_parameters
    if not functions:
        yield Fault(place, "must hold at least one scoring function")
        return
    for number, function in enumerate(functions):
        if not _FUNCTION_NAME.fullmatch(function.name):
            yield Fault((*place, number, "name"), f"{function.name!r} must consist of letters, digits, '_' and '-'")
        if not 0 < function.weight <= 1:
            yield Fault((*place, number, "weight"), f"{function.weight:g} must be above 0 and at most 1")
        if isinstance(function.scorer, TestBasedScorer):
            yield from _test_file_faults((*place, number, "scorer"), function.scorer)
    total = fsum(function.weight for function in functions)
    if not isfinite(total) or abs(total - 1) > WEIGHT_TOLERANCE:
        yield Fault(place, f"the weights must sum to 1, and sum to {total:.10g}")


def _test_file_faults(place: Location, scorer: TestBasedScorer) -> Iterator[Fault]:
    for number, file in enumerate(scorer.test_files):
        path = PurePosixPath(file.file_path)
        if not path.name or ".." in path.parts or file.file_path.endswith("/"):
            yield Fault(
                (*place, "test_files", number, "file_path"),
                f"{file.file_path!r} must be the path of a file, relative to the working directory and without '..'",
            )


def _metadata_faults(metadata: dict[str, str]) -> Iterator[Fault]:
    for key, choices in _CHOICES.items():
        value = metadata.get(key)
        if value is not None and value not in choices:
            yield Fault(("metadata", key), f"{value!r} must be one of {', '.join(choices)}")
    for key in _COUNTS:
        value = metadata.get(key)
        if value is not None and not (value.isascii() and value.isdigit() and int(value[:10]) > 0 and len(value) <= 10):
            yield Fault(("metadata", key), f"{value!r} must be a whole number above 0")
    for program in metadata.get("requires", "").split(","):
        if program and not _PROGRAM_NAME.fullmatch(program.strip()):
            yield Fault(
                ("metadata", "requires"), f"{program!r} must be the name of a program; separate several by commas"
            )


def _name_faults(field: str, names: Sequence[str] | None, pattern: re.Pattern[str], meaning: str) -> Iterator[Fault]:
    for number, name in enumerate(names or ()):
        if not pattern.fullmatch(name):
            yield Fault((field, number), f"{name!r} must be {meaning}")


def _character_faults(location: Location, value: object) -> Iterator[Fault]:
    """Text with NUL can be neither a command nor a path, and half a surrogate pair can't leave as UTF-8."""
    match value:
        case str():
            if "\0" in value or not _is_unicode(value):
                yield Fault(location, "must not hold the character NUL or half of a surrogate pair")
        case dict():
            for key, item in value.items():
                yield from _character_faults((*location, str(key)), item)
        case list():
            for number, item in enumerate(value):
                yield from _character_faults((*location, number), item)
        case _:
            return


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
