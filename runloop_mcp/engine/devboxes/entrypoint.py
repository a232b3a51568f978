"""The command that a devbox may be there for: it runs from the boot on, and the devbox shuts down when it ends."""

import logging

from runloop_mcp.api.errors import ApiError
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.devbox import ExecuteParams
from runloop_mcp.devbox.port import Devbox
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.executions import Request, Running
from runloop_mcp.engine.devboxes.keeper import Held
from runloop_mcp.engine.devboxes.standalone import StandaloneDevboxes
from runloop_mcp.engine.store import devboxes

logger = logging.getLogger(__name__)


class Entrypoints:
    """Runs the entrypoints of an engine's devboxes, as executions in their homes."""

    def __init__(self, engine: EngineContext, standalone: StandaloneDevboxes) -> None:
        self._engine = engine
        self._standalone = standalone

    async def begin(self, held: Held, command: str) -> None:
        """Starts the entrypoint of a devbox that has just booted.

        Raises:
            ApiError: The devbox has ended.
        """
        box = held.box
        if box is None:
            return
        execution_id = new_id(IdPrefix.EXECUTION)
        # Noted before it is there, so that what it says is known for what it is.
        await self._engine.database.write(
            lambda connection: devboxes.note_entrypoint(connection, held.id, execution_id, now_ms=now_ms())
        )
        request = Request(execution_id, ExecuteParams(command=command, working_directory="~"), None, "", [], None)
        running = held.entrypoint = await self._engine.executions.start(held, box, request)
        await self._engine.executions.see_through(running, held.mask, seconds=0)
        self._engine.tasks.start_soon(self._see_to_the_end, held, running, box)

    async def _see_to_the_end(self, held: Held, running: Running, box: Devbox) -> None:
        await running.done.wait()
        if held.stopping or held.box is not box or not box.alive:
            return  # it was not its own end
        try:
            await self._standalone.end(held, "entrypoint_exit", after_snapshots=True)
        except ApiError as error:
            logger.warning("Devbox %s could not be shut down behind its entrypoint: %s", held.id, error)
        except Exception:
            # The boundary of a background task: one devbox's defect must not end the server.
            logger.exception("Devbox %s could not be shut down behind its entrypoint", held.id)
