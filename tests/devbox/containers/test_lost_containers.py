"""What happens to containers that end, or are left, without their server's doing."""

import json
import urllib.parse

import anyio
import engines
import httpx
from boxes import PATIENCE_SECONDS, Workshop, start, succeed

from runloop_mcp.devbox.port import KeptKind


async def _containers_of(devbox_id: str) -> list[str]:
    """The ids of a devbox's containers, asked of the engine itself."""
    address = urllib.parse.urlsplit(engines.engine("docker").address).path
    filters = json.dumps({"label": [f"runloop-mcp.id={devbox_id}"]})
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=address)) as client:
        found = await client.get("http://docker/containers/json", params={"all": "true", "filters": filters})
        return [each["Id"] for each in found.json()]


async def _kill(container: str) -> None:
    address = urllib.parse.urlsplit(engines.engine("docker").address).path
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=address)) as client:
        (await client.post(f"http://docker/containers/{container}/kill")).raise_for_status()


async def test_a_container_that_is_killed_ends_its_devbox(containers: Workshop) -> None:
    """Its processes are lost, its end is told, and it is resumed on its disk."""
    devbox = await containers.create()
    await succeed(devbox, "echo kept > note")
    running = await start(devbox, "echo up; exec sleep 1000")
    await running.stdout.until(b"up")
    (container,) = await _containers_of(devbox.id)
    await _kill(container)
    assert (await running.wait()).lost
    with anyio.fail_after(PATIENCE_SECONDS):
        assert await devbox.wait_ended()
        resumed = await containers.driver.resume(devbox.id)
    assert await succeed(resumed, "cat note") == "kept"


async def test_removed_devboxes_and_snapshots_leave_nothing_in_the_engine(containers: Workshop) -> None:
    """No container, and of images only what the next devbox is made from."""
    devbox = await containers.create()
    snapshot_id = await containers.snapshot(devbox)
    copy = await containers.create(home_snapshot=snapshot_id, work_snapshot=snapshot_id)
    await containers.driver.remove_snapshot(snapshot_id)
    left = {(kept.kind, kept.id) for kept in await containers.driver.kept()}
    assert (KeptKind.SNAPSHOT, snapshot_id) not in left
    for box in (devbox, copy):
        await containers.driver.remove(box.id)
        assert await _containers_of(box.id) == []
    ids = {kept.id for kept in await containers.driver.kept()}
    assert not any(snapshot_id in each or devbox.id in each or copy.id in each for each in ids)
