"""What containers can do here, found by making a devbox and running something in it."""

import secrets
from typing import TYPE_CHECKING

import anyio

from runloop_mcp.api.errors import ApiError
from runloop_mcp.devbox.port import Capability, Command, Devbox, DevboxSpec, Finding, Limits

if TYPE_CHECKING:
    from .driver import DockerDriver

_TRIAL = "for place in . ~ /tmp; do cp /bin/true $place/copy && $place/copy || exit; done"
_TRIAL_DISK_BYTES = 1 << 30
"""A limit, so that it is seen whether the engine's storage can hold a disk to one."""
_SECONDS = 30.0


async def examine(driver: "DockerDriver") -> Capability:
    """Tries everything that a devbox needs, in order, and tells of all that it found."""
    try:
        engine, host = await driver.engine()
    except ApiError as error:
        return Capability(driver.name, "none", [Finding("engine", ok=False, detail=error.message, remedy=error.hint)])
    shown = f"{host.get('Name', 'an engine')} {engine.version.get('Version', '')} at {engine.address.shown}"
    findings = [Finding("engine", ok=True, detail=shown)]
    python = image = ""
    try:
        programs = await driver.programs()
        python, image = programs.python, programs.image_id
        findings.append(Finding("image", ok=True, detail=f"{driver.image}, with Python {python}"))
        findings += await _try(driver)
        findings += [_program(driver.image, name, name in programs.names) for name in ("pytest", "git")]
        findings.append(_limits(host, caps_disks=await driver.caps_disks()))
    except ApiError as error:
        findings.append(Finding("image", ok=False, detail=error.message, remedy=error.hint or "Name another image."))
    works = all(finding.ok for finding in findings if finding.required)
    return Capability(driver.name, "container" if works else "none", findings, python, image)


async def _try(driver: "DockerDriver") -> list[Finding]:
    name = f"probe-{secrets.token_hex(8)}"
    box = await driver.create(name, DevboxSpec(limits=Limits(disk_bytes=_TRIAL_DISK_BYTES)))
    try:
        status, output = await _run(box, "bash", "-c", _TRIAL)
    except (ApiError, TimeoutError) as error:
        status, output = 1, str(error)
    finally:
        with anyio.CancelScope(shield=True):
            await driver.remove(name)
    if status == 0:
        return [Finding("containers", ok=True, detail="A devbox boots, runs commands and changes files.")]
    remedy = "The image needs bash and coreutils; name another: --docker-image."
    return [Finding("containers", ok=False, detail=f"A command in a devbox failed: {output}", remedy=remedy)]


async def _run(box: Devbox, *argv: str) -> tuple[int, str]:
    output = bytearray()

    async def keep(data: bytes) -> None:
        output.extend(data)

    with anyio.fail_after(_SECONDS):
        process = await box.start(Command(argv, timeout_seconds=_SECONDS), stdout=keep, stderr=keep)
        ended = await process.wait()
    return ended.status, output.decode(errors="replace").strip()[-500:]


def _program(image: str, name: str, there: bool) -> Finding:
    detail = f"{name} in {image}" if there else f"{image} has no {name}; scenarios that need it can't be started"
    return Finding(name, ok=there, detail=detail, remedy=f"Install {name} in the image.", required=False)


def _limits(host: "dict[str, object] | object", *, caps_disks: bool) -> Finding:
    known = host if isinstance(host, dict) else {}
    named = {"memory": "MemoryLimit", "processors": "CpuCfsQuota", "processes": "PidsLimit"}
    held = [name for name, key in named.items() if known.get(key)]
    counted = "; processes by control groups" if known.get("PidsLimit") else ""
    disk = "disk by a watchdog, and not far beyond it by the engine's storage" if caps_disks else "disk by a watchdog"
    detail = f"{', '.join(held) or 'nothing'} by the engine; {disk}{counted}"
    return Finding("limits", ok=True, detail=detail, required=False)
