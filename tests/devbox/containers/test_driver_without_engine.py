"""The container driver where no engine answers."""

from pathlib import Path

import pytest
from boxes import entered

from runloop_mcp.api.errors import InvalidRequest, Unavailable
from runloop_mcp.devbox.docker.driver import DockerDriver
from runloop_mcp.devbox.port import DevboxSpec


@pytest.mark.parametrize("address", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:9"])
async def test_an_engine_that_does_not_answer(tmp_path: Path, address: str) -> None:
    """The probe says what is missing and how to mend it; a devbox is refused likewise; nothing is kept."""
    async with entered(DockerDriver(tmp_path, "image", {"DOCKER_HOST": address})) as driver:
        capability = await driver.probe()
        assert (capability.available, capability.tier) == (False, "none")
        assert address in capability.findings[0].detail
        assert "DOCKER_HOST" in capability.findings[0].remedy
        with pytest.raises(Unavailable, match=r"can't be reached"):
            await driver.create("dbx_1", DevboxSpec())
        assert await driver.kept() == []


async def test_an_address_that_cannot_be_used(tmp_path: Path) -> None:
    """An address of a kind that is not spoken is refused with one that would do."""
    async with entered(DockerDriver(tmp_path, "image", {"DOCKER_HOST": "ssh://host"})) as driver:
        with pytest.raises(InvalidRequest, match="ssh://host") as caught:
            await driver.create("dbx_1", DevboxSpec())
        assert "unix://" in caught.value.hint
