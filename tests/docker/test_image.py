"""The Docker image."""

import re
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from docker_daemon import DOCKER, base_files, daemon, install_programs, run
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from runloop_mcp import __version__

ROOT = Path(__file__).parents[2]
TOOL = [DOCKER, "run", "--interactive", "--rm", "--network", "none", "runloop-mcp-check"]


def test_dockerfile_keeps_its_promises() -> None:
    """Base image and wheel folder are build arguments, there are stages, and the last one runs as no root."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    stages = [line for line in lines if line.startswith("FROM ")]
    assert len(stages) >= 2
    assert any(line.startswith("ARG BASE=") for line in lines)
    assert any(line.startswith("ARG WHEELS=") for line in lines)
    last = lines[lines.index(stages[-1]) :]
    user = next(line.split()[1] for line in last if line.startswith("USER "))
    assert user not in ("root", "0")
    assert 'ENTRYPOINT ["runloop-mcp"]' in last
    assert 'CMD ["serve"]' in last


def test_builder_gets_only_what_the_image_is_made_of() -> None:
    """What .dockerignore lets through exists, and covers every file that the Dockerfile copies."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split() if "$" not in source}
    assert sources == let_through - {"build/wheels"}
    assert all((ROOT / source).exists() for source in sources)


@pytest.mark.proof
@pytest.mark.timeout(1800)
async def test_image_builds_without_a_registry_and_serves_mcp() -> None:
    """Built from an imported base and wheels it serves MCP, and runs devboxes where the container lets it."""
    install_programs()
    wheels = ROOT / "build" / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    constraints = [f"--{kind}={ROOT / 'constraints.txt'}" for kind in ("constraint", "build-constraint")]
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        f"--wheel-dir={wheels}",
        *constraints,
        f"{ROOT}[scorers]",
        "hatchling",
    )
    # A short path, as a socket's name has to be, on a disk that containers can lie on.
    with tempfile.TemporaryDirectory(prefix="docker-check-", dir="/var/tmp") as folder:
        scratch = Path(folder)
        archive = ROOT / "build" / "docker-base.tar"
        base_files(archive, scratch)
        with daemon(scratch) as environment:
            run(DOCKER, "import", str(archive), "runloop-base", environment=environment)
            arguments = ["--build-arg=BASE=runloop-base", "--build-arg=WHEELS=build/wheels"]
            build = [DOCKER, "build", "--network=none", *arguments, "--tag=runloop-mcp-check", str(ROOT)]
            run(*build, seconds=900, environment=environment)
            assert run(*TOOL, "--version", environment=environment).split()[1] == __version__
            whoami = [*TOOL[:-1], "--entrypoint=id", TOOL[-1], "-u"]
            assert run(*whoami, environment=environment).strip() != "0"
            await _drive(environment)
            allowed = [f"--security-opt={name}=unconfined" for name in ("seccomp", "apparmor", "systempaths")]
            demo = [DOCKER, "run", "--rm", "--network=none", *allowed, "--volume=state:/state", TOOL[-1], "demo"]
            assert "score ████████████████████ 1" in run(*demo, environment=environment)


async def _drive(environment: dict[str, str]) -> None:
    """What a client sees: initialize, the scenarios, and either a run or what a run lacks here."""
    server = StdioServerParameters(command=TOOL[0], args=TOOL[1:], env=environment)
    async with Client(server, mode="legacy", read_timeout_seconds=120) as client:
        listed = await client.call_tool("list_scenarios", {})
        scenarios = listed.structured_content["scenarios"]
        assert scenarios
        started = await client.call_tool("start_run", {"scenario_id": scenarios[0]["scenario_id"]})
        text = started.content[0].text
        assert started.is_error, "A container lets no sandbox run by default; if this one does, say so in the README."
        assert "--security-opt seccomp=unconfined" in text
        assert "runloop-mcp doctor" in text
