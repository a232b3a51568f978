"""What a reference output is, and the command that applies it."""

import subprocess
from pathlib import Path

import pytest

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.devbox import ExecuteParams
from runloop_mcp.api.models.scenario import InputContext, ScenarioView
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.api.reference import ReferenceKind, reference_command, reference_kind

_PATCH = "--- a/word\n+++ b/word\n@@ -1 +1 @@\n-no\n+yes\n"


def _scenario(reference: str | None, kind: str | None = None) -> ScenarioView:
    return ScenarioView(
        id="scn_000000000000000000000",
        name="word",
        input_context=InputContext(problem_statement="Change the word."),
        scoring_contract=ScoringContract(scoring_function_parameters=[]),
        metadata={"reference_kind": kind} if kind else {},
        reference_output=reference,
    )


@pytest.mark.parametrize(
    ("reference", "named", "kind"),
    [
        (_PATCH, None, ReferenceKind.PATCH),
        ("diff --git a/word b/word\n", None, ReferenceKind.PATCH),
        ("\n" + _PATCH, None, ReferenceKind.PATCH),
        ("pytest -q", None, ReferenceKind.COMMANDS),
        ("echo '--- a/word'", None, ReferenceKind.COMMANDS),
        ("---", None, ReferenceKind.COMMANDS),
        ("", None, ReferenceKind.NONE),
        (None, None, ReferenceKind.NONE),
        ("From a letter\n" + _PATCH, "patch", ReferenceKind.PATCH),
        (_PATCH, "commands", ReferenceKind.COMMANDS),
        (_PATCH, "none", ReferenceKind.NONE),
    ],
)
def test_kind(reference: str | None, named: str | None, kind: ReferenceKind) -> None:
    """A reference is what its metadata says, else what it begins like: a patch, or commands."""
    assert reference_kind(_scenario(reference, named)) is kind


def test_kind_that_is_none() -> None:
    """A kind that does not exist is answered with those that do."""
    with pytest.raises(InvalidRequest, match="patch, commands, none"):
        reference_kind(_scenario(_PATCH, "patches"))


@pytest.mark.parametrize("patch", [_PATCH, _PATCH.rstrip("\n"), "\n\n" + _PATCH])
def test_patch_is_applied_and_taken_away(tmp_path: Path, patch: str) -> None:
    """The command applies the patch, whether or not its last line kept its end, and takes it away again."""
    word = tmp_path / "word"
    word.write_text("no\n")
    _run(reference_command(_scenario(patch)), tmp_path)
    assert word.read_text() == "yes\n"
    _run(reference_command(_scenario(patch), take_away=True), tmp_path)
    assert word.read_text() == "no\n"


def test_commands_are_bash() -> None:
    """Commands are run as they stand, in either direction."""
    for take_away in (False, True):
        command = reference_command(_scenario("echo yes > word\n"), take_away=take_away)
        assert command is not None
        assert command.command == "echo yes > word\n"
        assert command.stdin is None


def test_nothing_to_apply() -> None:
    """Without a reference, or with one that is not to be applied, there is no command."""
    assert reference_command(_scenario(None)) is None
    assert reference_command(_scenario("  \n", "patch")) is None
    assert reference_command(_scenario(_PATCH, "none")) is None


def _run(command: ExecuteParams | None, folder: Path) -> None:
    assert command is not None
    subprocess.run(["bash", "-c", command.command], input=command.stdin, cwd=folder, text=True, check=True, timeout=30)
