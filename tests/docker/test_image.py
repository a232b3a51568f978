"""The Docker image."""

import re
import tomllib
from pathlib import Path

import pytest
from image import EXTRAS, Image
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from runloop_mcp import __version__
from runloop_mcp.devbox.sandbox.diagnosis import CONTAINER_OPTIONS

ROOT = Path(__file__).parents[2]


def test_dockerfile_keeps_its_promises() -> None:
    """Base image and wheel folder are build arguments, the last stage runs as no root and has every extra."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    stages = [line for line in lines if line.startswith("FROM ")]
    assert len(stages) >= 2
    assert any(line.startswith("ARG BASE=") for line in lines)
    assert any(line.startswith("ARG WHEELS=") for line in lines)
    last = lines[lines.index(stages[-1]) :]
    user = next(line.split()[1] for line in last if line.startswith("USER "))
    assert user not in ("root", "0")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS.split(",")) == set(extras)
    assert any(line.endswith(f"'.[{EXTRAS}]' \\") for line in lines)
    assert 'ENTRYPOINT ["runloop-mcp"]' in last
    assert 'CMD ["serve"]' in last


def test_builder_gets_only_what_the_image_is_made_of() -> None:
    """What .dockerignore lets through exists, also in the sdist, and covers every file that the Dockerfile copies."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split() if "$" not in source}
    assert sources == let_through - {"build/wheels"}
    assert all((ROOT / source).exists() for source in sources)
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    packed = {*targets["sdist"]["include"], "/pyproject.toml"}
    assert {f"/{source.partition('/')[0]}" for source in sources} <= packed


@pytest.mark.proof
@pytest.mark.timeout(1800)
async def test_image_builds_without_a_registry_and_serves_mcp(image: Image) -> None:
    """Built from an imported base and wheels it serves MCP as no root, and names what a run lacks here."""
    assert image.run("--version").split()[1] == __version__
    assert image.run("-u", options=("--entrypoint=id",)).strip() != "0"
    await _drive(image)


async def _drive(image: Image) -> None:
    """What a client sees: initialize, the scenarios, and what a run lacks here."""
    command = image.command()
    server = StdioServerParameters(command=command[0], args=command[1:], env=image.environment)
    async with Client(server, mode="legacy", read_timeout_seconds=120) as client:
        listed = await client.call_tool("list_scenarios", {})
        scenarios = listed.structured_content["scenarios"]
        assert scenarios
        started = await client.call_tool("start_run", {"scenario_id": scenarios[0]["scenario_id"]})
        text = started.content[0].text
        assert started.is_error, "A container lets no sandbox run by default; if this one does, say so in the README."
        assert f"docker run -i --rm {CONTAINER_OPTIONS} runloop-mcp" in text
        assert "runloop-mcp doctor" in text
