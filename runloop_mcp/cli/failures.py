"""What went wrong, as a sentence on stderr and an exit code; never a traceback."""

import os
import sys
from textwrap import indent

import click

from runloop_mcp.api.errors import ApiError

INTERRUPTED = 130
DEBUG_VARIABLE = "RUNLOOP_MCP_DEBUG"
"""Set to anything, errors are raised to the end, for whoever looks for their cause."""


def first(error: BaseException) -> BaseException:
    """What was raised first in a group of errors that ended together; what ends the process before all others."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [first(inner) for inner in error.exceptions]
    return next((leaf for leaf in leaves if isinstance(leaf, (KeyboardInterrupt, SystemExit))), leaves[0])


def report(error: BaseException) -> int:
    """Says what went wrong and what to do next, and returns the exit code that goes with it."""
    error = first(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return INTERRUPTED
    if isinstance(error, SystemExit):
        # What draws on the terminal ends so where whoever reads the output stops reading.
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, BrokenPipeError):
        # Whoever reads the output has had enough of it. What is still in the buffer goes nowhere, without a complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, ApiError):
        _complain(error.message, error.hint)
    elif isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        _complain(f"The system refused: {error.strerror or error}{where}.", "runloop-mcp doctor looks at the machine.")
    else:
        _complain(
            f"runloop-mcp met an error that it did not expect: {type(error).__name__}: {error}",
            f"Please report it; {DEBUG_VARIABLE}=1 shows where it happened.",
        )
    return 1


def _complain(message: str, hint: str = "") -> None:
    """Says on stderr what went wrong and what to do next, as a line of the log where that is for programs."""
    if "runloop_mcp.cli.logs" in sys.modules:
        from runloop_mcp.cli.logs import fail, logs_json

        if logs_json():
            fail(f"{message} {hint}".rstrip())
            return
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {message}", err=True)
    if hint:
        click.echo(indent(hint, "  "), err=True)
