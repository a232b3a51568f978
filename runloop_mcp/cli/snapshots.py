"""`runloop-mcp snapshots list|show|create|delete`: disks of devboxes, kept to begin others from."""

from collections.abc import Sequence
from datetime import UTC, datetime

import anyio
import click

from runloop_mcp.api.models.snapshot import SnapshotListParams, SnapshotParams, SnapshotView
from runloop_mcp.cli.options import backend_options, json_option
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import print_json, print_table, say
from runloop_mcp.cli.wiring import backend_for

_PAGE = 1000
_RUN_PREFIX = "scr_"


@click.group()
def snapshots() -> None:
    """Keep disks of devboxes, and list, show and delete what is kept.

    A scenario begins from one that it names in environment.snapshot_id.
    """


@snapshots.command("list")
@click.option("--of", "of_devbox", metavar="ID", help="Only those of this devbox.")
@backend_options
@json_option
def list_command(*, flags: dict[str, object], of_devbox: str | None, as_json: bool) -> None:
    """The snapshots there are, newest first."""
    found = anyio.run(_list, load_settings(**flags), of_devbox)
    if as_json:
        print_json(found)
        return
    if not found:
        say("There are no snapshots. Keep the disk of a run's devbox with: runloop-mcp snapshots create RUN_ID")
        return
    rows = [
        (each.id, each.name or "", each.source_devbox_id, amount(each.size_bytes), time(each.create_time_ms))
        for each in found
    ]
    print_table(("snapshot", "name", "of devbox", "size", "made (UTC)"), rows)


async def _list(settings: Settings, devbox: str | None) -> list[SnapshotView]:
    found: list[SnapshotView] = []
    params = SnapshotListParams(limit=_PAGE, devbox_id=devbox)
    async with backend_for(settings, looks_after_runs=False) as backend:
        while True:
            page = await backend.snapshots.list(params)
            found += page.items
            if not page.has_more or not page.items:
                return found
            params = params.model_copy(update={"starting_after": page.items[-1].id})


@snapshots.command("show")
@click.argument("snapshot_id")
@backend_options
@json_option
def show_command(*, flags: dict[str, object], snapshot_id: str, as_json: bool) -> None:
    """One snapshot, and how far it is."""

    async def look(settings: Settings) -> SnapshotView:
        async with backend_for(settings, looks_after_runs=False) as backend:
            return await backend.snapshots.retrieve(snapshot_id)

    _show(anyio.run(look, load_settings(**flags)), as_json=as_json)


@snapshots.command("create", short_help="Keep the disk of a devbox as it is.")
@click.argument("run_or_devbox")
@click.option("--name", metavar="TEXT", help="What to call it.")
@click.option("--message", metavar="TEXT", help="Why it is kept.")
@backend_options
@json_option
def create_command(
    *, flags: dict[str, object], run_or_devbox: str, name: str | None, message: str | None, as_json: bool
) -> None:
    """Keep home and working directory of a devbox as they are, by its id or its run's.

    A devbox that a server has up can be kept by that server alone; one whose server has ended is kept as it lies on its
    disk, without booting it.
    """
    params = SnapshotParams(name=name, commit_message=message)
    made = anyio.run(_create, load_settings(**flags), run_or_devbox, params)
    _show(made, as_json=as_json)


async def _create(settings: Settings, called: str, params: SnapshotParams) -> SnapshotView:
    async with backend_for(settings, looks_after_runs=False) as backend:
        devbox_id = called
        if called.startswith(_RUN_PREFIX):
            devbox_id = (await backend.runs.retrieve(called)).devbox_id
        return await backend.snapshots.create(devbox_id, params)


@snapshots.command("delete")
@click.argument("snapshot_id")
@backend_options
def delete_command(*, flags: dict[str, object], snapshot_id: str) -> None:
    """Delete a snapshot that no scenario and no devbox uses."""

    async def delete(settings: Settings) -> None:
        async with backend_for(settings, looks_after_runs=False) as backend:
            await backend.snapshots.delete(snapshot_id)

    anyio.run(delete, load_settings(**flags))
    say(f"Deleted {snapshot_id}.")


def _show(snapshot: SnapshotView, *, as_json: bool) -> None:
    if as_json:
        print_json(snapshot)
        return
    details = snapshot.x_runloop_mcp
    rows = [
        ("snapshot", snapshot.id),
        ("name", snapshot.name or ""),
        ("message", snapshot.commit_message or ""),
        ("of devbox", snapshot.source_devbox_id),
        ("of blueprint", snapshot.source_blueprint_id or ""),
        ("working directory", details.working_directory if details else ""),
        ("size", amount(snapshot.size_bytes)),
        ("made (UTC)", time(snapshot.create_time_ms)),
        *sorted(snapshot.metadata.items()),
    ]
    print_fields(rows)


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Prints what is known of one thing, a line for each field that has a value."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        if value:
            click.echo(f"{name.ljust(width)}  {value}")


def time(time_ms: int) -> str:
    """A moment, for people."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def amount(size: int | None) -> str:
    """A number of bytes, for people; nothing where it is not known."""
    if size is None:
        return ""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
