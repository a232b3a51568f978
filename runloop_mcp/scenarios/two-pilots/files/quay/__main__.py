import asyncio

from quay.service import Service
from quay.wire import Wire


async def main():
    wire = Wire()
    await wire.serve(Service(wire))


asyncio.run(main())
