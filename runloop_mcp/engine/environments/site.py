"""A devbox that something is set up in, step by step: by a build, or before a devbox is anybody's."""

from collections.abc import Mapping

from runloop_mcp.api.errors import InvalidRequest, Unavailable
from runloop_mcp.devbox.port import HOME, Command, Devbox
from runloop_mcp.engine.devboxes.sizes import failure_reason, hit_notes
from runloop_mcp.engine.environments.build_log import BuildLog


class StepFailed(Exception):
    """A step failed; the message says which, and how it ended."""

    def __init__(self, message: str, *, reason: str = "execution_failed") -> None:
        super().__init__(message)
        self.reason = reason
        """The wire's word for why."""


class Site:
    """Where things are set up.

    Args:
        devbox: The devbox.
        log: Told of each step and what it says.
        environment: Variables of every step: where packages come from, and values of secrets.
        code_host: Where repositories are, as a URL without a slash at its end.
    """

    def __init__(self, devbox: Devbox, log: BuildLog, *, environment: Mapping[str, str], code_host: str) -> None:
        self.devbox = devbox
        self.log = log
        self.code_host = code_host
        self._environment = environment

    async def write(self, path: str, data: bytes, *, mode: int | None = None) -> None:
        """Writes a file.

        Raises:
            StepFailed: It can't be written.
            Unavailable: The devbox was lost, or its disk is full.
        """
        await self.log.say(f"Writing {path}")
        try:
            await self.devbox.write_file(path, data, mode=mode)
        except InvalidRequest as error:
            raise StepFailed(f"The file {path} can't be written: {error}") from error

    async def run(
        self, script: str, *arguments: str, what: str, folder: str = HOME, more: Mapping[str, str] | None = None
    ) -> None:
        """Runs a script of bash to its end; the log gets what it says, and not the script.

        Args:
            script: The script.
            arguments: Its arguments, from `$1` on.
            what: The step, as the beginning of a sentence.
            folder: Where it runs.
            more: Further variables, for it alone.

        Raises:
            StepFailed: It failed.
            Unavailable: The devbox was lost.
        """
        command = Command(
            ("bash", "-c", script, "bash", *arguments),
            working_directory=folder,
            environment={**self._environment, **(more or {})},
        )
        try:
            process = await self.devbox.start(command, stdout=self.log.feed, stderr=self.log.feed)
        except InvalidRequest as error:
            raise StepFailed(f"{what} can't be started: {error}") from error
        exit_ = await process.wait()
        if exit_.lost:
            raise Unavailable(f"The devbox was lost: {await self.devbox.wait_ended()}", retryable=True)
        if exit_.status != 0:
            told = [
                f"{what} failed with exit status {exit_.status}.",
                *hit_notes(exit_.limits, self.devbox.spec.limits),
            ]
            raise StepFailed(" ".join(told), reason=failure_reason(exit_.limits))
