"""Commands put into words of bash: run by bash here, they do what was asked for."""

import subprocess
from pathlib import Path

import pytest

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.devbox import ExecuteParams, ExecutionView
from runloop_mcp.cloud.commands import joined, refuse_no_directory, unwrapped, wrapped

HARD = "echo \"it's\" '$HOME' `echo back`; printf '%s\\n' \"a b\"\nexit 3"


def ran(text: str, home: Path) -> subprocess.CompletedProcess[str]:
    """What bash does with it, in the home, as the wire says."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        ["bash", "-c", text], cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=20
    )


def test_a_command_does_what_was_asked_for(tmp_path: Path) -> None:
    """Its words, directory, variables, input and exit status arrive unharmed, and can be read from what was sent."""
    (tmp_path / "it's here").mkdir()
    params = ExecuteParams(
        command=f'pwd; echo "$COLOUR"; cat; {HARD}',
        working_directory="it's here",
        environment={"COLOUR": "red \"and\" 'blue'"},
        stdin="typed $x\n",
        timeout_seconds=10,
    )
    sent = wrapped(params, str(tmp_path))
    done = ran(sent.text, tmp_path)
    lines = [str(tmp_path / "it's here"), "red \"and\" 'blue'", "typed $x", "it's $HOME back", "a b"]
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (3, lines, "")
    assert unwrapped(sent.text) == sent.__class__(params.command, str(tmp_path / "it's here"), 10)
    assert ran(wrapped(ExecuteParams(command="cat; pwd"), "~").text, tmp_path).stdout == f"{tmp_path}\n"


def test_a_time_limit_ends_all_that_a_command_started(tmp_path: Path) -> None:
    """Also what does not listen; what was said before stays."""
    params = ExecuteParams(command="echo up; (trap '' TERM; sleep 20) & sleep 20", timeout_seconds=0.3)
    done = ran(wrapped(params, "~").text, tmp_path)
    assert (done.returncode in {137, -9}, done.stdout) == (True, "up\n")


def test_a_directory_that_is_not_there_is_told_apart(tmp_path: Path) -> None:
    """From a command that fails by itself, whatever its status."""
    sent = wrapped(ExecuteParams(command="true", working_directory="gone"), str(tmp_path))
    done = ran(sent.text, tmp_path)
    fields = {"devbox_id": "dbx_1", "execution_id": "exe_1", "status": "completed"}
    with pytest.raises(InvalidRequest, match="gone"):
        refuse_no_directory(ExecutionView(**fields, exit_status=done.returncode, stderr=done.stderr), sent)
    refuse_no_directory(ExecutionView(**fields, exit_status=done.returncode, stderr="mine"), sent)


def test_a_shell_stays_where_it_is_sent_and_forgets_what_was_for_one_command(tmp_path: Path) -> None:
    """It begins in the working directory once; a directory given stays, variables and input are one command's."""
    (tmp_path / "work").mkdir()
    (tmp_path / "other").mkdir()
    directory = str(tmp_path / "work")
    asked = [
        ExecuteParams(command="pwd; cd ..", shell_name="s"),
        ExecuteParams(command="pwd; x=1", shell_name="s"),
        ExecuteParams(command="pwd; cat; echo $V; (exit 4)", shell_name="s", working_directory=str(tmp_path / "other"),
                      environment={"V": "it's"}, stdin="in\n"),
        ExecuteParams(command="echo $?-${V-unset}-$x; pwd", shell_name="s"),
    ]  # fmt: skip
    done = ran("\n".join(wrapped(params, directory).text for params in asked), tmp_path)
    lines = [directory, str(tmp_path), str(tmp_path / "other"), "in", "it's", "4-unset-1", str(tmp_path / "other")]
    assert done.stdout.splitlines() == lines
    plain = wrapped(asked[0], directory)
    assert unwrapped(plain.text) == plain.__class__(asked[0].command, "")


@pytest.mark.parametrize(
    "params",
    [
        {"command": "a\0b"},
        {"command": "true", "environment": {"NOT-A": "variable"}},
        {"command": "true", "environment": {"A": "b\0"}},
        {"command": "true", "shell_name": " "},
        {"command": "true", "shell_name": "a\nb"},
    ],
)
def test_what_can_be_no_command_is_refused(params: dict[str, object]) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidRequest):
        wrapped(ExecuteParams.model_validate(params), "~")


def test_paths_begin_at_the_working_directory() -> None:
    """Relative ones; absolute ones and those in the home are what they are."""
    assert [joined("/srv/x", path) for path in ("a/../b", "/c", "~/d", None)] == ["/srv/x/b", "/c", "~/d", "/srv/x"]
