"""Builds blueprints in the background, each in a devbox of its own that has a network; never on the host."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from sqlite3 import Connection
from typing import Final

import anyio

from runloop_mcp.api.errors import ApiError
from runloop_mcp.api.ids import IdPrefix, new_id, stable_id
from runloop_mcp.api.models.blueprint import BlueprintLog, BlueprintParams, BlueprintStatus
from runloop_mcp.api.models.scenario import LaunchParameters
from runloop_mcp.devbox.port import DevboxSpec, ImageSource, Network
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.sizes import SIZES, limits_of
from runloop_mcp.engine.environments.blueprint_build import carry_out
from runloop_mcp.engine.environments.build_log import BuildLog, LogLine
from runloop_mcp.engine.environments.builder_devbox import builder_devbox
from runloop_mcp.engine.environments.site import Site, StepFailed
from runloop_mcp.engine.runs.launch import user_of
from runloop_mcp.engine.scoring.python_builder import package_sources
from runloop_mcp.engine.secrets.masking import NOTHING, Mask
from runloop_mcp.engine.store import blueprints
from runloop_mcp.engine.store.blueprints import BlueprintRow

logger = logging.getLogger(__name__)

_REMOVE_SECONDS: Final = 30.0


class BlueprintBuilder:
    """Builds blueprints, or finds them built.

    Args:
        engine: Whose blueprints they are.
        environment: The server's variables; those that say where packages come from reach the build.
    """

    def __init__(self, engine: EngineContext, environment: Mapping[str, str]) -> None:
        self._engine = engine
        self._environment = package_sources(environment)

    async def build(self, row: BlueprintRow, params: BlueprintParams) -> None:
        """Builds a blueprint that is kept as queued; how that ends is kept with it.

        Args:
            row: The blueprint.
            params: What it is made of, with tokens.
        """
        engine = self._engine
        try:
            values = await engine.secrets.of((params.secrets or {}).values())
        except ApiError as error:  # the file of secrets has gone since the build was asked for
            await self._fail(row, self._log(row.id, NOTHING), str(error), "build_failed")
            row.data.finish_time_ms = now_ms()
            await self._save(row)
            return
        tokens = {
            f"token of {mount.repo_name}": mount.token.get_secret_value()
            for mount in params.code_mounts or []
            if mount.token is not None
        }
        mask = Mask({**values, **tokens})
        log = self._log(row.id, mask)
        bound = {variable: values[name] for variable, name in (params.secrets or {}).items() if name in values}
        row.status = BlueprintStatus.BUILD_COMPLETE
        try:
            await self._carry_out(row, params, log, bound)
        except StepFailed as error:
            reason = "build_failed" if error.reason == "execution_failed" else error.reason
            await self._fail(row, log, mask.text(str(error)), reason)
        except ApiError as error:
            await self._fail(row, log, mask.text(str(error)), "build_failed")
        except Exception:
            # The boundary of a background task: one build's defect must not end the server.
            logger.exception("Building blueprint %s failed", row.id)
            await self._fail(row, log, "It failed by an error of ours; see the server's log.", "build_failed")
        row.data.finish_time_ms = now_ms()
        await self._save(row)

    def _log(self, blueprint_id: str, mask: Mask) -> BuildLog:
        async def keep(lines: Sequence[LogLine]) -> None:
            kept = [
                BlueprintLog(level=line.level, message=line.message or "", timestamp_ms=line.time_ms) for line in lines
            ]
            await self._engine.database.write(lambda connection: blueprints.append_logs(connection, blueprint_id, kept))
            self._engine.changes.notify(blueprint_id)

        return BuildLog(keep, mask)

    async def _fail(self, row: BlueprintRow, log: BuildLog, message: str, reason: str) -> None:
        said = "\n".join(log.tail)
        row.status, row.data.failure_reason = BlueprintStatus.FAILED, reason
        row.data.failure_message = f"{message}\n{said}" if said else message
        try:
            await log.say(message, level="error")
        except ApiError as error:
            logger.warning("The log of blueprint %s can't be kept: %s", row.id, error)

    async def _save(self, row: BlueprintRow) -> None:
        try:
            await self._engine.database.write(lambda connection: blueprints.save(connection, row), durable=True)
        except ApiError as error:
            logger.warning("How far blueprint %s is can't be kept: %s", row.id, error)
        self._engine.changes.notify(row.id)

    async def _carry_out(
        self, row: BlueprintRow, params: BlueprintParams, log: BuildLog, bound: Mapping[str, str]
    ) -> None:
        engine = self._engine
        # The same id for everyone: of two that build the same, one has the devbox, and the other waits.
        devbox_id = stable_id(IdPrefix.DEVBOX, "blueprint-builder", row.build_key)
        seconds = engine.settings.build_seconds
        with anyio.move_on_after(seconds) as scope:
            async with builder_devbox(engine.driver, engine.keeper.lock, devbox_id):
                if await self._reused(row, log):
                    return
                await self._note(row, BlueprintStatus.PROVISIONING)
                await self._build_in(devbox_id, row, params, log, bound)
        if scope.cancelled_caught:
            raise StepFailed(f"The build took longer than {seconds:g} s.")

    async def _reused(self, row: BlueprintRow, log: BuildLog) -> bool:
        """Takes over what was built before with the same contents, if anything was."""
        database = self._engine.database
        found = await database.read(lambda connection: blueprints.built(connection, row.build_key))
        if found is None or not await self._engine.driver.has_snapshot(found.snapshot_id):
            return False

        def take_over(connection: Connection) -> bool:
            # At one moment, so that nobody deletes the other one in between and what it was built into with it.
            there = blueprints.built(connection, row.build_key)
            if there is None or there.snapshot_id != found.snapshot_id:
                return False
            row.snapshot_id, row.data.reused, row.data.finish_time_ms = found.snapshot_id, True, now_ms()
            # Complete once the log says how: whoever waits for that reads it then.
            blueprints.save(connection, row.model_copy(update={"status": BlueprintStatus.PROVISIONING}))
            return True

        if not await database.write(take_over):
            return False
        await log.say(f"Built before, as {found.id}: that is reused.")
        return True

    async def _note(self, row: BlueprintRow, status: BlueprintStatus) -> None:
        kept = row.model_copy(update={"status": status})
        await self._engine.database.write(lambda connection: blueprints.save(connection, kept))
        self._engine.changes.notify(row.id)

    async def _build_in(
        self, devbox_id: str, row: BlueprintRow, params: BlueprintParams, log: BuildLog, bound: Mapping[str, str]
    ) -> None:
        driver = self._engine.driver
        base, image = row.data.base_snapshot_id, None
        try:
            if params.dockerfile is not None:
                base = image = new_id(IdPrefix.SNAPSHOT)
                source = ImageSource(params.dockerfile, params.build_args or {})
                await self._note(row, BlueprintStatus.BUILDING)
                await driver.build_image(image, source, log=log.feed)
            launch = params.launch_parameters or LaunchParameters()
            limits = limits_of(launch) if launch.resource_size_request else SIZES["MEDIUM"]
            spec = DevboxSpec(home_snapshot=base, work_snapshot=base, network=Network.HOST, user=user_of(launch))
            spec = replace(spec, working_directory=row.data.working_directory, limits=limits)
            devbox = await driver.create(devbox_id, spec)
            await self._note(row, BlueprintStatus.BUILDING)
            environment = {**self._environment, **bound}
            site = Site(devbox, log, environment=environment, code_host=self._engine.settings.code_host)
            await carry_out(site, params)
            await devbox.stop()  # so that its disk is taken as it is, and not copied
            await driver.snapshot(devbox_id, row.snapshot_id)
            await log.say("Built.")
        finally:
            if image is not None:
                with anyio.move_on_after(_REMOVE_SECONDS, shield=True):
                    await driver.remove_snapshot(image)
