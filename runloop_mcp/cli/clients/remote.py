"""What stands in a client's file for a server that runs elsewhere: its address, and how the client comes by the key."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import click

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.cli.clients.catalogue import Client, Remote

KEY_VARIABLE: Final = "RUNLOOP_MCP_KEY"
"""The variable that clients take the key from, where nobody names another. Not the one of Runloop's own key, which
would otherwise go to whatever server is at the address."""

_AUTHORIZATION: Final = "Authorization"
_PLAIN_KEY: Final = f'--header "{_AUTHORIZATION}: Bearer KEY" writes a key into the file, where others may read it.'
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def remote_entry(
    client: Client, url: str, *, name: str, variable: str | None, headers: Sequence[str] = ()
) -> dict[str, Any]:
    """What stands for a server behind an address.

    Args:
        client: Whose file it is.
        url: The server's address, with `/mcp` or `/sse`.
        name: What the server is called in the file.
        variable: The variable that the key comes from; None where the server wants none, or a header has it.
        headers: Further headers, as `Name: value`, which are written as they are.

    Raises:
        click.UsageError: The address, the variable or a header is none.
        InvalidRequest: The client reaches no server so.
    """
    if client.remote is None:
        raise InvalidRequest(
            f"{client.title} takes no address of a server in its file.",
            hint="Add it in its settings, under Connectors. Or leave --url away: the client then starts the server.",
        )
    sent = dict(_header(each) for each in headers)
    entry = _address(client, client.remote, url)
    if variable is not None and not any(map(is_key, sent)):
        entry |= _key(client, client.remote, name, variable, sent)
    if sent:
        entry[client.remote.headers] = sent
    return entry


def notes_on(client: Client, url: str, entry: Mapping[str, Any], *, variable: str | None, is_shared: bool) -> list[str]:
    """What whoever installs it should know."""
    notes = []
    held = str(entry)
    if "input:" in held:
        notes.append(f"{client.title} asks for the key; the file does not hold it.")
    elif variable is not None and variable in held:
        notes.append(f"Start {client.title} with the key in {variable}; the file does not hold it.")
    elif client.remote is not None and any(map(is_key, entry.get(client.remote.headers, ()))):
        notes.append("The file holds the key." + (" It belongs to the project, so others see it." if is_shared else ""))
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        notes.append(
            "Over http:// keys and outputs can be read on their way; https:// needs a proxy before the server."
        )
    return notes


def is_key(header: str) -> bool:
    """Whether a header, by its name or as a whole, is the one with the key."""
    return header.partition(":")[0].lower() == _AUTHORIZATION.lower()


def input_of(name: str) -> str:
    """What a client that asks for the key of a server calls the answer; never as it calls Runloop's own key."""
    return f"{name}-server-key"


def _address(client: Client, remote: Remote, url: str) -> dict[str, Any]:
    parts = _parts(url)
    kind = parts.path.rpartition("/")[2] if parts is not None else ""
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or kind not in ("mcp", "sse"):
        raise click.UsageError(f"--url {url}: an address ends in /mcp, or /sse, such as http://127.0.0.1:8787/mcp.")
    if parts.username is not None:
        raise click.UsageError("--url has a name or password in it, which servers don't look at: leave it out.")
    field = remote.address if kind == "mcp" else remote.sse_address
    if field is None:
        raise InvalidRequest(f"{client.title} does not speak SSE.", hint="Give the address that ends in /mcp.")
    said = {"type": "http" if kind == "mcp" else "sse"} if remote.says_type else {}
    return said | {field: url}


def _parts(url: str) -> SplitResult | None:
    """The parts of an address; None where it has none, such as a port that is a number of no port."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  looked at only where it is asked for
    except ValueError:
        return None
    return parts


def _key(client: Client, remote: Remote, name: str, variable: str, sent: dict[str, str]) -> dict[str, Any]:
    """The field that names where the key comes from; or nothing, where a header does, which is added to those sent."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        raise click.UsageError("--key-env takes the name of an environment variable, never a key.")
    if remote.key_field is not None:
        return {remote.key_field: variable}
    if remote.key_reference is None:
        raise InvalidRequest(
            f"{client.title} can't be told where to take a key from.",
            hint=f"Say --no-key where the server needs none or lets clients log in. {_PLAIN_KEY}",
        )
    source = input_of(name) if client.asks_for_keys else variable
    sent[_AUTHORIZATION] = f"Bearer {remote.key_reference.format(source)}"
    return {}


def _header(given: str) -> tuple[str, str]:
    name, colon, value = given.partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not value.strip().isprintable():
        # What was given is not repeated: it may be a key.
        raise click.UsageError("--header takes a name and a value, such as --header 'X-Team: blue'.")
    return name, value.strip()
