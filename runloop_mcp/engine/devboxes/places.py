"""A place for each devbox that is up: as many as may be at once, over all servers on one state directory.

What a run is scored in comes with the run's own place and is not counted: scoring waits for no place, so that runs
which hold all of them and want to be scored never wait for each other.
"""

import logging
from collections.abc import Iterable
from sqlite3 import Connection

import anyio

from runloop_mcp.api.errors import ApiError
from runloop_mcp.api.models.devbox import QueuePlace
from runloop_mcp.engine.changes import Changes
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.servers import Servers
from runloop_mcp.engine.store import places
from runloop_mcp.engine.store.database import Database
from runloop_mcp.engine.store.places import Rules

logger = logging.getLogger(__name__)

_LOOK_AGAIN_SECONDS = 0.5
"""Another server can't wake us when it lets a place go, so that is looked for this often while somebody waits."""


class Places:
    """The places that this server's devboxes have, and the queue for them.

    Args:
        database: Where places are kept, for all servers.
        servers: Tells which servers live.
        changes: Told of devboxes whose turn has come.
        limit: How many devboxes may be up at once; where servers differ, the largest limit holds.
    """

    def __init__(self, database: Database, servers: Servers, changes: Changes, *, limit: int) -> None:
        self._database = database
        self._servers = servers
        self._changes = changes
        self._having: set[str] = set()
        self._waiting: dict[str, anyio.Event] = {}
        self._leaving: set[str] = set()
        """Devboxes that are down, whose place the store does not know to be free yet."""
        self._something_to_do = anyio.Event()
        self._closing = False
        self.rules = Rules(limit, servers.alive)

    def server(self) -> str:
        """This server's id, known as living from now on. Blocking: for the transactions that name it."""
        self._servers.begin()
        return self._servers.own_id

    def note_given(self, devbox_id: str) -> None:
        """Notes a devbox that was given its place in the transaction that made it."""
        self._having.add(devbox_id)

    def has(self, devbox_id: str) -> bool:
        """Whether a devbox of this server has a place."""
        return devbox_id in self._having

    def waits(self, devbox_id: str) -> bool:
        """Whether a devbox of this server waits for its turn."""
        return devbox_id in self._waiting

    async def place(self, devbox_id: str) -> QueuePlace | None:
        """Where a devbox stands in the queue, if it does."""
        return await self._database.read(lambda connection: places.place_of(connection, devbox_id))

    async def take(self, devbox_id: str) -> None:
        """Returns once the devbox has a place; waits for its turn where none is free."""
        if devbox_id in self._having:
            return
        self._leaving.discard(devbox_id)
        turn = self._waiting[devbox_id] = anyio.Event()
        try:
            has_place = await self._database.write(
                lambda connection: places.ask(connection, devbox_id, self.server(), self.rules, now_ms=now_ms())
            )
            if not has_place:
                self._changes.notify(devbox_id)
                self._something_to_do.set()
                await turn.wait()
            self._having.add(devbox_id)
        except BaseException:
            self._leaving.add(devbox_id)
            raise
        finally:
            self._waiting.pop(devbox_id, None)

    async def leave(self, devbox_id: str) -> None:
        """Lets a place go, or the wait for one: whoever has waited longest gets it. Does nothing to one without."""
        if devbox_id in self._having:
            self._having.discard(devbox_id)
            self._leaving.add(devbox_id)
        if devbox_id in self._leaving and not self._closing:
            with anyio.CancelScope(shield=True):
                await self._let_go()

    async def look_after(self) -> None:
        """Sees to it that places which other servers let go are given to those who wait; for a task of the engine's."""
        while True:
            await self._something_to_do.wait()
            self._something_to_do = anyio.Event()
            while self._waiting or self._leaving:
                with anyio.move_on_after(_LOOK_AGAIN_SECONDS):
                    await self._something_to_do.wait()
                    self._something_to_do = anyio.Event()
                try:
                    await self._look()
                except Exception:
                    # The boundary of a background task: those who wait must be looked after again.
                    logger.exception("Looking for free places failed, and is tried again")

    async def _look(self) -> None:
        if self._leaving:
            await self._let_go()
        has, worth = await self._database.read(
            lambda connection: (
                places.given_among(connection, self.server()),
                places.worth_giving(connection, self.rules),
            )
        )
        if worth:
            await self._database.write(lambda connection: places.give(connection, self.rules, now_ms=now_ms()))
            has = await self._database.read(lambda connection: places.given_among(connection, self.server()))
        self._call(has)

    async def _let_go(self) -> None:
        leaving = set(self._leaving)

        def work(connection: Connection) -> list[str]:
            for devbox_id in leaving:
                places.leave(connection, devbox_id, self.server())
            return places.give(connection, self.rules, now_ms=now_ms())

        try:
            lucky = await self._database.write(work)
        except ApiError as error:
            logger.warning("Places of devboxes that are down could not be let go, which is tried again: %s", error)
            self._something_to_do.set()
            return
        self._leaving -= leaving
        self._call(lucky)

    def _call(self, devbox_ids: Iterable[str]) -> None:
        """Tells those of this server's devboxes that have waited that their turn has come."""
        for devbox_id in devbox_ids:
            turn = self._waiting.get(devbox_id)
            if turn is not None:
                turn.set()
                self._changes.notify(devbox_id)

    def begin_to_close(self) -> None:
        """The server is about to end: places are let go all at once from now on, by `close`."""
        self._closing = True

    async def close(self) -> None:
        """Lets all places go, as this server ends. Its devboxes that wait keep their turn for the next server."""
        if not self._having and not self._leaving:
            return
        try:
            await self._database.write(lambda connection: places.leave_all(connection, self.server()))
        except ApiError as error:
            logger.info("The places of this server are free once it has ended: %s", error)
