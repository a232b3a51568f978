"""`runloop-mcp blueprints list|show|build|delete`: recipes for environments, built once."""

import sys
from collections.abc import Iterable
from pathlib import Path

import anyio
import click

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.blueprint import (
    BUILD_ENDED,
    BlueprintListParams,
    BlueprintParams,
    BlueprintStatus,
    BlueprintView,
    CodeMount,
)
from runloop_mcp.cli.options import backend_options, json_option
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.snapshots import print_fields, time
from runloop_mcp.cli.terminal import print_json, print_table, say
from runloop_mcp.cli.wiring import backend_for

_PAGE = 1000
_LOOK_SECONDS = 1
_ID_PREFIX = "bpt_"


@click.group()
def blueprints() -> None:
    """Build environments once, and list, show and delete what was built.

    A scenario begins from one that it names in environment.blueprint_id.
    """


@blueprints.command("list")
@click.option("--name", metavar="TEXT", help="Only those of this name.")
@backend_options
@json_option
def list_command(*, flags: dict[str, object], name: str | None, as_json: bool) -> None:
    """The blueprints there are, newest first."""
    found = anyio.run(_list, load_settings(**flags), name)
    if as_json:
        print_json(found)
        return
    if not found:
        say("There are no blueprints. Build one with: runloop-mcp blueprints build NAME --run COMMAND")
        return
    rows = [(each.id, each.name, each.status, time(each.create_time_ms)) for each in found]
    print_table(("blueprint", "name", "status", "made (UTC)"), rows)


async def _list(settings: Settings, name: str | None) -> list[BlueprintView]:
    found: list[BlueprintView] = []
    params = BlueprintListParams(limit=_PAGE, name=name)
    async with backend_for(settings, looks_after_runs=False) as backend:
        while True:
            page = await backend.blueprints.list(params)
            found += page.items
            if not page.has_more or not page.items:
                return found
            params = params.model_copy(update={"starting_after": page.items[-1].id})


@blueprints.command("show")
@click.argument("blueprint_id")
@backend_options
@json_option
def show_command(*, flags: dict[str, object], blueprint_id: str, as_json: bool) -> None:
    """One blueprint, and the log of its build."""

    async def look(settings: Settings) -> tuple[BlueprintView, list[str]]:
        async with backend_for(settings, looks_after_runs=False) as backend:
            view = await backend.blueprints.retrieve(blueprint_id)
            return view, [line.message for line in (await backend.blueprints.logs(blueprint_id)).logs]

    view, log = anyio.run(look, load_settings(**flags))
    if as_json:
        print_json({**view.model_dump(mode="json", exclude_none=True), "log": log})
        return
    rows = [
        ("blueprint", view.id),
        ("name", view.name),
        ("on blueprint", view.base_blueprint_id or ""),
        ("status", f"{view.status}, deleted" if view.state == "deleted" else str(view.status)),
        ("made (UTC)", time(view.create_time_ms)),
        *sorted(view.metadata.items()),
    ]
    print_fields(rows)
    for line in log:
        click.echo(line)


@blueprints.command("build", short_help="Build a blueprint, and show what that says.")
@click.argument("name")
@click.option("--base", metavar="BLUEPRINT", help="What it is built on: a blueprint's id or name.")
@click.option("--file", "files", multiple=True, metavar="PATH=FILE", help="Writes a file of yours to a path at home.")
@click.option("--run", "commands", multiple=True, metavar="COMMAND", help="Runs a command at home, with a network.")
@click.option("--code", "code", multiple=True, metavar="OWNER/REPO[@REF]", help="Clones a repository into the home.")
@click.option("--dockerfile", type=click.Path(path_type=Path), metavar="FILE", help="Where devboxes are containers.")
@backend_options
@json_option
def build_command(
    *,
    flags: dict[str, object],
    name: str,
    base: str | None,
    files: tuple[str, ...],
    commands: tuple[str, ...],
    code: tuple[str, ...],
    dockerfile: Path | None,
    as_json: bool,
) -> int:
    """Build a blueprint in a devbox that has a network, and show what that says.

    Files come first, then commands, in their order, then repositories. What was built before with the same contents is
    reused. The exit code is 0 when it is built.
    """
    by_id = base is not None and base.startswith(_ID_PREFIX)
    params = BlueprintParams(
        name=name,
        base_blueprint_id=base if by_id else None,
        base_blueprint_name=None if by_id else base,
        file_mounts=dict(_files(files)) or None,
        system_setup_commands=list(commands) or None,
        code_mounts=[_repository(each) for each in code] or None,
        dockerfile=_read(dockerfile) if dockerfile is not None else None,
    )
    view = anyio.run(_build, load_settings(**flags), params, as_json)
    if as_json:
        print_json(view)
    elif view.status == BlueprintStatus.BUILD_COMPLETE:
        say(f"Built {view.id}. A scenario begins from it with environment.blueprint_id.")
    return 0 if view.status == BlueprintStatus.BUILD_COMPLETE else 1


async def _build(settings: Settings, params: BlueprintParams, quiet: bool) -> BlueprintView:
    async with backend_for(settings, looks_after_runs=False) as backend:
        made = await backend.blueprints.create(params)
        shown = 0
        try:
            while True:
                view = await backend.blueprints.wait(made.id, wait_seconds=_LOOK_SECONDS)
                shown = await _tell(backend, made.id, shown, quiet=quiet)
                if view.status in BUILD_ENDED:
                    return view
        except BaseException:
            say(f"The build of {made.id} ends with this command.")
            raise


async def _tell(backend: Backend, blueprint_id: str, shown: int, *, quiet: bool) -> int:
    """Shows the lines of the log that are new; returns how many there are."""
    lines = (await backend.blueprints.logs(blueprint_id)).logs
    if not quiet:
        for line in lines[shown:]:
            click.echo(line.message, err=line.level == "error")
        sys.stdout.flush()
    return len(lines)


@blueprints.command("delete")
@click.argument("blueprint_id")
@backend_options
def delete_command(*, flags: dict[str, object], blueprint_id: str) -> None:
    """Delete a blueprint that nothing was made from that is still there."""

    async def delete(settings: Settings) -> None:
        async with backend_for(settings, looks_after_runs=False) as backend:
            await backend.blueprints.delete(blueprint_id)

    anyio.run(delete, load_settings(**flags))
    say(f"Deleted {blueprint_id}.")


def _files(given: Iterable[str]) -> Iterable[tuple[str, str]]:
    for each in given:
        target, equals, source = each.partition("=")
        if not equals or not source:
            raise InvalidRequest(f"--file {each!r} names no file.", hint="Give PATH=FILE: where it goes, and yours.")
        yield target, _read(Path(source))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise InvalidRequest(f"The file {path} can't be read: {reason}.", hint="Give a text file.") from error


def _repository(given: str) -> CodeMount:
    name, _, ref = given.partition("@")
    owner, slash, repository = name.partition("/")
    if not slash:
        raise InvalidRequest(f"--code {given!r} is no repository.", hint="Give OWNER/REPO, or OWNER/REPO@REF.")
    return CodeMount(repo_owner=owner, repo_name=repository, git_ref=ref or None)
