"""What the engine's services share."""

from collections.abc import Collection
from dataclasses import dataclass
from sqlite3 import Connection

from anyio.abc import TaskGroup

from runloop_mcp.devbox.port import Driver
from runloop_mcp.engine.changes import Changes
from runloop_mcp.engine.devboxes.executions import Executions
from runloop_mcp.engine.devboxes.keeper import DevboxKeeper
from runloop_mcp.engine.devboxes.places import Places
from runloop_mcp.engine.mounts.mounting import Mounting
from runloop_mcp.engine.objects.contents import ObjectContents
from runloop_mcp.engine.runs.launch import Launcher
from runloop_mcp.engine.scenarios.library import ScenarioLibrary
from runloop_mcp.engine.scorers.catalogue import ScorerCatalogue
from runloop_mcp.engine.scoring.toolbox import Toolbox
from runloop_mcp.engine.secrets.masking import Mask
from runloop_mcp.engine.secrets.values import SecretValues
from runloop_mcp.engine.settings import EngineSettings
from runloop_mcp.engine.store import devboxes, runs
from runloop_mcp.engine.store.database import Database
from runloop_mcp.engine.store.runs import RunRow


@dataclass(slots=True)
class EngineContext:
    """The parts of one engine; its `Backend` makes them and closes them."""

    settings: EngineSettings
    database: Database
    driver: Driver
    library: ScenarioLibrary
    changes: Changes
    executions: Executions
    keeper: DevboxKeeper
    places: Places
    launcher: Launcher
    custom_scorers: ScorerCatalogue
    toolbox: Toolbox
    secrets: SecretValues
    objects: ObjectContents
    mounting: Mounting
    tasks: TaskGroup

    def moved(self, row: RunRow) -> None:
        """A run has moved: those who wait for it look again, and calls on its devbox see it as it is now."""
        held = self.keeper.get(row.devbox_id)
        if held is not None and held.run is not None:
            held.run = row
        self.changes.notify(row.id, row.devbox_id)

    async def mask_of_run(self, run_id: str) -> Mask:
        """Covers the values of a run's secrets: those that its devbox got, or those that they have now.

        Raises:
            NotFound: There is no such run.
        """
        held = self.keeper.of_run(run_id)
        if held is not None:
            return held.mask
        row = await self.database.look(lambda connection: runs.get(connection, run_id))
        return await self.secrets.mask(row.data.secrets.values())

    async def mask_of_devbox(self, devbox_id: str) -> Mask:
        """Likewise for a devbox, of a run or of its own.

        Raises:
            NotFound: There is no such devbox.
        """
        held = self.keeper.get(devbox_id)
        if held is not None and held.prepared:
            return held.mask
        names = await self.database.read(lambda connection: secret_names(connection, devbox_id))
        return await self.secrets.mask(names)


def secret_names(connection: Connection, devbox_id: str) -> Collection[str]:
    """The secrets that commands of a devbox get.

    Raises:
        NotFound: There is no such devbox.
    """
    row = devboxes.get(connection, devbox_id)
    if row.run_id is not None:
        return runs.get(connection, row.run_id).data.secrets.values()
    return row.data.own.secrets.values() if row.data.own is not None else ()
