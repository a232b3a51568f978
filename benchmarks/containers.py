"""A command in a local devbox and in a container's devbox, against the engine's own `exec`, in the same run.

The floor is the engine's API itself (create the exec, start it, read it to its end), which is quicker than its command.
The daemon is the tests' own; where none can be started the figures are left out, and the reason is printed.
"""

import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import httpx
from figures import Figure
from transport_floor import p50

from runloop_mcp.devbox.docker.driver import DockerDriver
from runloop_mcp.devbox.port import Command, Devbox, DevboxSpec
from runloop_mcp.devbox.sandbox.driver import SandboxDriver

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "devbox"))
import engines

_LEAST_RATIO = 20
_TURNS = 10


async def _nowhere(_: bytes) -> None:
    pass


async def _in_devbox(devbox: Devbox) -> None:
    process = await devbox.start(Command(("true",)), stdout=_nowhere, stderr=_nowhere)
    ended = await process.wait()
    assert ended.status == 0, ended


async def _engines_exec(client: httpx.AsyncClient, container: str) -> None:
    wanted = {"Cmd": ["true"], "AttachStdout": True, "AttachStderr": True}
    made = await client.post(f"/containers/{container}/exec", json=wanted)
    made.raise_for_status()
    (await client.post(f"/exec/{made.json()['Id']}/start", json={"Detach": False, "Tty": False})).raise_for_status()


async def _timed_ms(work: Callable[[], Awaitable[None]], rounds: int) -> list[float]:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


async def _measure(folder: Path, rounds: int) -> tuple[list[float], list[float], list[float], list[float]]:
    """Sandbox, container, the engine's exec, and how many times quicker than that the sandbox is, by turns."""
    address = engines.engine("docker").address
    sandbox, container, floor, ratios = [], [], [], []
    async with (
        SandboxDriver(folder) as namespaces,
        DockerDriver(folder, engines.IMAGE, {"DOCKER_HOST": address}) as containers,
        httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=address.removeprefix("unix://")), base_url="http://docker"
        ) as client,
    ):
        box, contained = await namespaces.create("bench", DevboxSpec()), await containers.create("bench", DevboxSpec())
        listed = (await client.get("/containers/json")).json()
        (own,) = [each["Id"] for each in listed if each["Labels"].get("runloop-mcp.id") == "bench"]
        for turn in range(_TURNS + 1):
            ours = await _timed_ms(lambda: _in_devbox(box), rounds)
            theirs = await _timed_ms(lambda: _engines_exec(client, own), max(rounds // 5, 3))
            beside = await _timed_ms(lambda: _in_devbox(contained), rounds)
            if turn > 0:  # the first warms all of them up
                sandbox += ours
                floor += theirs
                container += beside
                ratios.append(p50(theirs) / p50(ours))
        await containers.remove("bench")
        await namespaces.remove("bench")
    return sandbox, container, floor, ratios


def container_figures(folder: Path, rounds: int) -> list[Figure]:
    """A command's time in sandbox and container, beside the engine's own exec."""
    if reason := engines.why_not("docker"):
        print(f"exec against `docker exec` is not measured: {reason}", file=sys.stderr)
        return []
    sandbox, container, floor, ratios = anyio.run(_measure, folder, rounds)
    ratio, beside = p50(ratios), p50(floor) / p50(container)
    return [
        Figure(
            "sandbox devbox, `true`, against docker exec, p50",
            f"{p50(sandbox):.2f} ms",
            f"{p50(floor):.1f} ms",
            f"{ratio:.0f} x quicker",
            f"≥ {_LEAST_RATIO} x",
            ratio >= _LEAST_RATIO,
        ),
        Figure(
            "container devbox, `true`, against docker exec, p50",
            f"{p50(container):.2f} ms",
            f"{p50(floor):.1f} ms",
            f"{beside:.0f} x quicker",
            "",
            met=True,
        ),
    ]
