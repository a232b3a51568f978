"""A hard cap on the disk of a container, where the engine's storage offers one: Docker over a btrfs of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import engines
import pytest
from boxes import run

from runloop_mcp.devbox.docker.driver import DockerDriver
from runloop_mcp.devbox.port import DevboxSpec, Limits

MEGABYTE = 1 << 20
LIMIT = 128 * MEGABYTE
PROGRAM = (
    "import os; f = os.open('big', os.O_CREAT | os.O_WRONLY)\nfor _ in range(1500): os.write(f, os.urandom(1 << 20))"
)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system that keeps quotas, mounted."""
    folder = tmp_path_factory.mktemp("btrfs")
    (folder / "mounted").mkdir()
    with (folder / "image").open("wb") as image:
        image.truncate(4 << 30)
    subprocess.run(["mkfs.btrfs", "--quiet", folder / "image"], check=True)
    subprocess.run(["mount", "-o", "loop", folder / "image", folder / "mounted"], check=True)
    yield folder / "mounted"
    subprocess.run(["umount", "--lazy", folder / "mounted"], check=True)


@pytest.fixture
def needs_btrfs() -> None:
    """Fails where what can be installed is missing; what only root can do is not tried by others."""
    if os.geteuid() == 0:
        assert shutil.which("mkfs.btrfs"), "there is no mkfs.btrfs (make setup installs it as root)"


@pytest.mark.proof
@pytest.mark.usefixtures("needs_btrfs")
async def test_storage_that_keeps_quotas_holds_a_disk_to_its_limit(storage: Path, tmp_path: Path) -> None:
    """A writer that outruns the watchdog gets no further than a little beyond the limit, and doctor says so."""
    engine = engines.engine("docker", storage=storage)
    async with DockerDriver(tmp_path / "state", engines.IMAGE, {"DOCKER_HOST": engine.address}) as driver:
        findings = {finding.name: finding.detail for finding in (await driver.probe()).findings}
        assert "by the engine's storage" in findings["limits"]
        devbox = await driver.create("capped", DevboxSpec(limits=Limits(disk_bytes=LIMIT)))
        ended = await run(devbox, f'python3 -c "{PROGRAM}"', timeout_seconds=60)
        assert ended.status != 0
        size = int((await run(devbox, "stat -c %s big")).text)
        assert size <= LIMIT + 40 * MEGABYTE
        await driver.remove("capped")
