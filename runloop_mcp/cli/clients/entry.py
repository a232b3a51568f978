"""What stands for this server in a client's file, and the file with it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.cli.clients import json_edit, toml_edit
from runloop_mcp.cli.clients.catalogue import Client
from runloop_mcp.cli.clients.json_syntax import NotJson, line_and_column
from runloop_mcp.cli.clients.remote import input_of
from runloop_mcp.cli.clients.toml_edit import NotToml

KEY = "RUNLOOP_API_KEY"
_KEY_INPUT = "runloop-api-key"
_ADDRESSES = ("url", "httpUrl", "serverUrl")
_KEY_FIELDS = ("bearer_token_env_var",)
_HEADERS = ("headers", "http_headers")


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
        name = _KEY_INPUT if client.asks_for_keys else KEY
        return entry | {"env": {KEY: client.key_reference.format(name)}}
    return entry


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
        if isinstance(old, dict) and _is_remote(old) != _is_remote(entry):
            kind = "a server behind an address" if _is_remote(old) else "a server that is started by a command"
            raise InvalidRequest(
                f"{name!r} is {kind} in {path}.",
                hint="Choose another name with --name, or remove that one first with --uninstall.",
            )
        new = _merged(old, entry)
        after = _with_key(client, before, place, new)
        if client.asks_for_keys:
            after = _with_inputs(after, held, name, new)
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
        if client.asks_for_keys and old is not None:
            after = _without_inputs(after, name)
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


def _is_remote(entry: Mapping[str, Any]) -> bool:
    return any(key in entry for key in _ADDRESSES)


def _merged(old: Any, entry: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(old, dict):
        return dict(entry)
    if _is_remote(entry):
        return _merged_remote(old, entry)
    merged = {**old, **entry}
    if isinstance(old.get("env"), dict) and "env" in entry:
        merged["env"] = {**old["env"], **entry["env"]}
    if isinstance(old.get("env_vars"), list) and "env_vars" in entry:
        merged["env_vars"] = [*old["env_vars"], *(name for name in entry["env_vars"] if name not in old["env_vars"])]
    return merged


def _merged_remote(old: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Address and key are ours to renew, in whatever field they stood; further headers are not."""
    kept = {key: value for key, value in old.items() if key not in (*_ADDRESSES, *_KEY_FIELDS)}
    merged = {**kept, **entry}
    for field in _HEADERS:
        if isinstance(old.get(field), dict):
            others = {name: value for name, value in old[field].items() if name.lower() != "authorization"}
            merged[field] = {**others, **entry.get(field, {})}
            if not merged[field]:
                del merged[field]
    return merged


def _inputs(held: Any) -> list[Any]:
    inputs = held.get("inputs") if isinstance(held, dict) else None
    return inputs if isinstance(inputs, list) else []


def _with_inputs(text: str, held: Any, name: str, entry: Mapping[str, Any]) -> str:
    """With what the client is to ask for: what the server's entry names of ours, and the file has not yet."""
    known = {one.get("id") for one in _inputs(held) if isinstance(one, dict)}
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    for identity, description in _asked(name).items():
        if identity not in known and _names_input(entry, identity):
            asked = {"type": "promptString", "id": identity, "description": description, "password": True}
            text = json_edit.with_item(text, ["inputs"], asked)
    return mark + text


def _without_inputs(text: str, name: str) -> str:
    """Without what the client asked for because of this server alone."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    for identity in _asked(name):
        held = json_edit.read(text)
        place = next(
            (at for at, one in enumerate(_inputs(held)) if isinstance(one, dict) and one.get("id") == identity), None
        )
        if place is not None and not _names_input(held, identity):
            text = json_edit.without_item(text, ["inputs"], place)
    return mark + text


def _asked(name: str) -> dict[str, str]:
    """What a client may ask for on behalf of a server of this name."""
    return {_KEY_INPUT: "Key of Runloop's API", input_of(name): f"Key of the server {name}"}


def _names_input(held: Any, identity: str) -> bool:
    return f"${{input:{identity}}}" in json.dumps(held)


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
