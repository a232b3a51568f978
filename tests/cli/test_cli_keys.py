"""`runloop-mcp keys`, and a server that serves nobody without one."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import anyio
import httpx
import pytest
from forked_python import ForkedProcess

from runloop_mcp.access.keyring import Keyring, open_keyring

Command = Callable[..., CompletedProcess[str]]


@contextmanager
def serving(environment: dict[str, str], *arguments: str) -> Iterator[tuple[str, list[str]]]:
    """A server over HTTP: its address, and what it said; in the end all of it."""
    command = ["-m", "runloop_mcp", "serve", "--transport", "http", "--port", "0", *arguments]
    said: list[str] = []
    with ForkedProcess(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                said.append(line)
                if line.startswith("Ctrl-C ends it."):
                    break
            found = re.search(r"http://[^ ]+:\d+(?=/mcp)", "".join(said))
            assert found, said
            yield found.group(), said
        finally:
            process.terminate()
            said.append(process.stderr.read())
            assert process.wait(30) == 0, said


@pytest.fixture
def keyring(environment: dict[str, str]) -> Keyring:
    """The keys that the command uses too."""
    folder = Path(environment["RUNLOOP_MCP_STATE_DIR"])
    folder.mkdir(mode=0o700)
    return anyio.run(open_keyring, folder)


def test_keys_are_made_listed_and_revoked(runloop: Command) -> None:
    """The key alone is on stdout, once; lists have names, ids and times."""
    made = runloop("keys", "create", "laptop")
    key = made.stdout.strip()
    assert re.fullmatch(r"rlmcp_[\w-]{43}", key)
    assert "Authorization: Bearer" in made.stderr
    assert key not in made.stderr
    table, listed = runloop("keys", "list").stdout, json.loads(runloop("keys", "list", "--json").stdout)
    assert "laptop" in table
    assert key not in table
    assert listed[0].keys() == {"id", "name", "role", "create_time_ms"}
    assert listed[0]["id"] in table
    revoked = json.loads(runloop("keys", "revoke", "laptop", "--json").stdout)
    assert revoked["id"] == listed[0]["id"]
    assert "revoke_time_ms" in revoked
    assert json.loads(runloop("keys", "create", "laptop", "--json").stdout)["key"] != key


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["list"], "keys create NAME"),
        (["create", ""], "printable"),
        (["revoke", "laptop"], "keys list"),
    ],
)
def test_what_cannot_be_done_is_told(runloop: Command, arguments: list[str], told: str) -> None:
    """Each failure says what to do instead."""
    assert told in runloop("keys", *arguments).stderr


def test_a_server_needs_a_key(runloop: Command, environment: dict[str, str], keyring: Keyring) -> None:
    """Without any good key it does not start and says how to make one; with one it serves who has it, until revoked.

    No key, good or bad, is written anywhere.
    """
    anyio.run(keyring.create, "old")
    anyio.run(keyring.revoke, "old")
    refused = runloop("serve", "--transport", "http", "--port", "0")
    assert refused.returncode == 1
    assert "runloop-mcp keys create NAME" in refused.stderr
    assert "--no-auth" in refused.stderr
    key, wrong = anyio.run(keyring.create, "laptop").key, "rlmcp_wrong-4711"
    with serving(environment) as (url, said), httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        assert "have a key" in said[0]
        for path in ("/mcp", "/sse", "/v1/scenarios"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"authorization": f"Bearer {wrong}"}).status_code == 401
        client.headers["authorization"] = f"Bearer {key}"
        assert client.get("/v1/nothing").status_code == 404
        anyio.run(keyring.revoke, "laptop")
        deadline = time.monotonic() + 30
        while client.get("/v1/nothing").status_code != 401:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    files = [file for file in Path(environment["RUNLOOP_MCP_STATE_DIR"]).iterdir() if file.is_file()]
    written = "".join([*said, *(file.read_bytes().decode("latin-1") for file in files)])
    assert key not in written
    assert wrong not in written


def test_with_keys_it_can_be_reached_from_elsewhere(environment: dict[str, str], keyring: Keyring) -> None:
    """On all addresses it answers to this machine's names, the address that was reached, and names that are allowed."""
    headers = {"authorization": f"Bearer {anyio.run(keyring.create, 'laptop').key}"}
    arguments = ["--host", "0.0.0.0", "--allowed-host", "runs.example"]  # noqa: S104 - what is tested
    with serving(environment, *arguments) as (url, said), httpx.Client(trust_env=False, timeout=30) as client:
        assert "TLS" in said[0]
        port = url.rpartition(":")[2]
        for host, status in {
            f"127.0.0.1:{port}": 404,
            f"127.0.0.2:{port}": 421,
            "runs.example": 404,
            "RUNS.example:443": 404,
            "evil.example": 421,
        }.items():
            answer = client.get(f"{url}/v1/nothing", headers=headers | {"host": host})
            assert answer.status_code == status, host
        assert client.get(f"http://127.0.0.2:{port}/v1/nothing", headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--no-auth", "--host", "192.0.2.1"], 1, "runloop-mcp keys create NAME"),
        (["--no-auth", "--public-url", "https://runs.example"], 1, "behind a proxy"),
        (["--no-auth", "--trusted-proxy", "127.0.0.1"], 1, "behind a proxy"),
        (["--no-auth", "--oauth-issuer", "https://login.example"], 1, "Leave out --no-auth"),
        (["--oauth-issuer", "https://login.example"], 1, "--oauth-audience"),
        (["--oauth-issuer", "http://login.example"], 1, "https://"),
        (["--trusted-proxy", "proxy.example"], 1, "no address or network"),
        (["--public-url", "https://runs.example/mcp"], 1, "without /mcp"),
        (["--allowed-host", "https://runs.example"], 1, "without scheme"),
        (["--transport", "stdio", "--no-auth"], 2, "--transport http"),
        (["--transport", "stdio", "--trusted-proxy", "127.0.0.1"], 2, "--transport http"),
    ],
)
def test_what_makes_no_sense_is_refused(runloop: Command, arguments: list[str], code: int, told: str) -> None:
    """Options that would open the server to all, or that do nothing, end in a sentence."""
    refused = runloop("serve", "--transport", "http", *arguments)
    assert refused.returncode == code
    assert told in refused.stderr
