"""The container driver where no engine answers."""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from boxes import child_environment, entered

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


async def test_an_engine_that_refuses(tmp_path: Path) -> None:
    """What it says goes into the error of every call, whichever of its answers was one."""
    able = {"/version": b'{"ApiVersion": "1.41"}', "/v1.41/info": b"{}"}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode().partition("?")[0]
                status, body = (b"200 OK", able[path]) if path in able else (b"500 No", b'{"message": "no space left"}')
                writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
        writer.close()

    with tempfile.TemporaryDirectory() as folder:
        async with (
            await asyncio.start_unix_server(answer, f"{folder}/engine.sock"),
            entered(DockerDriver(tmp_path, "image", {"DOCKER_HOST": f"unix://{folder}/engine.sock"})) as driver,
        ):
            for call in (
                driver.create("dbx_1", DevboxSpec()),
                driver.resume("dbx_1"),
                driver.snapshot("dbx_1", "snp_1"),
                driver.has_snapshot("snp_1"),
                driver.remove_snapshot("snp_1"),
                driver.remove("dbx_1"),
                driver.kept(),
                driver.missing_programs(["bash"]),
            ):
                with pytest.raises(Unavailable, match="no space left"):
                    await call
            assert not (await driver.probe()).available


ON_ANOTHER_SYSTEM = """
import asyncio, fcntl, os, select, socket, sys
import anyio, httpx
for module, names in (
    (fcntl, ["F_SETPIPE_SZ", "F_GETPIPE_SZ"]),
    (os, ["memfd_create", "pidfd_open", "copy_file_range", "listxattr", "unshare", "setns", "splice"]),
    (select, ["epoll"]),
    (socket, ["SOCK_CLOEXEC", "AF_VSOCK", "AF_ALG"]),
):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
sys.platform = "darwin"
from runloop_mcp.cli.settings import load_settings
from runloop_mcp.cli.wiring import driver_for

driver = driver_for(load_settings(devbox="docker"))

async def main():
    async with driver:
        return await driver.probe()

print(anyio.run(main).findings[0].name)
"""


def test_the_server_may_run_on_another_system_than_linux(tmp_path: Path) -> None:
    """What only Linux has is not needed to load the driver and to look for an engine."""
    variables = {"RUNLOOP_MCP_STATE_DIR": str(tmp_path), "DOCKER_HOST": "unix:///nowhere", "HOME": str(tmp_path)}
    shown = subprocess.run(
        [sys.executable, "-c", ON_ANOTHER_SYSTEM],
        env=child_environment(variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.stdout, shown.returncode) == ("engine\n", 0), shown.stderr
