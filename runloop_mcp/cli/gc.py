"""`runloop-mcp gc`."""

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

import anyio
import click

from runloop_mcp.cli.options import backend_options, json_option
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import print_json, print_table, say
from runloop_mcp.cli.wiring import backend_for, collect_garbage

if TYPE_CHECKING:
    from runloop_mcp.engine.retention.collector import Collected, Removal

_NAMES = {
    "devbox": "disks of devboxes",
    "snapshot": "frozen working directories, homes and snapshots",
    "files": "files of scenarios",
    "leftover": "half made, half deleted, or of another version",
    "output": "outputs of commands",
    "lock": "locks",
    "object": "contents of objects",
}


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--retention-days", type=float, metavar="N", help="Keep what runs left for so many days.  [default: 14]")
@click.option("--retention-gb", type=float, metavar="N", help="Keep at most so much of it.  [default: 10]")
@backend_options
@json_option
def gc(
    *,
    flags: dict[str, object],
    dry_run: bool,
    retention_days: float | None,
    retention_gb: float | None,
    as_json: bool,
) -> None:
    """Remove what is not needed any more, and say what that is.

    Frozen working directories and outputs of runs that have ended go after 14 days, or when they take more than 10 GB
    together, the oldest first; and what servers left that were killed. Runs, scores and records stay, and nothing is
    touched that a run or a server at work needs. Servers do the same by themselves, about once an hour.
    """
    settings = load_settings(**flags, retention_days=retention_days, retention_gb=retention_gb)
    collected = anyio.run(_collect, settings, dry_run)
    if as_json:
        removed = [asdict(removal) for removal in collected.removals]
        print_json({"dry_run": dry_run, "removed": removed, "bytes": collected.size, "in_use": collected.in_use})
        return
    _show(collected, dry_run=dry_run)


async def _collect(settings: Settings, dry_run: bool) -> "Collected":
    async with backend_for(settings) as backend:
        return await collect_garbage(backend, dry_run=dry_run)


def _show(collected: "Collected", *, dry_run: bool) -> None:
    if collected.in_use:
        say(f"{collected.in_use} more can go once the servers that have them just now let them go.")
    if not collected.removals:
        say("There is nothing to remove.")
        return
    removals = sorted(collected.removals, key=_group)
    rows = []
    for (what, why), found in groupby(removals, key=_group):
        sizes = [removal.size for removal in found]
        rows.append((_NAMES[what], str(len(sizes)), _amount(sum(sizes)), why))
    print_table(("what", "number", "size", "why"), rows)
    say(f"{'This would free' if dry_run else 'Freed'} {_amount(collected.size)}.")


def _group(removal: "Removal") -> tuple[str, str]:
    return removal.what.value, removal.why.value


def _amount(size: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
