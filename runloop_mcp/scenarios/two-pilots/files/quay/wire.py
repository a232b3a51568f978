"""The line to the store and to those who ask: JSON objects over standard input and output."""

import asyncio
import json
import sys


class Wire:
    """Calls the store, and starts a task for each request."""

    def __init__(self):
        self._calls = {}
        self._last = 0

    async def get(self, key):
        """A value and its version."""
        answer = await self._call({"get": key})
        return answer["value"], answer["version"]

    async def put(self, key, value, if_version=None):
        """Writes a value; whether that was done. Without a version it always is."""
        call = {"put": key, "value": value}
        if if_version is not None:
            call["if_version"] = if_version
        return (await self._call(call))["done"]

    async def _call(self, what):
        self._last += 1
        number = self._last
        self._calls[number] = asyncio.get_running_loop().create_future()
        send({"call": number, **what})
        return await self._calls[number]

    async def serve(self, service):
        """Serves until standard input ends."""
        loop = asyncio.get_running_loop()
        lines = asyncio.StreamReader(limit=1 << 20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        tasks = set()
        while line := await lines.readline():
            said = json.loads(line)
            if "call" in said:
                future = self._calls.pop(said["call"])
                if not future.done():
                    future.set_result(said)
            elif "cancel" in said:
                service.cancel(said["cancel"])
            else:
                task = asyncio.create_task(service.carry_out(said))
                tasks.add(task)
                task.add_done_callback(tasks.discard)


def send(what):
    """Sends a line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()
