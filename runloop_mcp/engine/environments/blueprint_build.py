"""One build of a blueprint, in a devbox that has a network: files, set-up commands, then repositories."""

import base64
import posixpath
import shlex
from collections.abc import Mapping

from runloop_mcp.api.errors import ApiError, InvalidRequest
from runloop_mcp.api.models.blueprint import BlueprintParams, CodeMount
from runloop_mcp.devbox.port import HOME, Command, Devbox
from runloop_mcp.engine.devboxes.sizes import failure_reason, hit_notes
from runloop_mcp.engine.environments.build_log import BuildLog

_CLONE = """\
git -c advice.detachedHead=false clone --quiet -- "$1" "$2" || exit
if [ -n "$3" ]; then git -c advice.detachedHead=false -C "$2" checkout --quiet "$3" --; fi
"""


class BuildFailed(Exception):
    """A step of a build failed; the message says which, and how it ended."""

    def __init__(self, message: str, *, reason: str = "build_failed") -> None:
        super().__init__(message)
        self.reason = reason
        """The wire's word for why."""


class BlueprintBuild:
    """One build.

    Args:
        devbox: Where: it has a network, and begins as the blueprint's base.
        parameters: What to do, with tokens.
        log: Told of each step and what it says.
        environment: Variables of every step: where packages come from, and values of secrets.
        code_host: Where repositories are, as a URL without a slash at its end.
    """

    def __init__(
        self,
        devbox: Devbox,
        parameters: BlueprintParams,
        log: BuildLog,
        *,
        environment: Mapping[str, str],
        code_host: str,
    ) -> None:
        self._devbox = devbox
        self._parameters = parameters
        self._log = log
        self._environment = environment
        self._code_host = code_host

    async def carry_out(self) -> None:
        """Does all of it.

        Raises:
            BuildFailed: A step failed.
            Unavailable: The devbox was lost.
        """
        files = {place_of(target): content for target, content in (self._parameters.file_mounts or {}).items()}
        code = {f"{HOME}/{mount.repo_name}": mount for mount in self._parameters.code_mounts or []}
        # What is to lie in a clone is written into it: before, it would stand in its way.
        inside = {path: next((folder for folder in code if path.startswith(f"{folder}/")), None) for path in files}
        for path, content in files.items():
            if inside[path] is None:
                await self._write(path, content)
        commands = self._parameters.system_setup_commands or []
        for number, command in enumerate(commands, start=1):
            await self._log.say(f"$ {command}")
            await self._run(command, HOME, f"Set-up command {number} of {len(commands)}")
        for folder, mount in code.items():
            await self._clone(mount, folder)
            for path, content in files.items():
                if inside[path] == folder:
                    await self._write(path, content)
            if mount.install_command:
                await self._log.say(f"$ cd {shlex.quote(folder)} && {mount.install_command}")
                await self._run(mount.install_command, folder, f"The install command of {_name(mount)}")

    async def _write(self, path: str, content: str) -> None:
        await self._log.say(f"Writing {path}")
        try:
            await self._devbox.write_file(path, content.encode(errors="surrogateescape"))
        except InvalidRequest as error:
            raise BuildFailed(f"The file {path} can't be written: {error}") from error

    async def _clone(self, mount: CodeMount, folder: str) -> None:
        url = f"{self._code_host}/{mount.repo_owner}/{mount.repo_name}.git"
        await self._log.say(f"Cloning {url}{f' at {mount.git_ref}' if mount.git_ref else ''} into {folder}")
        environment = {"GIT_TERMINAL_PROMPT": "0"}
        if mount.token is not None:
            # For this command alone, and not in the clone's own configuration, which stays.
            given = base64.b64encode(f"x-access-token:{mount.token.get_secret_value()}".encode()).decode()
            environment |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": f"http.{self._code_host}/.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {given}",
            }
        await self._run(_CLONE, HOME, f"Cloning {_name(mount)}", url, folder, mount.git_ref or "", more=environment)

    async def _run(
        self, script: str, folder: str, what: str, *arguments: str, more: Mapping[str, str] | None = None
    ) -> None:
        command = Command(
            ("bash", "-c", script, "bash", *arguments),
            working_directory=folder,
            environment={**self._environment, **(more or {})},
        )
        try:
            process = await self._devbox.start(command, stdout=self._log.feed, stderr=self._log.feed)
        except InvalidRequest as error:
            raise BuildFailed(f"{what} can't be started: {error}") from error
        exit_ = await process.wait()
        if exit_.lost:
            raise ApiError(f"The devbox of the build was lost: {await self._devbox.wait_ended()}")
        if exit_.status != 0:
            told = [
                f"{what} failed with exit status {exit_.status}.",
                *hit_notes(exit_.limits, self._devbox.spec.limits),
            ]
            reason = failure_reason(exit_.limits)
            raise BuildFailed(" ".join(told), reason="build_failed" if reason == "execution_failed" else reason)


def _name(mount: CodeMount) -> str:
    return f"{mount.repo_owner}/{mount.repo_name}"


def place_of(target: str) -> str:
    """Where a file goes: an absolute path without detours.

    Raises:
        InvalidRequest: That is no place for a file.
    """
    path = posixpath.join(HOME, target.removeprefix("~/"))
    if not target.strip() or "\0" in target or target.endswith("/") or ".." in path.split("/"):
        raise InvalidRequest(
            f"file_mounts: {target!r} is no path for a file.",
            hint=f"Give a path below {HOME}, without '..': relative, absolute or with '~/'.",
        )
    return posixpath.normpath(path)
