"""What is done for each request."""

import asyncio
from collections import defaultdict

from quay.wire import send


class Service:
    """Books, moves and frees berths."""

    def __init__(self, wire):
        self._wire = wire
        self._locks = defaultdict(asyncio.Lock)
        self._known = {}  # saves a call for berths that were looked at before
        self._tasks = {}

    def cancel(self, request):
        """Gives a request up."""
        task = self._tasks.get(request)
        if task:
            task.cancel()

    async def carry_out(self, request):
        """Carries a request out and replies."""
        self._tasks[request["request"]] = asyncio.current_task()
        try:
            result = await getattr(self, f"_{request['do']}")(request)
        except asyncio.CancelledError:
            result = "canceled"
        send({"reply": request["request"], "result": result})

    async def _ship_at(self, berth):
        if berth not in self._known:
            self._known[berth], _ = await self._wire.get(f"berth/{berth}")
        return self._known[berth]

    async def _set(self, berth, ship):
        self._known[berth] = ship
        await self._wire.put(f"berth/{berth}", ship)

    async def _count(self, change):
        taken, _ = await self._wire.get("taken")
        await self._wire.put("taken", (taken or 0) + change)

    async def _book(self, request):
        berth = request["berth"]
        await self._locks[berth].acquire()
        if await self._ship_at(berth):
            self._locks[berth].release()
            return "taken"
        await self._set(berth, request["ship"])
        self._locks[berth].release()
        await self._count(1)
        return "done"

    async def _leave(self, request):
        berth = request["berth"]
        await self._locks[berth].acquire()
        there = await self._ship_at(berth) == request["ship"]
        if there:
            await self._set(berth, None)
        self._locks[berth].release()
        if not there:
            return "not there"
        await self._count(-1)
        return "done"

    async def _move(self, request):
        ship, begin, end = request["ship"], request["from"], request["to"]
        async with self._locks[begin], self._locks[end]:
            if await self._ship_at(begin) != ship:
                return "not there"
            if await self._ship_at(end):
                return "taken"
            await self._set(begin, None)
            await self._set(end, ship)
        return "done"
