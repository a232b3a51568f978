"""Tests of what containers alone have; collected where an engine of the tests' own can be started."""

from collections.abc import AsyncIterator
from pathlib import Path

import engines
import pytest_asyncio
from boxes import Workshop, entered

from runloop_mcp.devbox.docker.driver import DockerDriver

_WITHOUT_ENGINE = ("test_agent_channel.py", "test_engine_address.py", "test_driver_without_engine.py")
collect_ignore = (
    [path.name for path in Path(__file__).parent.glob("test_*.py") if path.name not in _WITHOUT_ENGINE]
    if engines.why_not("docker")
    else []
)


@pytest_asyncio.fixture
async def containers(driver_state: Path) -> AsyncIterator[Workshop]:
    """Makes devboxes in containers that are gone after the test."""
    environment = {"DOCKER_HOST": engines.engine("docker").address}
    async with entered(DockerDriver(driver_state, engines.IMAGE, environment)) as driver:
        workshop = Workshop(driver)
        yield workshop
        await workshop.clear()
