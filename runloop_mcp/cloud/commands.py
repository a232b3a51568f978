"""Commands with what the wire has no fields for, put into words of bash.

The wire's commands start in the user's home, without a limit on time, variables of their own or input.
"""

import base64
import posixpath
import re
import shlex
from dataclasses import dataclass
from typing import Final

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.devbox import ExecuteParams, ExecutionDetails, ExecutionStatus, ExecutionView
from runloop_mcp.cloud.places import HOME

_NO_DIRECTORY: Final = "runloop-mcp: there is no such directory"
_NO_DIRECTORY_STATUS: Final = 97
KILLED_STATUS: Final = 137
MOST_INLINE_STDIN: Final = 16_384
"""Bytes of input that go with the command; more is sent to it."""
_MARK: Final = "__runloop_mcp"
_IN_SHELL: Final = f"{_MARK}_last="
"""How all that is sent to a named shell begins."""
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_SHELL_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A command as it goes over the wire."""

    text: str
    directory: str
    """Where it starts; empty in a named shell that stays where it is."""
    timeout_seconds: float | None = None


def wrapped(params: ExecuteParams, directory: str) -> Wrapped:
    """The command with its directory, variables, time limit and input.

    Args:
        params: What was asked for.
        directory: The devbox's working directory.

    Raises:
        InvalidRequest: It can't be a command.
    """
    _refuse(params)
    where = joined(directory, params.working_directory)
    if params.shell_name is not None:
        # A shell that has just begun is in the home, and not in the working directory; what ended last stays known.
        goes = f'[ -n "${{{_MARK}-}}" ] || {{ {_MARK}=1; cd -- {_word(directory)} 2>/dev/null; }}'
        begins = f"{_IN_SHELL}$?; {goes}; (exit ${_MARK}_last)"
        return Wrapped(f"{begins}\n{_in_shell(params, where)}", where if params.working_directory else "")
    parts = ["exec"]
    if params.timeout_seconds is not None:
        parts += ["timeout", "-s", "KILL", f"{params.timeout_seconds:.3f}"]
    if params.environment:
        parts += ["env", *(shlex.quote(f"{name}={value}") for name, value in params.environment.items())]
    parts += ["bash", "-c", shlex.quote(params.command)]
    if (stdin := inline_stdin(params)) is not None:
        parts.append(_from(stdin))
    return Wrapped(f"{_go(where)}\n{' '.join(parts)}", where, params.timeout_seconds)


def inline_stdin(params: ExecuteParams) -> bytes | None:
    """The input that goes with the command; None where there is none, or it is sent to it."""
    if params.stdin is None or params.attach_stdin:
        return None
    data = params.stdin.encode("utf-8", "surrogatepass")
    return data if len(data) <= MOST_INLINE_STDIN else None


def unwrapped(text: str) -> Wrapped | None:
    """The command as it was asked for, from how it went over the wire; None where it is none of ours.

    What a server covered in it, such as values of secrets, stays covered.
    """
    if text.startswith(_IN_SHELL):
        return Wrapped(text.partition("\n")[2], "")
    if not text.startswith("cd -- ") or _NO_DIRECTORY not in text:
        return None
    try:
        words = shlex.split(text)
        seconds = float(words[words.index("KILL") + 1]) if words[words.index("exec") + 1 :][:1] == ["timeout"] else None
        return Wrapped(words[words.index("-c") + 1], words[2].replace("$HOME", HOME), seconds)
    except (ValueError, IndexError):
        return None


def joined(directory: str, path: str | None) -> str:
    """A path as the devbox's working directory makes it, if it is relative."""
    if not path:
        return directory
    return posixpath.normpath(path if path.startswith(("/", "~")) else posixpath.join(directory, path))


def refuse_no_directory(view: ExecutionView, sent: Wrapped) -> None:
    """Refuses what could not begin.

    Raises:
        InvalidRequest: The working directory is not there.
    """
    completed = view.status == ExecutionStatus.COMPLETED
    if completed and view.exit_status == _NO_DIRECTORY_STATUS and (view.stderr or "").rstrip().endswith(_NO_DIRECTORY):
        raise InvalidRequest(
            f"There is no directory {sent.directory} on the devbox.",
            hint="A working directory is absolute, or relative to the devbox's own.",
        )


def with_details(
    view: ExecutionView,
    command: str,
    sent: Wrapped,
    *,
    attached: bool = False,
    timed_out: bool = False,
    seconds: float | None = None,
) -> ExecutionView:
    """The execution with what is known of it here.

    Args:
        view: As the server tells it.
        command: As it was asked for.
        sent: As it was sent.
        attached: Whether input can be sent to it.
        timed_out: Whether it was ended because its time was over.
        seconds: How long ago it began, where that is known here.
    """
    details = view.x_runloop_mcp or ExecutionDetails(
        stdout_bytes=len((view.stdout or "").encode("utf-8", "replace")),
        stderr_bytes=len((view.stderr or "").encode("utf-8", "replace")),
    )
    # Input that is sent by hand for its size alone is not the caller's to go on with.
    changes: dict[str, object] = {
        "command": command,
        "working_directory": sent.directory,
        "attach_stdin": attached,
    }
    if timed_out or _ran_out_of_time(view, details, sent.timeout_seconds, seconds):
        changes |= {"timed_out": True, "killed": False}
    return view.model_copy(update={"x_runloop_mcp": details.model_copy(update=changes)})


def _ran_out_of_time(
    view: ExecutionView, details: ExecutionDetails, timeout_seconds: float | None, seconds: float | None
) -> bool:
    """Whether the time limit ended a command: it was killed, and not before."""
    if details.timed_out or timeout_seconds is None or view.exit_status != KILLED_STATUS:
        return details.timed_out
    took = details.duration_ms / 1000 if details.duration_ms is not None else seconds
    return took is None or took >= timeout_seconds


def _in_shell(params: ExecuteParams, where: str) -> str:
    """The same for a shell that stays as it is when the command is over."""
    text = params.command
    stdin = inline_stdin(params)
    if params.environment or stdin is not None:
        names = list(params.environment or {})
        exports = [f"export {name}={shlex.quote(value)}" for name, value in (params.environment or {}).items()]
        run = f"eval {shlex.quote(text)}" + (f" {_from(stdin)}" if stdin is not None else "")
        ends = [f"unset {' '.join(names)}"] if names else []
        text = "\n".join([*exports, run, f"{_MARK}_status=$?", *ends, f"(exit ${_MARK}_status)"])
    if params.working_directory:
        # Braces, not a subshell: the shell is to stay where it went.
        missing = f"echo {shlex.quote(_NO_DIRECTORY)} >&2\n(exit {_NO_DIRECTORY_STATUS})"
        text = f"if cd -- {_word(where)}; then\n{text}\nelse\n{missing}\nfi"
    return text


def _go(where: str) -> str:
    missing = f"{{ echo {shlex.quote(_NO_DIRECTORY)} >&2; exit {_NO_DIRECTORY_STATUS}; }}"
    return f"cd -- {_word(where)} 2>/dev/null || {missing}"


def _word(path: str) -> str:
    """A path as a word of bash; the home is what the devbox says it is."""
    if path == HOME:
        return '"$HOME"'
    if path.startswith(f"{HOME}/"):
        return f'"$HOME"/{shlex.quote(path[2:])}'
    return shlex.quote(path)


def _from(stdin: bytes) -> str:
    return f"< <(printf %s {base64.b64encode(stdin).decode()} | base64 -d)" if stdin else "< /dev/null"


def _refuse(params: ExecuteParams) -> None:
    if "\0" in params.command:
        raise InvalidRequest("The command holds a NUL character.", hint="Send the command without it.")
    for name, value in (params.environment or {}).items():
        if not _VARIABLE.fullmatch(name) or "\0" in value:
            raise InvalidRequest(
                f"{name!r} can't be an environment variable of a command.",
                hint="Names are letters, digits and underscores, not beginning with a digit; values hold no NUL.",
            )
    shell = params.shell_name
    if shell is not None and (not shell.strip() or len(shell) > _LONGEST_SHELL_NAME or not shell.isprintable()):
        raise InvalidRequest(
            "This can't be the name of a shell.",
            hint=f"A name is 1 to {_LONGEST_SHELL_NAME} printable characters, not only blanks.",
        )
