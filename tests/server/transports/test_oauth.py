"""Tokens of an authorization server, beside keys: who calls, as what, and what is refused."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from issuer import AUDIENCE, SECRET, Issuer, issuing
from mcp.client import Client
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from mcp_agent import ERAS, Tools
from served_command import PATIENCE, Server, serving_command

from runloop_mcp.access.keyring import open_keyring
from runloop_mcp.access.oauth import signing_keys as signing_keys_module
from runloop_mcp.access.oauth.bearer import REMEMBERED, OAuthAccess
from runloop_mcp.access.oauth.signing_keys import SigningKeys
from runloop_mcp.api.access import Principal, Role
from runloop_mcp.api.errors import ApiError, Forbidden, Unauthorized, Unavailable
from runloop_mcp.cli.oauth import with_oauth
from runloop_mcp.cli.settings import load_settings
from runloop_mcp.server.transports.requests import OPEN_LIMIT


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """An authorization server."""
    with issuing() as made:
        yield made


@pytest.fixture(scope="module")
def server(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real command, which takes its tokens."""
    state = tmp_path_factory.mktemp("oauth") / "state"
    with serving_command(state, "--oauth-issuer", issuer.url, "--oauth-audience", AUDIENCE) as served:
        yield served


async def access_of(issuer: Issuer, folder: Path) -> OAuthAccess:
    """What the server asks, by itself."""
    return OAuthAccess(
        await open_keyring(folder),
        SigningKeys(issuer.url),
        issuer=issuer.url,
        audience=AUDIENCE,
        operator_scope="runloop:operator",
        solver_scope="runloop:solver",
    )


class Memory:
    """Where a client keeps its token."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """The token that it got."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keeps one."""
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Nothing: it is told when it is made."""
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Forgets it."""


def test_the_tokens_of_all_streams_are_remembered_as_checked() -> None:
    """They are asked for in turn every second: were fewer remembered, each would be checked anew each time."""
    assert REMEMBERED > OPEN_LIMIT


@pytest.mark.parametrize("era", ERAS)
async def test_the_sdk_s_own_client_finds_its_way_from_the_address_alone(
    issuer: Issuer, server: Server, era: str
) -> None:
    """From a 401 to the metadata, from there to the authorization server, and back with a token."""
    url, memory = server.url + "/mcp", Memory()
    auth = ClientCredentialsOAuthProvider(url, memory, client_id="robot", client_secret=SECRET, issuer=issuer.url)
    async with (
        httpx2.AsyncClient(auth=auth, trust_env=False, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode=era) as client,
    ):
        agent = Tools(client)
        assert (await agent.call("list_scenarios")).structured["total"] > 0
        assert (await agent.call("list_runs")).structured["total"] == 0
    assert memory.tokens is not None
    with server.client(authorization=f"Bearer {memory.tokens.access_token}") as rest:
        assert rest.get("/v1/scenarios").status_code == 403, (
            "the scope that the server asks for first is that of solvers"
        )


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"authorization": f"Bearer {token}"}


def test_a_client_without_a_token_is_told_where_to_get_one(issuer: Issuer, server: Server) -> None:
    """By the header, by metadata that needs no key; one without a scope is told which; keys are good as before."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        refused = client.post("/mcp")
        assert refused.status_code == 401
        url = refused.headers["www-authenticate"].partition('resource_metadata="')[2].partition('"')[0]
        for each in (url, server.url + "/.well-known/oauth-protected-resource"):
            told = client.get(each).json()
            assert (told["resource"], told["authorization_servers"]) == (server.url + "/mcp", [issuer.url])
            assert told["scopes_supported"] == ["runloop:operator", "runloop:solver"]
        poor = client.get("/v1/scenarios", headers=bearer(issuer.token(scope="email")))
        assert poor.status_code == 403
        assert 'error="insufficient_scope"' in poor.headers["www-authenticate"]
        bad = client.get("/v1/scenarios", headers=bearer(issuer.token() + "x"))
        assert bad.status_code == 401
        assert 'error="invalid_token"' in bad.headers["www-authenticate"]
        for good in (issuer.token(), server.key):
            assert client.get("/v1/scenarios", headers=bearer(good)).status_code == 200


async def test_scopes_say_the_role_and_the_subject_says_who(issuer: Issuer, tmp_path: Path) -> None:
    """Operators before solvers, in both forms that authorization servers use; a key stays what it is."""
    access = await access_of(issuer, tmp_path)
    for claims, principal in (
        ({}, Principal("oauth:ann", Role.OPERATOR)),
        ({"scope": "email runloop:solver", "sub": "bob"}, Principal("oauth:bob", Role.SOLVER)),
        ({"scope": None, "scp": ["runloop:solver", "runloop:operator"]}, Principal("oauth:ann", Role.OPERATOR)),
        ({"aud": ["https://other.example", AUDIENCE]}, Principal("oauth:ann", Role.OPERATOR)),
    ):
        token = issuer.token(**claims)
        assert [await access.authenticate(token) for _ in range(2)] == [principal] * 2
    long = await access.authenticate(issuer.token(sub="x" * 5000))
    assert len(long.id) < 100
    keyring = await open_keyring(tmp_path)
    assert (await access.authenticate((await keyring.create("laptop", Role.SOLVER)).key)).role is Role.SOLVER


async def test_tokens_for_either_transport_are_for_this_server(issuer: Issuer, tmp_path: Path) -> None:
    """Clients ask for a token for the address that they reach, as the metadata of each names it; no other counts."""
    settings = load_settings(public_url="https://runs.example", oauth_issuer=issuer.url)
    access, resource = with_oauth(settings, await open_keyring(tmp_path), no_auth=False)
    assert resource is not None
    for path in resource.paths:
        token = issuer.token(aud=f"https://runs.example{path}")
        assert (await access.authenticate(token)).id == "oauth:ann"
    with pytest.raises(Unauthorized, match="another server"):
        await access.authenticate(issuer.token(aud="https://runs.example"))


@pytest.mark.parametrize(
    ("claims", "error", "told"),
    [
        ({"exp": int(time.time()) - 100}, Unauthorized, "expired"),
        ({"exp": None}, Unauthorized, "not good"),
        ({"exp": 10**400}, Unauthorized, "not good"),
        ({"aud": "https://other.example"}, Unauthorized, "another server"),
        ({"aud": None}, Unauthorized, "not good"),
        ({"iss": "https://other.example"}, Unauthorized, "not good"),
        ({"sub": None}, Unauthorized, "not good"),
        ({"nbf": 10**10}, Unauthorized, "not good"),
        ({"scope": "runloop:operators"}, Forbidden, "runloop:operator"),
        ({"scope": ["runloop:operator ", 7]}, Forbidden, "runloop:operator"),
    ],
)
async def test_a_token_that_is_not_for_this_is_refused(
    issuer: Issuer, tmp_path: Path, claims: dict[str, Any], error: type[ApiError], told: str
) -> None:
    """By its time, issuer, audience or scope; the refusal holds nothing of it."""
    token = issuer.token(**claims)
    with pytest.raises(error, match=told) as refused:
        await (await access_of(issuer, tmp_path)).authenticate(token)
    assert token not in str(refused.value)
    assert "other.example" not in str(refused.value)


async def test_forged_tokens_are_refused(issuer: Issuer, tmp_path: Path) -> None:
    """Without a signature, with another key, or with the public key taken for a shared secret."""
    access = await access_of(issuer, tmp_path)
    good = issuer.token()
    head, payload, signature = good.split(".")
    public = issuer.keys["first"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    stranger = rsa.generate_private_key(65537, 2048)
    changed = base64.urlsafe_b64encode(json.dumps({"sub": "eve"}).encode()).decode().rstrip("=")
    for forged in (
        issuer.token(key=stranger),
        issuer.token("unknown", key=stranger),
        f"{head}.{changed}.{signature}",
        f"{head}.{payload}.",
        f"{_head(alg='none', kid='first')}.{payload}.",
        f"{_head(alg='HS256', kid='first')}.{payload}.{_signed_with(pem, payload)}",
        f"{_head(alg='RS256', kid=['first'])}.{payload}.{signature}",
        "a.b.c",
        "..",
        "ü.ü.ü",
        "\ud800.x.y",
    ):
        with pytest.raises(Unauthorized):
            await access.authenticate(forged)


def _head(**fields: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps({"typ": "JWT", **fields}).encode()).decode().rstrip("=")


def _signed_with(secret: bytes, payload: str) -> str:
    import hmac  # noqa: PLC0415 - for a forger

    signed = f"{_head(alg='HS256', kid='first')}.{payload}".encode()
    return base64.urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).decode().rstrip("=")


async def test_new_keys_are_found_and_asked_for_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was added is fetched at its first token; tokens with keys that nobody has cause no flood of asking."""
    with issuing() as issuer:
        access = await access_of(issuer, tmp_path)
        await access.authenticate(issuer.token())
        issuer.add("second")
        stranger = rsa.generate_private_key(65537, 2048)
        for _ in range(5):
            with pytest.raises(Unauthorized):
                await access.authenticate(issuer.token("second"))
        assert issuer.asked.count("/keys") == 1
        monkeypatch.setattr(signing_keys_module, "PAUSE_SECONDS", 0.0)
        assert (await access.authenticate(issuer.token("second"))).id == "oauth:ann"
        monkeypatch.undo()
        for _ in range(5):
            with pytest.raises(Unauthorized):
                await access.authenticate(issuer.token("third", key=stranger))
        assert issuer.asked.count("/keys") == 2


async def test_an_issuer_that_hangs_or_sends_nonsense_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose key is known is let in while it is asked for keys, and whatever comes of that."""
    with issuing() as issuer:
        access = await access_of(issuer, tmp_path)
        await access.authenticate(issuer.token())
        monkeypatch.setattr(signing_keys_module, "FRESH_SECONDS", 0.0)
        monkeypatch.setattr(signing_keys_module, "PAUSE_SECONDS", 0.0)
        issuer.nonsense = b'{"keys":' + b"[" * 100_000
        assert (await access.authenticate(issuer.token(sub="bob"))).id == "oauth:bob"
        issuer.nonsense, issuer.hangs = None, threading.Event()
        let_in: list[str] = []

        async def enter(subject: str) -> None:
            let_in.append((await access.authenticate(issuer.token(sub=subject))).id)

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(enter, "cid")
                await anyio.to_thread.run_sync(issuer.reached.wait, PATIENCE)
                await enter("dot")
                assert let_in == ["oauth:dot"]
                issuer.hangs.set()
        assert let_in == ["oauth:dot", "oauth:cid"]


async def test_an_issuer_that_is_down_keeps_nobody_out_whose_key_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are used on while it does not answer; without any, clients are told to come again, and at once."""
    with issuing() as issuer:
        access = await access_of(issuer, tmp_path)
        await access.authenticate(issuer.token())
        unasked = await access_of(issuer, tmp_path)
    monkeypatch.setattr(signing_keys_module, "FRESH_SECONDS", 0.0)
    assert (await access.authenticate(issuer.token(sub="bob"))).id == "oauth:bob"
    for _ in range(3):
        with pytest.raises(Unavailable) as refused:
            await unasked.authenticate(issuer.token())
        assert refused.value.retryable
