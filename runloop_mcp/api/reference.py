"""What a scenario's reference output is, and the command that applies it. Pure, so that all read it alike."""

from enum import StrEnum

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.devbox import ExecuteParams
from runloop_mcp.api.models.scenario import ScenarioView

_PATCH_BEGINNINGS = ("diff --git", "--- ")


class ReferenceKind(StrEnum):
    """How a reference output is to be read (`metadata.reference_kind`)."""

    PATCH = "patch"
    """A patch of the working directory."""
    COMMANDS = "commands"
    """Commands for bash, in the working directory."""
    NONE = "none"
    """Nothing that could be applied."""


def reference_kind(scenario: ScenarioView) -> ReferenceKind:
    """How to read the scenario's reference output: as its metadata says, else by how it begins.

    Raises:
        InvalidRequest: `metadata.reference_kind` is none of the kinds.
    """
    named = scenario.metadata.get("reference_kind")
    if named is not None:
        try:
            return ReferenceKind(named)
        except ValueError:
            valid = ", ".join(ReferenceKind)
            raise InvalidRequest(
                f"The scenario's metadata.reference_kind is {named!r}.", hint=f"Valid are: {valid}."
            ) from None
    reference = (scenario.reference_output or "").lstrip()
    if not reference:
        return ReferenceKind.NONE
    return ReferenceKind.PATCH if reference.startswith(_PATCH_BEGINNINGS) else ReferenceKind.COMMANDS


def reference_command(scenario: ScenarioView, *, take_away: bool = False) -> ExecuteParams | None:
    """The command that applies the reference output in the working directory; None where there is nothing to apply.

    Args:
        scenario: Whose reference.
        take_away: Undo a patch instead; commands are what they are.

    Raises:
        InvalidRequest: `metadata.reference_kind` is none of the kinds.
    """
    kind = reference_kind(scenario)
    reference = scenario.reference_output or ""
    if kind is ReferenceKind.NONE or not reference.strip():
        return None
    if kind is ReferenceKind.COMMANDS:
        return ExecuteParams(command=reference)
    options = " --reverse" if take_away else ""
    return ExecuteParams(command=f"git apply --whitespace=nowarn{options} -", stdin=_whole_lines(reference.lstrip()))


def _whole_lines(patch: str) -> str:
    """A patch whose last line lacks its end is corrupt to git, and text fields of the wire often lose it."""
    return patch if patch.endswith("\n") else patch + "\n"
