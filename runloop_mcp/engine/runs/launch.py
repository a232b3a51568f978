"""From a devbox's row to a devbox that commands can run on: made and launched, or booted again on its disk."""

import base64
import platform
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import anyio
import anyio.to_thread

from runloop_mcp.api.errors import InvalidRequest, InvalidState, NotFound, Unavailable
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.scenario import LaunchParameters, ScenarioView
from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.api.output_search import decode
from runloop_mcp.devbox.port import Command, Devbox, DevboxSpec, Driver, Files, Network, User, WorkOf
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.devboxes.sizes import failure_reason, hit_notes, limits_of
from runloop_mcp.engine.environments.build_log import BuildLog
from runloop_mcp.engine.scenarios.launch_checks import launch_faults
from runloop_mcp.engine.scoring.protected import capture_protected, protected_names
from runloop_mcp.engine.scoring.tampering import visible_tests
from runloop_mcp.engine.settings import EngineSettings
from runloop_mcp.engine.store.devboxes import DevboxRow, PristineFile

_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_OUTPUT_BYTES = 8_000
BOOTED_AGAIN = (
    "The devbox was booted again on its disk, because the server that held it had ended: files are as they were,"
    " processes that ran are gone."
)

RESUMED = (
    "The devbox had been suspended and was resumed on its disk: files are as they were, processes that ran are gone."
)


def refuse_unsupported(launch: LaunchParameters, *, of: str = "scenario") -> None:
    """Refuses what a local devbox can't honour and what would change how things behave in it.

    Args:
        launch: What is asked for.
        of: What asks for it, in a word.

    Raises:
        InvalidRequest: The message names what can't be had.
    """
    machine = _MACHINES.get(platform.machine().lower(), platform.machine())
    if launch.architecture is not None and launch.architecture != machine:
        raise InvalidRequest(
            f"The {of} needs architecture {launch.architecture}, and this machine is {machine}.",
            hint="Run it on such a machine.",
        )
    if launch.required_services:
        raise InvalidRequest(
            f"The {of} needs services that a local devbox has not: {', '.join(launch.required_services)}.",
            hint="Start what it needs in its launch commands instead of launch_parameters.required_services.",
        )
    # What is kept from before a rule was made meets it here.
    faults = [f"{'.'.join(place)}: {message}" for place, message in launch_faults(launch)]
    if faults:
        raise InvalidRequest(
            f"The {of}'s launch parameters are not valid. {'; '.join(faults)}.",
            hint="Its author can correct them." if of == "scenario" else "Correct these fields and call again.",
        )


def user_of(launch: LaunchParameters) -> User:
    """Who the processes of a devbox are."""
    user = launch.user_parameters
    return User() if user is None else User(user.username, user.uid)


def spec_of(row: DevboxRow, network: Network) -> DevboxSpec:
    """What a devbox is made of, but for files and what lies read-only in it.

    Args:
        row: The devbox.
        network: What it reaches.
    """
    launch = row.data.launch_parameters
    return DevboxSpec(
        working_directory=row.data.working_directory,
        limits=limits_of(launch),
        network=network,
        user=user_of(launch),
        home_snapshot=row.data.begins_as(),
        work_snapshot=row.data.begins_as(),
    )


SetUp = Callable[[Devbox], Awaitable[None]]
"""What is done in a devbox that has just been made, before its launch commands run."""


class LaunchFailed(InvalidState):
    """A launch command failed, so that the devbox can't be used."""

    def __init__(self, message: str, *, reason: str = "execution_failed") -> None:
        super().__init__(message)
        self.reason = reason
        """The wire's word for why."""


class Launcher:
    """Makes and boots devboxes of runs."""

    def __init__(self, driver: Driver, settings: EngineSettings) -> None:
        self._driver = driver
        self._settings = settings

    async def create(
        self,
        held: Held,
        row: DevboxRow,
        scenario: ScenarioView,
        files: Files | None,
        read_only: Mapping[str, Files | WorkOf],
        set_up: SetUp,
    ) -> None:
        """Makes the devbox, lays out files, runs launch commands, remembers what scoring needs of the pristine disk.

        Args:
            held: The devbox.
            row: As it is kept; changed with it.
            scenario: The run's scenario.
            files: The scenario's files.
            read_only: What lies in it where nobody can change it.
            set_up: What else is done before launch commands run.

        Raises:
            LaunchFailed: A launch command failed.
            ApiError: The driver could not make it.
        """
        launch = row.data.launch_parameters
        spec = replace(
            spec_of(row, self._settings.network),
            files=files,
            guards=scenario.metadata.get("scoring") == ScoringMode.LIVE,  # it is scored in place
            read_only=read_only,
        )
        box = await self._make(held, row, spec)
        await set_up(box)
        await self.run_launch_commands(box, launch.launch_commands or [], held.environment)
        captured = await capture_protected(box, protected_names(scenario.metadata))
        row.data.pristine = {
            path: PristineFile(data=base64.b64encode(file.data).decode(), mode=file.mode)
            for path, file in captured.items()
        }
        if row.data.pristine_home_snapshot is not None:
            await self._driver.snapshot(box.id, row.data.pristine_home_snapshot)
        # Before launch commands ran nothing was there but the files and what the base has, so what was changed since is
        # what they made. Tests that the base has are not listed; the report says so.
        changes = bool(launch.launch_commands) or row.data.has_mounts
        made = (await box.observe(since_ns=0)).changed_in_work if changes else None
        row.data.test_files = await anyio.to_thread.run_sync(visible_tests, files, made or ())
        row.data.launched_ns = time.time_ns()
        row.status = DevboxStatus.RUNNING

    async def create_own(self, held: Held, row: DevboxRow, set_up: SetUp, log: BuildLog) -> None:
        """Makes a devbox that belongs to no run, and runs its launch commands.

        Args:
            held: The devbox.
            row: As it is kept; changed with it.
            set_up: What else is done before launch commands run.
            log: Told of the launch commands and what they say.

        Raises:
            LaunchFailed: A launch command failed.
            ApiError: The driver could not make it.
        """
        box = await self._make(held, row, spec_of(row, self._settings.network))
        await set_up(box)
        commands = row.data.launch_parameters.launch_commands or []
        await self.run_launch_commands(box, commands, held.environment, log=log)
        row.status = DevboxStatus.RUNNING

    async def _make(self, held: Held, row: DevboxRow, spec: DevboxSpec) -> Devbox:
        if not held.fresh:
            # A server that died while launching left a disk in an unknown state: begin again.
            await self._driver.remove(row.id)
            if row.data.pristine_home_snapshot is not None:
                await self._driver.remove_snapshot(row.data.pristine_home_snapshot)
        held.fresh = False
        held.box = await self._driver.create(row.id, spec)
        return held.box

    async def resume(self, held: Held, row: DevboxRow, *, news: str) -> None:
        """Boots the devbox again on its disk; `news` is what the next command tells of it.

        Raises:
            NotFound: Its disk is gone.
            ApiError: The driver could not boot it.
        """
        try:
            held.box = await self._driver.resume(row.id)
        except NotFound as error:
            raise NotFound("The devbox's disk is gone.", hint="Start with a new one.") from error
        held.news.append(news)

    async def run_launch_commands(
        self, box: Devbox, commands: list[str], environment: dict[str, str], *, log: BuildLog | None = None
    ) -> None:
        """Runs launch commands in order, within the time that they have together.

        Raises:
            LaunchFailed: One failed, or they took too long.
            Unavailable: The devbox ended.
        """
        with anyio.move_on_after(self._settings.launch_seconds) as scope:
            for number, command in enumerate(commands, start=1):
                await self._run_launch_command(box, command, environment, f"{number} of {len(commands)}", log)
        if scope.cancelled_caught:
            raise LaunchFailed(f"The launch commands took longer than {self._settings.launch_seconds:g} s.")

    async def _run_launch_command(
        self, box: Devbox, command: str, environment: dict[str, str], place: str, log: BuildLog | None
    ) -> None:
        output = bytearray()

        async def take(data: bytes) -> None:
            output.extend(data)
            del output[:-_OUTPUT_BYTES]
            if log is not None:
                await log.feed(data)

        if log is not None:
            await log.begin(command)
        process = await box.start(Command(("bash", "-c", command), environment=environment), stdout=take, stderr=take)
        try:
            end = await process.wait()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await process.kill()
            raise
        if log is not None:
            await log.end(end.status)
        if end.lost:
            raise Unavailable("The devbox ended while a launch command ran.", retryable=True)
        if end.status != 0:
            said = decode(bytes(output)).rstrip()
            # Not the command itself: what a scenario's launch commands are, its solvers are not told.
            told = [f"Launch command {place} failed with exit status {end.status}."]
            told += hit_notes(end.limits, box.spec.limits)
            told += [f"Its output:\n{said}"] if said else []
            raise LaunchFailed(" ".join(told), reason=failure_reason(end.limits))
