"""`runloop-mcp install CLIENT`: writes this server into a client's configuration, and takes it out again."""

import json
import os
import re
import sys
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

import click

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.cli.clients.catalogue import CLIENTS, Client, Scope
from runloop_mcp.cli.clients.entry import KEY, Change, entry_for, is_in, with_server, without_server
from runloop_mcp.cli.clients.launcher import Launcher, command_line, own_launcher, serve_options
from runloop_mcp.cli.clients.remote import KEY_VARIABLE, is_key, notes_on, remote_entry
from runloop_mcp.cli.clients.safe_file import read_text, replace
from runloop_mcp.cli.options import json_option
from runloop_mcp.cli.terminal import print_json, print_table, say

_NAMES = ", ".join(CLIENTS)
_MASK = "******"
_REFERENCE = re.compile(r"(?:Bearer )?\$(?:\w+|\{[\w.:-]+\})")


@click.command(
    context_settings={"ignore_unknown_options": True}, short_help="Write this server into a client's configuration."
)
@click.argument("client", required=False, metavar="CLIENT")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF SERVE]...")
@click.option("--list", "listing", is_flag=True, help="The clients, where each keeps its servers, and what is there.")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    help="For whom.  [default: user; project with --project]",
)
@click.option(
    "--project",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="The project.  [default: this folder]",
)
@click.option("--name", default="runloop", show_default=True, help="What the server is called there.")
@click.option(
    "--launcher",
    type=click.Choice([launcher.value for launcher in Launcher]),
    help="What starts it.  [default: as this was started]",
)
@click.option("--url", metavar="URL", help="A server that runs elsewhere, with /mcp: write its address instead.")
@click.option(
    "--key-env",
    "variable",
    metavar="NAME",
    help=f"The variable that the client takes the server's key from, with --url.  [default: {KEY_VARIABLE}]",
)
@click.option("--no-key", is_flag=True, help="The server needs no key, or lets clients log in.")
@click.option(
    "--header", "headers", metavar="'NAME: VALUE'", multiple=True, help="A header to send, with --url; written plainly."
)
@click.option("--uninstall", is_flag=True, help="Take it out again.")
@click.option("--skill", is_flag=True, help="Place the skill for agents that prefer the command line, too.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def install(
    *,
    client: str | None,
    options: tuple[str, ...],
    listing: bool,
    scope: str | None,
    project: Path | None,
    name: str,
    launcher: str | None,
    url: str | None,
    variable: str | None,
    no_key: bool,
    headers: tuple[str, ...],
    uninstall: bool,
    skill: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Write this server into the configuration of an MCP client, or take it out.

    CLIENT is one of claude-code, claude-desktop, cursor, vscode, codex, gemini, windsurf and zed. Options of `serve`,
    such as --state-dir, are written along with it. With --url the client reaches a server that runs already.

    It shows the change and asks before it writes. All else in the file stays as it is, comments too, and a copy of
    the file is kept beside it. Keys are not written: where one is needed, the client is told how to come by it.
    """
    folder = (project or Path.cwd()).absolute()
    given = options if url is None else (*options, "--url")
    _check(name, given, "list" if listing else "uninstall" if uninstall else None)
    _check_remote(url, options, launcher, variable, no_key=no_key, headers=headers)
    if listing:
        _list(folder, name, as_json=as_json)
        return
    known = _client(client)
    place = Scope(scope) if scope else (Scope.PROJECT if project else Scope.USER)
    path = _file(known, place, folder)
    found = read_text(path)
    notes: list[str] = []
    if uninstall:
        change = without_server(known, path, found, name)
    else:
        if url is not None:
            source = None if no_key else variable or KEY_VARIABLE
            entry = remote_entry(known, url, name=name, variable=source, headers=headers)
            notes += notes_on(known, url, entry, variable=source, is_shared=place is Scope.PROJECT)
        else:
            entry = _entry(known, place, launcher, options, notes)
        change = with_server(known, path, found, name, entry)
    changes = change.after != (found or "")
    skill_file = _skill_file(known, place, folder) if skill else None
    skill_text = _skill_change(skill_file, uninstall=uninstall)
    if not as_json:
        _show(known, path, name, change, notes)
        if skill_file is not None and skill_text is not None:
            click.echo(f"{'Removes' if uninstall else 'Writes'} {skill_file}")
    copy = None
    if (changes or skill_text is not None) and not dry_run:
        if not yes:
            _ask()
        copy = replace(path, found, change.after) if changes else None
        _place_skill(skill_file, skill_text, uninstall=uninstall)
    if as_json:
        shown = _masked(change.new, _ours(change))
        backup = str(copy) if copy else None
        told = {"client": known.name, "file": str(path), "name": name, "changed": changes and not dry_run}
        print_json(told | {"backup": backup, "entry": shown, "skill": str(skill_file) if skill_file else None})
    elif changes and not dry_run:
        _tell(known, path, copy, uninstall=uninstall)


def _check(name: str, options: tuple[str, ...], instead: str | None) -> None:
    """Refuses names that clients don't take, and options that go nowhere: they may be our own, mistyped."""
    if instead and options:
        raise click.UsageError(f"{' '.join(options)} has no place beside --{instead}.")
    if not instead and not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise click.UsageError(f"--name {name!r}: clients take letters, digits, hyphens and underscores.")


def _check_remote(
    url: str | None,
    options: tuple[str, ...],
    launcher: str | None,
    variable: str | None,
    *,
    no_key: bool,
    headers: tuple[str, ...],
) -> None:
    """Refuses what has no place with an address, or without one."""
    if url is None:
        if variable is not None or no_key or headers:
            raise click.UsageError("--key-env, --no-key and --header are for a server that runs elsewhere: add --url.")
        return
    if options or launcher:
        given = " ".join(options) or "--launcher"
        raise click.UsageError(f"{given} is for a server that the client starts; the one at --url runs already.")
    if variable is not None and no_key:
        raise click.UsageError("--key-env and --no-key exclude each other.")
    if variable is not None and any(map(is_key, headers)):
        raise click.UsageError("--key-env and a header Authorization exclude each other: either has the key.")


def _client(name: str | None) -> Client:
    if name is None:
        raise click.UsageError(f"Name a client: {_NAMES}. --list shows where each keeps its servers.")
    if name not in CLIENTS:
        raise click.UsageError(f"There is no client {name!r}. Known are {_NAMES}; docs/install.md has all others.")
    return CLIENTS[name]


def _file(client: Client, scope: Scope, folder: Path) -> Path:
    path = client.file(scope, system=sys.platform, home=Path.home(), project=folder, variables=os.environ)
    if path is None:
        raise InvalidRequest(f"{client.title} has no configuration of projects.", hint="Leave --scope away.")
    return path


def _entry(
    client: Client, scope: Scope, launcher: str | None, options: tuple[str, ...], notes: list[str]
) -> dict[str, Any]:
    words, values = serve_options(options)
    needs_key = values.get("backend") == "cloud" or values.get("devbox") == "runloop"
    is_shared = scope is Scope.PROJECT
    command, arguments = command_line(Launcher(launcher) if launcher else own_launcher(), words, is_shared=is_shared)
    entry = entry_for(client, command, arguments, needs_key=needs_key)
    if is_shared:
        notes.append(f"The file belongs to the project: {command} must be on the PATH of everyone who uses it.")
        if any(isinstance(value, (Path, tuple)) for value in values.values()):
            notes.append("It names folders of this machine, which others may not have.")
    if needs_key and not ({"env", "env_vars"} & entry.keys()):
        notes.append(f"Start {client.title} with {KEY} in its environment; the file does not hold it.")
    elif "env_vars" in entry or KEY in str(entry.get("env")):
        how = "asks for the key" if "input:" in str(entry.get("env")) else f"hands {KEY} on"
        notes.append(f"{client.title} {how}; the file does not hold it.")
    set_here = sorted(variable for variable in os.environ if variable.startswith("RUNLOOP_MCP_"))
    if set_here and not client.hands_on_environment:
        notes.append(f"{client.title} may not know what is set here: {', '.join(set_here)}. Options can say the same.")
    return entry


def _show(client: Client, path: Path, name: str, change: Change, notes: list[str]) -> None:
    """Shows what changes of the server's entry. The rest stays as it is, and may hold secrets."""
    there = "" if change.before is not None else ", which is not there yet"
    click.echo(f"{client.title} keeps its servers in {path}{there}.\n")
    old, new = (_lines(client, name, part, _ours(change)) for part in (change.old, change.new))
    if change.after == (change.before or ""):
        click.echo(f"There is nothing to do: {name} is {'there as it should be' if change.new else 'not there'}.")
        return
    lines = list(unified_diff(old, new, str(path), str(path), lineterm="", n=20))
    for line in lines:
        colour = {"+": "green", "-": "red"}.get(line[:1])
        click.echo(click.style(line, fg=colour) if colour else line)
    click.echo("")
    for note in notes:
        click.echo(note)


def _lines(client: Client, name: str, entry: Any, ours: Any) -> list[str]:
    if entry is None:
        return []
    shown = {client.section: {name: _masked(entry, ours)}}
    if client.is_toml:
        import tomlkit

        return tomlkit.dumps(shown).splitlines()
    return json.dumps(shown, indent=2, ensure_ascii=False).splitlines()


def _ours(change: Change) -> set[str]:
    """The values of environment variables and headers that are no secrets: they only name where one comes from."""
    if not isinstance(change.new, dict):
        return set()
    environment, headers = (change.new.get(part) or {} for part in ("env", "headers"))
    named = [environment.get(KEY), headers.get("Authorization")]
    return {each for each in named if isinstance(each, str) and _REFERENCE.fullmatch(each)}


def _masked(entry: Any, ours: set[str]) -> Any:
    if not isinstance(entry, dict):
        return entry
    shown = dict(entry)
    for part in ("env", "headers", "http_headers"):
        if isinstance(shown.get(part), Mapping):
            shown[part] = {key: value if value in ours else _MASK for key, value in shown[part].items()}
    return shown


def _ask() -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here: add --yes to write it, or --dry-run to look only.")
    click.confirm("Write it?", default=True, abort=True, err=True)


def _tell(client: Client, path: Path, copy: Path | None, *, uninstall: bool) -> None:
    kept = f"; what it was is kept in {copy}" if copy else ""
    say(f"{path} is written{kept}.")
    if not uninstall:
        say(client.afterwards)


def _skill_file(client: Client, scope: Scope, folder: Path) -> Path:
    from runloop_mcp.cli.skill import NAME

    skills = client.skills(scope, home=Path.home(), project=folder, variables=os.environ)
    if skills is None:
        raise InvalidRequest(
            f"{client.title} has no place for skills that is known here.",
            hint="Print it with: runloop-mcp skill",
        )
    return skills / NAME / "SKILL.md"


def _skill_change(path: Path | None, *, uninstall: bool) -> str | None:
    """What is to be written there, or what is to be removed; None where nothing is to be done."""
    from runloop_mcp.cli.skill import text

    if path is None:
        return None
    found = read_text(path)
    if uninstall:
        return found
    return None if found == text() else text()


def _place_skill(path: Path | None, text: str | None, *, uninstall: bool) -> None:
    if path is None or text is None:
        return
    if not uninstall:
        replace(path, read_text(path), text)
        return
    path.unlink(missing_ok=True)
    if not any(path.parent.iterdir()):
        path.parent.rmdir()


def _list(folder: Path, name: str, *, as_json: bool) -> None:
    rows = []
    for client in CLIENTS.values():
        for scope in Scope:
            path = client.file(scope, system=sys.platform, home=Path.home(), project=folder, variables=os.environ)
            if path is not None:
                rows.append((client.name, scope.value, _state(client, path, name), str(path)))
    if as_json:
        print_json([dict(zip(("client", "scope", "state", "file"), row, strict=True)) for row in rows])
        return
    print_table(("client", "for", name, "file"), rows)


def _state(client: Client, path: Path, name: str) -> str:
    try:
        text = read_text(path)
    except InvalidRequest:
        return "can't be read"
    if text is None:
        return "no file"
    try:
        return "there" if is_in(client, path, text, name) else "not there"
    except InvalidRequest:
        return "broken file"
