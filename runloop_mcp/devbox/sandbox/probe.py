"""What the sandbox can do on this machine, found by making a devbox and running something in it."""

import secrets
from collections.abc import Awaitable, Callable, Sequence

import anyio

from runloop_mcp.api.errors import ApiError, Unavailable
from runloop_mcp.devbox.port import Capability, Command, Devbox, DevboxSpec, Files, Finding

from .inventory import PROBE_PREFIX
from .launch import PYTHON
from .plan import System

_GIVEN = "kernel.py"
"""A file that is there anyway: nothing has to be made, and nothing is left by a server that is killed over it."""
_TRIAL = (
    f"test -s {_GIVEN} && echo changed > {_GIVEN} && "
    "for place in . ~ /tmp; do cp /bin/true $place/copy && $place/copy || exit; done"
)
_FIND_PYTEST = "import sys, importlib.util; sys.exit(importlib.util.find_spec('pytest') is None)"
_TRIAL_SECONDS = 30.0

Create = Callable[[str, DevboxSpec], Awaitable[Devbox]]
Remove = Callable[[str], Awaitable[None]]


async def examine(
    prepare: Callable[[], Awaitable[System]], create: Create, remove: Remove, settled: Callable[[], Sequence[Finding]]
) -> Capability:
    """Tries everything that a devbox needs, in order, and tells of all that it found.

    Args:
        prepare: Builds what all devboxes share.
        create: Makes a devbox.
        remove: Removes one.
        settled: What is known once a devbox was made, or could not be.
    """
    findings = [Finding("system", ok=True, detail="Linux")]
    try:
        system = await prepare()
    except Unavailable as error:
        findings.append(Finding("prerequisites", ok=False, detail=error.message, remedy=error.hint))
        return Capability("sandbox", "none", findings)
    findings.append(Finding("prerequisites", ok=True, detail=f"{PYTHON} {system.tools.python}, libseccomp"))
    findings += await _try(create, remove, system)
    findings += settled()
    works = all(finding.ok for finding in findings if finding.required)
    return Capability("sandbox", "namespaces" if works else "none", findings, system.tools.python)


async def _try(create: Create, remove: Remove, system: System) -> list[Finding]:
    """Boots a devbox with a file in it, changes that and runs what scenarios count on."""
    name = f"probe-{secrets.token_hex(8)}"
    given = system.tools.code / "inside" / _GIVEN
    try:
        box = await create(name, DevboxSpec(files=Files(f"{PROBE_PREFIX}{system.tools.code.name}", given)))
    except ApiError as error:
        return [Finding("namespaces", ok=False, detail=error.message, remedy=error.hint)]
    try:
        return await _try_in(box, system)
    except (ApiError, TimeoutError) as error:
        return [Finding("namespaces", ok=False, detail=f"A devbox does not run commands: {error}")]
    finally:
        await remove(name)


async def _try_in(box: Devbox, system: System) -> list[Finding]:
    status, output = await _run(box, "sh", "-c", _TRIAL)
    if status != 0:
        remedy = "The state folder may be mounted noexec or read-only: --state-dir."
        return [Finding("namespaces", ok=False, detail=f"A command in a devbox failed: {output}", remedy=remedy)]
    works = Finding("namespaces", ok=True, detail="A devbox boots, runs commands and changes files.")
    return [works, await _pytest(box, system), await _bash(box)]


async def _run(box: Devbox, *argv: str) -> tuple[int, str]:
    output = bytearray()

    async def keep(data: bytes) -> None:
        output.extend(data)

    with anyio.fail_after(_TRIAL_SECONDS):
        process = await box.start(Command(argv, timeout_seconds=_TRIAL_SECONDS), stdout=keep, stderr=keep)
        ended = await process.wait()
    return ended.status, output.decode(errors="replace").strip()[-500:]


async def _pytest(box: Devbox, system: System) -> Finding:
    problem = system.tools.problem
    if not problem:
        status, output = await _run(box, PYTHON, "-I", "-c", _FIND_PYTEST)
        if status == 0:
            return Finding("pytest", ok=True, detail=f"pytest in every devbox, for {PYTHON}", required=False)
        problem = output
    return Finding(
        "pytest", ok=False, detail=f"Devboxes have no pytest: {problem}", remedy="Reinstall the server.", required=False
    )


async def _bash(box: Devbox) -> Finding:
    try:
        await _run(box, "bash", "-c", "true")
    except ApiError:
        return Finding(
            "bash",
            ok=False,
            detail="Devboxes have no bash, which shell commands run in.",
            remedy="Install it: apt install bash, or apk add bash.",
        )
    return Finding("bash", ok=True, detail="bash for shell commands")
