"""Keys and signed tokens: made, known, revoked, and safe on disk, whoever else uses the file."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from runloop_mcp.access import keyring as keyring_module
from runloop_mcp.access.database import _SCHEMA_1
from runloop_mcp.access.keyring import FILE, Keyring, open_keyring
from runloop_mcp.access.secret import digest_of, new_key
from runloop_mcp.api.access import Principal, Role
from runloop_mcp.api.errors import InvalidRequest, NotFound, Unauthorized, Unavailable
from runloop_mcp.api.signed_tokens import signed


@pytest.fixture
async def keyring(tmp_path: Path) -> Keyring:
    """The keys of a state directory that has none yet."""
    return await open_keyring(tmp_path)


async def test_a_key_stands_for_a_principal_of_its_own(keyring: Keyring) -> None:
    """Each key authenticates as one operator, by which its attempts are counted."""
    first, second = await keyring.create("laptop"), await keyring.create("build")
    assert await keyring.authenticate(first.key) == Principal(f"key:{first.id}", Role.OPERATOR)
    assert await keyring.authenticate(second.key) == Principal(f"key:{second.id}", Role.OPERATOR)
    assert len(first.key) == len("rlmcp_") + 43
    assert first.key.startswith("rlmcp_")


@pytest.mark.parametrize("token", ["", "rlmcp_", "x" * 201, "rlmcp_" + "A" * 43, "\ud800", "sk-ü"])
async def test_what_is_no_key_is_refused_and_not_repeated(keyring: Keyring, token: str) -> None:
    """Nothing but a whole key is let in, and the refusal says how to get one, not what was given."""
    made = await keyring.create("laptop")
    for wrong in (token, made.key[:-1], made.key + "A", made.id, made.name):
        with pytest.raises(Unauthorized, match="runloop-mcp keys create") as refused:
            await keyring.authenticate(wrong)
        assert not wrong or wrong not in str(refused.value)


async def test_a_key_has_a_role(keyring: Keyring) -> None:
    """A solver's key stands for a solver, and lists say so."""
    made = await keyring.create("agent", Role.SOLVER)
    assert await keyring.authenticate(made.key) == Principal(f"key:{made.id}", Role.SOLVER)
    assert [key.role for key in await keyring.list()] == ["solver"]


async def test_keys_of_a_version_without_roles_are_operators(tmp_path: Path) -> None:
    """A file that an older version wrote is taken over with its keys and what it signed."""
    path, key = tmp_path / FILE, new_key()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(_SCHEMA_1)
        connection.execute("INSERT INTO signing VALUES (?)", (b"s" * 32,))
        connection.execute("INSERT INTO keys VALUES ('key_1', 'laptop', ?, 1, NULL, NULL)", (digest_of(key),))
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    path.chmod(0o600)
    keyring = await open_keyring(tmp_path)
    assert await keyring.authenticate(key) == Principal("key:key_1", Role.OPERATOR)
    keyring.verify("a path", signed(b"s" * 32, "a path", seconds=60))


async def test_a_key_is_told_once_and_kept_as_a_hash(keyring: Keyring, tmp_path: Path) -> None:
    """Neither the list nor the file holds a key, and only its owner can read the file."""
    made = await keyring.create("laptop")
    (listed,) = await keyring.list()
    assert listed.model_dump() == made.model_dump(exclude={"key"})
    for file in tmp_path.iterdir():
        assert made.key.removeprefix("rlmcp_").encode() not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0


async def test_a_revoked_key_is_refused_at_once(keyring: Keyring) -> None:
    """From the moment that the revocation is answered; others go on, and revoking again changes nothing."""
    made, other = await keyring.create("laptop"), await keyring.create("build")
    await keyring.authenticate(made.key)
    revoked = await keyring.revoke("laptop")
    with pytest.raises(Unauthorized):
        await keyring.authenticate(made.key)
    assert await keyring.authenticate(other.key)
    assert revoked.revoke_time_ms is not None
    assert await keyring.revoke(made.id) == revoked


async def test_another_process_makes_and_revokes_keys(
    keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that another process made is known at once; one that it revoked is refused a moment later."""
    others = await open_keyring(tmp_path)
    await keyring.authenticate((await keyring.create("laptop")).key)
    made = await others.create("theirs")
    assert await keyring.authenticate(made.key)
    await others.revoke("theirs")
    monkeypatch.setattr(keyring_module, "FRESH_SECONDS", 0.0)
    with pytest.raises(Unauthorized):
        await keyring.authenticate(made.key)


async def test_names_tell_good_keys_apart(keyring: Keyring) -> None:
    """A name is taken for as long as its key is good, and revoking by name means the good one."""
    first = await keyring.create("laptop")
    with pytest.raises(InvalidRequest, match="keys revoke 'laptop'"):
        await keyring.create(" laptop ")
    await keyring.revoke("laptop")
    second = await keyring.create("laptop")
    assert (await keyring.revoke("laptop")).id == second.id
    assert [key.id for key in await keyring.list()] == [second.id, first.id]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines", "\x1b[31m"])
async def test_a_name_is_for_people(keyring: Keyring, name: str) -> None:
    """A name that nobody could read in a table is refused."""
    with pytest.raises(InvalidRequest, match="printable"):
        await keyring.create(name)
    with pytest.raises(NotFound, match="keys list"):
        await keyring.revoke(name)


async def test_when_a_key_was_last_used(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noted at the first use, then no more often than needed for a minute's exactness."""
    made = await keyring.create("laptop")
    before = time.time_ns() // 1_000_000
    await keyring.authenticate(made.key)
    first = (await keyring.list())[0].last_used_ms
    assert first is not None
    assert first >= before
    with monkeypatch.context() as context:
        context.setattr(keyring_module, "_now_ms", lambda: first + 5)
        await keyring.authenticate(made.key)
        assert (await keyring.list())[0].last_used_ms == first
        context.setattr(keyring_module, "NOTED_SECONDS", 0.0)
        await keyring.authenticate(made.key)
    assert (await keyring.list())[0].last_used_ms == first + 5


async def test_requests_read_the_file_seldom(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand requests with keys that are known take no more than one look at the file."""
    made = await keyring.create("laptop")
    await keyring.authenticate(made.key)
    monkeypatch.setattr(keyring_module, "FRESH_SECONDS", 3600.0)
    (Path(keyring._database.path)).rename(keyring._database.path.with_suffix(".away"))
    for _ in range(1000):
        await keyring.authenticate(made.key)
    assert not keyring._database.path.exists()


async def test_many_at_once(tmp_path: Path) -> None:
    """Servers that begin at once on a new state directory, and make keys, agree on one file and one secret."""
    rings: list[Keyring] = []

    async def begin(number: int) -> None:
        ring = await open_keyring(tmp_path)
        await ring.create(f"key {number}")
        rings.append(ring)

    async with anyio.create_task_group() as tasks:
        for number in range(12):
            tasks.start_soon(begin, number)
    assert len(await rings[0].list()) == 12
    token = rings[0].sign("a path", seconds=60)
    for ring in rings:
        ring.verify("a path", token)


async def test_a_signed_token_is_good_for_its_purpose_and_time(keyring: Keyring, tmp_path: Path) -> None:
    """It outlives the server, and nothing about it can be changed."""
    token = keyring.sign("/v1/signed/objects/obj_1", seconds=60)
    later = await open_keyring(tmp_path)
    later.verify("/v1/signed/objects/obj_1", token)
    expiry, _, mac = token.partition(".")
    forged = [
        f"{int(expiry) + 1}.{mac}",
        f"{expiry}.",
        expiry,
        "",
        f"{expiry}.{mac[:-1]}",
        f"-1.{mac}",
        "²." + mac,
        "é",
    ]
    for wrong in forged:
        with pytest.raises(Unauthorized, match="not signed"):
            later.verify("/v1/signed/objects/obj_1", wrong)
    with pytest.raises(Unauthorized, match="not signed"):
        later.verify("/v1/signed/objects/obj_2", token)
    with pytest.raises(Unauthorized, match="expired"):
        later.verify("a path", later.sign("a path", seconds=-1))


async def test_a_token_of_another_server_is_refused(keyring: Keyring, tmp_path: Path) -> None:
    """Each state directory has a secret of its own."""
    (tmp_path / "other").mkdir()
    other = await open_keyring(tmp_path / "other")
    with pytest.raises(Unauthorized, match="not signed"):
        keyring.verify("a path", other.sign("a path", seconds=60))


async def test_a_file_that_others_could_read_is_not_used(keyring: Keyring, tmp_path: Path) -> None:
    """It holds what signs tokens; the refusal says how to close it."""
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(Unavailable, match="chmod 600"):
        await keyring.create("laptop")


@pytest.mark.parametrize("damage", ["nonsense", "newer", "folder"])
async def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, damage: str) -> None:
    """A damaged file, or one of a newer version, ends in a sentence that names it."""
    path = tmp_path / FILE
    if damage == "nonsense":
        path.write_bytes(b"nonsense" * 1000)
        path.chmod(0o600)
    elif damage == "folder":
        path.mkdir()
    else:
        await open_keyring(tmp_path)
        await to_thread.run_sync(_set_version, path)
    with pytest.raises(Unavailable, match=r"access\.db"):
        await open_keyring(tmp_path)


def _set_version(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


async def test_nobody_is_kept_out_by_a_full_disk(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """That a use can't be noted is no reason to refuse the key."""
    made = await keyring.create("laptop")

    def refuse(*_: object) -> None:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(keyring._database, "note_use", refuse)
    assert await keyring.authenticate(made.key)
    assert os.access(keyring._database.path, os.R_OK)
