"""Runs programs in a devbox to their end, and small scripts of our own with the same care."""

from collections.abc import Sequence

import anyio

from runloop_mcp.api.errors import InvalidRequest, Unavailable
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.devbox.port import Command, Devbox, Exit, LimitHit, OutputSink
from runloop_mcp.engine.scoring.captured import CapturedOutput
from runloop_mcp.engine.scoring.environment import scorer_environment

GRACE_SECONDS = 30.0
"""How long the devbox may take beyond a time limit, and for clearing up, before we call it broken."""

BASH = ("/bin/bash", "--noprofile", "--norc")
"""A shell that reads nobody's start-up files."""

_ANSWER_BYTES = 4_000_000
"""More than any answer of a script of ours: it names the files that one scoring function laid out."""


class ScriptFailed(Exception):
    """A script of ours could not do its work in the devbox as it is; the message says what stood against it."""


async def run_to_end(devbox: Devbox, command: Command, *, stdout: OutputSink, stderr: OutputSink) -> Exit:
    """Runs a command that has a time limit; ends it when cancelled.

    Raises:
        InvalidRequest: The working directory or the program is not there.
        Unavailable: The devbox was lost, or did not keep to the time limit.
    """
    process = await devbox.start(command, stdout=stdout, stderr=stderr)
    try:
        with anyio.fail_after((command.timeout_seconds or 0) + GRACE_SECONDS):
            exit_ = await process.wait()
    except TimeoutError as error:
        raise _lost("it does not answer any more.") from error
    finally:
        with anyio.move_on_after(GRACE_SECONDS, shield=True):
            await process.kill()
    if exit_.lost:
        raise await lost(devbox)
    if LimitHit.DISK in exit_.limits:
        raise _lost("its disk was at its limit, and what needed more was refused, or killed for it.")
    return exit_


async def lost(devbox: Devbox) -> Unavailable:
    """The error for a devbox that ended under a scorer: our machinery broke, so nothing is scored."""
    reason = "nobody knows why."
    with anyio.move_on_after(GRACE_SECONDS):
        reason = await devbox.wait_ended()
    return _lost(reason)


def _lost(reason: str) -> Unavailable:
    return Unavailable(
        f"The devbox that the scorers run in was lost: {reason}", hint="Score the run again.", retryable=True
    )


async def run_ours(
    devbox: Devbox, script: str, *arguments: str, items: Sequence[str], seconds: float = 60
) -> list[str]:
    """Runs a bash script of ours in the working directory: takes and gives lists of strings, ended by NUL.

    Raises:
        ScriptFailed: Its exit status was not 0, or it took too long.
        Unavailable: The devbox was lost.
    """
    answer = bytearray()
    messages = CapturedOutput(1000)

    async def keep_answer(data: bytes) -> None:
        answer.extend(data[: _ANSWER_BYTES - len(answer)])

    async def keep_message(data: bytes) -> None:
        messages.feed(data)

    command = Command(
        [*BASH, "-c", script, "scoring", *arguments],
        environment=scorer_environment(devbox.spec, {}, ScoringMode.LIVE),
        timeout_seconds=seconds,
        stdin="".join(f"{item}\0" for item in items).encode(errors="surrogateescape"),
    )
    try:
        exit_ = await run_to_end(devbox, command, stdout=keep_answer, stderr=keep_message)
    except InvalidRequest as error:
        raise ScriptFailed(str(error)) from error
    if exit_.timed_out:
        raise ScriptFailed(f"It took longer than {seconds:g} s.")
    if exit_.status != 0:
        raise ScriptFailed(messages.text().strip() or f"Exit status {exit_.status}.")
    return answer.decode(errors="surrogateescape").split("\0")[:-1]
