"""What stands for this server in a client's file, and the file with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.cli.clients import json_edit, toml_edit
from runloop_mcp.cli.clients.catalogue import Client
from runloop_mcp.cli.clients.json_syntax import NotJson, line_and_column
from runloop_mcp.cli.clients.toml_edit import NotToml

KEY = "RUNLOOP_API_KEY"
_KEY_INPUT = "runloop-api-key"
_ADDRESSES = ("url", "httpUrl", "serverUrl")


@dataclass(frozen=True)
class Change:
    """A file's text before and after, and what stood and will stand for the server in it.

    Args:
        before: None where there is no file.
        after: The same text as before where nothing is to be done.
        old: None where nothing stood for the server.
        new: None where nothing will.
    """

    before: str | None
    after: str
    old: Any
    new: Any


def entry_for(client: Client, command: str, arguments: Sequence[str], *, needs_key: bool) -> dict[str, Any]:
    """What stands for the server: never a key itself, only how the client comes by it.

    Args:
        client: Whose file it is.
        command: What starts the server.
        arguments: Of the command.
        needs_key: Whether it asks Runloop for anything, and so needs the key in its environment.
    """
    entry: dict[str, Any] = {"type": client.type_field} if client.type_field else {}
    entry |= {"command": command, "args": list(arguments)}
    if not needs_key:
        return entry
    if client.is_toml:
        return entry | {"env_vars": [KEY]}
    if client.key_reference:
        name = _KEY_INPUT if _has_inputs(client) else KEY
        return entry | {"env": {KEY: client.key_reference.format(name)}}
    return entry


def _has_inputs(client: Client) -> bool:
    """Whether it asks a person for secrets, and keeps them out of its file."""
    return client.key_reference is not None and ":" in client.key_reference and "input" in client.key_reference


def with_server(client: Client, path: Path, text: str | None, name: str, entry: Mapping[str, Any]) -> Change:
    """The file with the server in it. What else its entry says stays: only what we write is written anew.

    Raises:
        InvalidRequest: The file is broken, or the name stands for something else in it.
    """
    before = text or ""
    place = [client.section, name]
    try:
        held = _read(client, before)
        old = _at(held, place)
        if isinstance(old, dict) and any(key in old for key in _ADDRESSES):
            raise InvalidRequest(
                f"{name!r} is a server behind an address in {path}.",
                hint="Choose another name with --name, or remove that one first with --uninstall.",
            )
        new = _merged(old, entry)
        after = _with_key(client, before, place, new)
        if _has_inputs(client) and KEY in entry.get("env", {}):
            after = _with_input(client, after, held)
        _hold(client, after, place, new)
    except (NotJson, NotToml) as error:
        raise _broken(path, before, error) from None
    return Change(text, before if old == new and after == before else after, old, new)


def without_server(client: Client, path: Path, text: str | None, name: str) -> Change:
    """The file without the server; as it is where the server is not in it.

    Raises:
        InvalidRequest: The file is broken.
    """
    before = text or ""
    place = [client.section, name]
    try:
        old = _at(_read(client, before), place)
        remove = toml_edit.without_key if client.is_toml else json_edit.without_key
        after = remove(before, place)
        _hold(client, after, place, None)
    except (NotJson, NotToml) as error:
        raise _broken(path, before, error) from None
    return Change(text, after, old, None)


def is_in(client: Client, path: Path, text: str | None, name: str) -> bool:
    """Whether a server of this name is in a file.

    Raises:
        InvalidRequest: The file is broken.
    """
    try:
        return _at(_read(client, text or ""), [client.section, name]) is not None
    except (NotJson, NotToml) as error:
        raise _broken(path, text or "", error) from None


def _read(client: Client, text: str) -> Any:
    return toml_edit.read(text) if client.is_toml else json_edit.read(text.removeprefix("\ufeff"))


def _with_key(client: Client, text: str, place: Sequence[str], value: Any) -> str:
    if client.is_toml:
        return toml_edit.with_key(text, place, value)
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    return mark + json_edit.with_key(text.removeprefix("\ufeff"), place, value)


def _at(held: Any, place: Sequence[str]) -> Any:
    for key in place:
        held = held.get(key) if isinstance(held, dict) else None
    return held


def _merged(old: Any, entry: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(old, dict):
        return dict(entry)
    merged = {**old, **entry}
    if isinstance(old.get("env"), dict) and "env" in entry:
        merged["env"] = {**old["env"], **entry["env"]}
    if isinstance(old.get("env_vars"), list) and "env_vars" in entry:
        merged["env_vars"] = [*old["env_vars"], *(name for name in entry["env_vars"] if name not in old["env_vars"])]
    return merged


def _with_input(client: Client, text: str, held: Any) -> str:
    inputs = held.get("inputs", []) if isinstance(held, dict) else []
    if any(isinstance(one, dict) and one.get("id") == _KEY_INPUT for one in inputs):
        return text
    asked = {"type": "promptString", "id": _KEY_INPUT, "description": "Key of Runloop's API", "password": True}
    return _with_key(client, text, ["inputs"], [*inputs, asked])


def _hold(client: Client, text: str, place: Sequence[str], expected: Any) -> None:
    """Reads what is to be written as its client will: a mistake of ours must not reach anybody's file."""
    if _at(_read(client, text), place) != expected:
        raise InvalidRequest(
            f"The file of {client.title} is written in a way that can't be changed safely; it was left as it is.",
            hint="Add the server by hand: docs/install.md shows how.",
        )


def _broken(path: Path, text: str, error: NotJson | NotToml) -> InvalidRequest:
    if isinstance(error, NotJson):
        line, column = line_and_column(text.removeprefix("\ufeff"), error.at)
    else:
        line, column = error.line, error.column
    return InvalidRequest(
        f"{path} is broken at line {line}, column {column}: {error.what}.",
        hint="It was left as it is. Mend it, then run the command again.",
    )
