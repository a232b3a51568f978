import asyncio

import pytest

from shiplog import Closed, Journal, Lost
from shiplog.device import FileDevice


class Memory:
    """A device that does everything at once, or fails once."""

    def __init__(self):
        self.data = bytearray()
        self.fails = ""

    async def _do(self, what):
        if self.fails == what:
            self.fails = ""
            raise OSError(what)

    async def write(self, at, data):
        await self._do("write")
        self.data[at:] = data

    async def sync(self):
        await self._do("sync")

    async def truncate(self, at):
        await self._do("truncate")
        del self.data[at:]


def test_positions():
    async def go():
        device = Memory()
        journal = Journal(device)
        assert [await journal.append(record) for record in (b"one\n", b"three\n", b"two\n")] == [0, 4, 10]
        await journal.close()
        assert device.data == b"one\nthree\ntwo\n"
        with pytest.raises(Closed):
            await journal.append(b"late\n")

    asyncio.run(go())


def test_many_at_once():
    async def go():
        device = Memory()
        journal = Journal(device)
        records = [b"%d\n" % number for number in range(100)]
        positions = await asyncio.gather(*(journal.append(record) for record in records))
        assert device.data == b"".join(records)
        assert positions == [sum(map(len, records[:number])) for number in range(100)]

    asyncio.run(go())


@pytest.mark.parametrize("what", ["write", "sync"])
def test_failure(what):
    async def go():
        device = Memory()
        journal = Journal(device)
        await journal.append(b"one\n")
        device.fails = what
        with pytest.raises(Lost):
            await journal.append(b"two\n")
        assert await journal.append(b"three\n") == 4
        assert device.data == b"one\nthree\n"

    asyncio.run(go())


def test_file(tmp_path):
    async def go():
        for _ in range(2):
            device = FileDevice(str(tmp_path / "log"))
            journal = Journal(device, device.end)
            await asyncio.gather(*(journal.append(b"x") for _ in range(5)))
            await journal.close()
            device.close()
        assert (tmp_path / "log").read_bytes() == b"x" * 10

    asyncio.run(go())
