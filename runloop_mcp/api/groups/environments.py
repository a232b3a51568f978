"""The port of a group: what devboxes begin as: snapshots and blueprints."""

from abc import ABC, abstractmethod

from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.blueprint import BlueprintListParams, BlueprintLogs, BlueprintParams, BlueprintView
from runloop_mcp.api.models.snapshot import SnapshotListParams, SnapshotParams, SnapshotStatusView, SnapshotView


class Snapshots(ABC):
    """Disks of devboxes as they were at one instant; scenarios begin from them, by `environment.snapshot_id`."""

    @abstractmethod
    async def create(
        self,
        devbox_id: str,
        params: SnapshotParams,
        *,
        wait_seconds: float = 600,
        idempotency_key: str | None = None,
    ) -> SnapshotView:
        """Keeps home and working directory of a devbox, running or suspended, as they are at one instant.

        Processes stand still for that instant. Answers when it is done or the wait is over, and goes on then; a wait
        of 0 answers at once. The same idempotency key gives the same snapshot, once.

        Raises:
            NotFound: There is no such devbox.
            InvalidRequest: The name is blank, or the key was used for other arguments.
            InvalidState: The devbox has ended.
            Conflict: Another server holds the devbox, or it is still queued or booting after 20 s.
            Unavailable: It could not be made; the message says why.
        """

    @abstractmethod
    async def retrieve(self, snapshot_id: str) -> SnapshotView:
        """One snapshot.

        Raises:
            NotFound: There is none with this id (any more), or it could not be made.
        """

    @abstractmethod
    async def query_status(self, snapshot_id: str) -> SnapshotStatusView:
        """How far a snapshot is, also of one that failed or was deleted.

        Raises:
            NotFound: There never was one with this id.
        """

    @abstractmethod
    async def list(self, params: SnapshotListParams) -> Page[SnapshotView]:
        """One page of the snapshots that there are or that are being made, newest first.

        Raises:
            InvalidRequest: `starting_after` names no snapshot.
        """

    @abstractmethod
    async def update(self, snapshot_id: str, params: SnapshotParams) -> SnapshotView:
        """Changes what a snapshot is called: null or absent keeps, a value replaces whole, an empty one clears.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: The name is blank.
        """

    @abstractmethod
    async def delete(self, snapshot_id: str) -> None:
        """Deletes a snapshot; does nothing to one that is deleted.

        Raises:
            NotFound: There never was one with this id.
            InvalidState: A scenario or a devbox uses it; the message names them.
            Conflict: It is still being made.
        """


class Blueprints(ABC):
    """Recipes for environments, built once and reused; scenarios begin from them, by `environment.blueprint_id`."""

    @abstractmethod
    async def create(self, params: BlueprintParams, *, idempotency_key: str | None = None) -> BlueprintView:
        """Keeps a new blueprint and begins to build it; what was built before with the same contents is reused.

        The same idempotency key gives the same blueprint, once.

        Raises:
            InvalidRequest: A field is not valid or not possible here, or the key was used for other arguments.
            InvalidState: Its base is not built.
            Unavailable: No devbox can run here.
        """

    @abstractmethod
    async def retrieve(self, blueprint_id: str) -> BlueprintView:
        """One blueprint, also one that is deleted.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def wait(self, blueprint_id: str, *, wait_seconds: float) -> BlueprintView:
        """The blueprint, once its build has ended or the wait is over.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def list(self, params: BlueprintListParams) -> Page[BlueprintView]:
        """One page of blueprints, newest first, without those that are deleted.

        Raises:
            InvalidRequest: `starting_after` names no blueprint.
        """

    @abstractmethod
    async def logs(self, blueprint_id: str) -> BlueprintLogs:
        """What the build has said so far.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def delete(self, blueprint_id: str) -> None:
        """Deletes a blueprint; does nothing to one that is deleted.

        Raises:
            NotFound: There is none with this id.
            InvalidState: A scenario, a devbox, a snapshot or another blueprint uses it; the message names them.
            Conflict: It is still being built.
        """
