"""`runloop-mcp doctor`: what works here, found by trying."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from runloop_mcp import __version__
from runloop_mcp.api.errors import ApiError
from runloop_mcp.cli.lookup import all_scenarios
from runloop_mcp.cli.options import backend_options, json_option
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import console, print_json
from runloop_mcp.cli.wiring import backend_for, driver_for, folder_problems
from runloop_mcp.devbox.port import Capability, Finding
from runloop_mcp.engine.scoring.tools import AST_GREP, UV, find_program

if TYPE_CHECKING:
    from rich.text import Text

_LITTLE_SPACE = 2 * 1024**3
_PROBE_SECONDS = 30
_STILL_WORKS = "Scenarios can be listed and read; what is marked missing keeps runs from starting."
_NOTHING_WORKS = "Without a place for its state nothing else works either."

_OPTIONAL_PROGRAMS = {
    "git": "scenarios that are git repositories, and references that are patches, need it",
    "gcc": "scenarios that build C need it",
    "make": "scenarios that build need it",
    "sqlite3": "scenarios with SQL need it",
}
_SCORERS_PROGRAMS = {
    AST_GREP: "ast_grep_scorer ends in error without it",
    UV: "without it python_script_scorer installs requirements with pip, where there is one, and fetches no Python",
}


@click.command()
@backend_options
@json_option
def doctor(*, flags: dict[str, object], as_json: bool) -> int:
    """What works on this machine, what is missing, and how to mend it.

    The exit code is 0 when devboxes can run here and their state can be kept. With --backend cloud it is Runloop's
    cloud that is looked at.
    """
    settings = load_settings(**flags)
    capability, findings = anyio.run(_examine, settings)
    able = capability.available and all(finding.ok for finding in findings if finding.required)
    if as_json:
        print_json(
            {
                "devboxes": able,
                "driver": capability.driver,
                "tier": capability.tier,
                "findings": [asdict(finding) for finding in (*findings, *capability.findings)],
            }
        )
    else:
        _show(able, capability, findings)
    return 0 if able else 1


async def _examine(settings: Settings) -> tuple[Capability, Sequence[Finding]]:
    findings = [
        Finding("runloop-mcp", ok=True, detail=f"{__version__}, with mcp {version('mcp')}"),
        Finding("python", ok=True, detail=f"{platform.python_version()} at {sys.executable}"),
        Finding("machine", ok=True, detail=f"{platform.system()} {platform.release()} on {platform.machine()}"),
    ]
    state = await anyio.to_thread.run_sync(_state, settings.state_dir)
    findings += state
    if settings.backend == "cloud":
        from runloop_mcp.cli.doctor_cloud import cloud_capability

        return await cloud_capability(settings), findings
    if all(finding.ok for finding in state if finding.required):
        capability = await _capability(settings)
        findings.append(await _scenarios(settings))
    else:
        capability = Capability(settings.devbox, "none", [Finding("devboxes", ok=False, detail="not tried: no state")])
    if settings.devbox == "sandbox":  # which shows this machine's programs
        findings += [_program(name, use) for name, use in _OPTIONAL_PROGRAMS.items()]
    findings += [_scorers_program(name, use) for name, use in _SCORERS_PROGRAMS.items()]
    return capability, findings


def _state(folder: Path) -> list[Finding]:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=folder, prefix="doctor-") as file:
            file.write(b"written")
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        remedy = "Name another folder: --state-dir DIR, or RUNLOOP_MCP_STATE_DIR."
        return [Finding("state", ok=False, detail=f"{folder} can't be written: {error.strerror}", remedy=remedy)]
    return [
        Finding("state", ok=True, detail=f"{folder} can be written"),
        Finding(
            "free space",
            ok=free >= _LITTLE_SPACE,
            detail=f"{free / 1024**3:.1f} GiB",
            remedy=f"Free some space, or name a folder on another disk; {_LITTLE_SPACE // 1024**3} GiB do for most.",
            required=False,
        ),
    ]


@asynccontextmanager
async def _deadline() -> AsyncIterator[None]:
    try:
        with anyio.fail_after(_PROBE_SECONDS):
            yield
    except TimeoutError:
        raise ApiError(f"It did not answer within {_PROBE_SECONDS} s.") from None


async def _capability(settings: Settings) -> Capability:
    driver = driver_for(settings)
    try:
        async with _deadline(), driver:
            return await driver.probe()
    except ApiError as error:
        finding = Finding("devboxes", ok=False, detail=error.message, remedy=error.hint)
        return Capability(driver.name, "none", [finding])


async def _scenarios(settings: Settings) -> Finding:
    remedy = "runloop-mcp validate tells more."
    try:
        async with _deadline(), backend_for(settings) as backend:
            count = len([each async for each in all_scenarios(backend)])
            problems = await folder_problems(backend)
    except ApiError as error:
        return Finding("scenarios", ok=False, detail=error.message, remedy=error.hint, required=False)
    if problems:
        detail = f"{count} load, {len(problems)} do not: {problems[0]}"
        return Finding("scenarios", ok=False, detail=detail, remedy=remedy, required=False)
    return Finding("scenarios", ok=count > 0, detail=f"{count} load", remedy=remedy, required=False)


def _program(name: str, use: str) -> Finding:
    path = shutil.which(name)
    return Finding(
        name,
        ok=path is not None,
        detail=path or f"not found; {use}",
        remedy=f"Install it; on Debian or Ubuntu: apt-get install {name}",
        required=False,
    )


def _scorers_program(name: str, use: str) -> Finding:
    path = find_program(name)
    return Finding(
        name,
        ok=path is not None,
        detail=str(path) if path else f"not found; {use}",
        remedy="pip install 'runloop-mcp[scorers]'",
        required=False,
    )


def _show(able: bool, capability: Capability, findings: Sequence[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    drawn = console()
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in (*findings, *capability.findings):
        mark = Text("ok", "green") if finding.ok else Text("missing" if finding.required else "note", "red bold")
        detail = Text(finding.detail)
        if not finding.ok and finding.remedy:
            detail.append(f"\n→ {finding.remedy}", style="bold")
        if drawn.is_terminal:
            table.add_row(mark, Text(finding.name), detail)
        else:
            # A line for each, unbroken, for whoever searches them.
            click.echo(f"{mark.plain:8} {finding.name:14} {detail.plain.replace(chr(10), '  ')}")
    if drawn.is_terminal:
        drawn.print(table)
    drawn.print(Text("\n").append_text(_verdict(able, capability, findings)), soft_wrap=not drawn.is_terminal)


def _verdict(able: bool, capability: Capability, findings: Sequence[Finding]) -> "Text":
    from rich.text import Text

    if capability.driver == "runloop":
        said = "can be used" if able else "can't be used; what is marked missing keeps it from that"
        return Text.assemble(("Runloop's cloud ", "bold"), (said, "bold green" if able else "bold red"), ".")
    if able:
        return Text.assemble(
            ("Devboxes can run here", "bold green"), f", isolated by {capability.tier} ({capability.driver})."
        )
    kept = all(finding.ok for finding in findings if finding.required)
    return Text.assemble(("Devboxes can't run here.", "bold red"), f" {_STILL_WORKS if kept else _NOTHING_WORKS}")
