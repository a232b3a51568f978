"""What a scorer is: a function of its parameters and of a `Workplace`, where it does its work.

A new scorer type is a module with such a function and a line in `registry.py`.
"""

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.devbox.port import HOME, Command, Devbox, Exit
from runloop_mcp.engine.devboxes.sizes import hit_notes
from runloop_mcp.engine.scoring.captured import CapturedOutput
from runloop_mcp.engine.scoring.running import BASH, GRACE_SECONDS, run_to_end
from runloop_mcp.engine.scoring.tools import ScorerTools

_EVALUATE = 'eval "$(/bin/cat)"'
"""Reads a script whole before any of it runs, so that nothing of it can be read from standard input, which is at its
end then."""

Score = Callable[[Any, "Workplace"], Awaitable[float]]
"""Scores: takes the scorer's parameters and a place to work, and gives a score in 0..1.

Raises:
    ScorerFailed: The function ends in error.
    Unavailable: Our own machinery broke.
"""


class ScorerFailed(Exception):
    """A scorer gave no score: the function ends in error with a score of 0, and this message ends its output."""


class Workplace:
    """Where one scorer works: a devbox, the environment for its programs, its output, and the time that is left."""

    def __init__(
        self,
        devbox: Devbox,
        environment: Mapping[str, str],
        *,
        ends_at: float,
        limit_seconds: float,
        tools: ScorerTools,
    ) -> None:
        self.devbox = devbox
        self.tools = tools
        self.output = CapturedOutput()
        self._environment = environment
        self._ends_at = ends_at
        self._limit_seconds = limit_seconds

    @property
    def seconds_left(self) -> float:
        """How long this scorer may still run.

        Raises:
            ScorerFailed: The time is up.
        """
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise ScorerFailed(f"No time was left: all scorers together have {self._limit_seconds:g} s.")
        return left

    async def bash(
        self,
        script: str,
        *,
        environment: Mapping[str, str] | None = None,
        stdout: Callable[[bytes], None] | None = None,
    ) -> Exit:
        """Runs a script with bash in the working directory; all it prints goes to the output.

        Args:
            script: The script's text.
            environment: Further variables for it.
            stdout: Is fed with its standard output, too.

        Raises:
            ScorerFailed: It timed out, or can't be started.
            Unavailable: The devbox was lost.
        """
        async with self.name_for(".sh") as path:
            argv = [*BASH, "-c", _EVALUATE, path]
            return await self.run(argv, stdin=script, guarded=True, environment=environment, stdout=stdout)

    async def run(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdout: Callable[[bytes], None] | None = None,
        working_directory: str | None = None,
        stdin: str = "",
        guarded: bool = False,
    ) -> Exit:
        """Runs a program, in the working directory unless told otherwise; the rest and errors as for `bash`.

        With `guarded` other processes of the devbox can't look into it, as `Command.guarded` says.
        """

        async def keep(data: bytes) -> None:
            self.output.feed(data)

        async def keep_stdout(data: bytes) -> None:
            self.output.feed(data)
            if stdout:
                stdout(data)

        command = Command(
            argv,
            working_directory=working_directory,
            environment={**self._environment, **(environment or {})},
            timeout_seconds=self.seconds_left,
            stdin=stdin.encode(errors="replace"),
            guarded=guarded,
        )
        try:
            exit_ = await run_to_end(self.devbox, command, stdout=keep_stdout, stderr=keep)
        except InvalidRequest as error:
            raise ScorerFailed(f"The scorer can't be started: {error}") from error
        for note in hit_notes(exit_.limits, self.devbox.spec.limits):
            self.output.feed(f"\n{note}\n".encode())
        if exit_.timed_out:
            raise ScorerFailed(f"The scorer timed out: all scorers together have {self._limit_seconds:g} s.")
        return exit_

    @asynccontextmanager
    async def name_for(self, suffix: str) -> AsyncIterator[str]:
        """The path that a script is told as its own: of an empty file, gone afterwards.

        The script itself is in no file, where what it runs could read it, and comes by standard input. But scripts are
        used to having a file, which careful ones delete. Not in the working directory, which is the solver's answer;
        and in no directory of its own, because a file can be removed without a trace.
        """
        folder = HOME if self.devbox.spec.working_directory == "/tmp" else "/tmp"  # noqa: S108 - the devbox's own
        path = f"{folder}/.scorer-{secrets.token_hex(16)}{suffix}"
        try:
            await self.devbox.write_file(path, b"", mode=0o600)
            try:
                yield path
            finally:
                with anyio.move_on_after(GRACE_SECONDS, shield=True):
                    await self.devbox.remove_file(path)
        except InvalidRequest as error:
            raise ScorerFailed(f"A script can't be put into the devbox, or not be taken out of it: {error}") from error
