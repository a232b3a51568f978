"""Tokens of runs: minted, known, and over with their time or a revocation."""

from pathlib import Path

import pytest

from runloop_mcp.access.keyring import FILE, Keyring, open_keyring
from runloop_mcp.api.access import LOCAL_OPERATOR, Principal, Role
from runloop_mcp.api.errors import NotFound, Unauthorized
from runloop_mcp.api.models.scoring import Disclosure

RUN = "scr_0123456789abcdefghijk"


@pytest.fixture
async def keyring(tmp_path: Path) -> Keyring:
    """The keys of a state directory that has none yet."""
    return await open_keyring(tmp_path)


async def test_a_token_stands_for_a_solver_that_is_bound_to_a_run(keyring: Keyring, tmp_path: Path) -> None:
    """With the tools and the disclosure that it was minted with; only a hash of it is kept."""
    made = await keyring.run_tokens.mint(RUN, seconds=60)
    assert await keyring.authenticate(made.token) == Principal(f"run:{RUN}", Role.SOLVER, RUN)
    narrow = await keyring.run_tokens.mint(RUN, seconds=60, tools=["get_run"], disclosure=Disclosure.SEALED)
    principal = await keyring.authenticate(narrow.token)
    assert (principal.tools, principal.disclosure) == (frozenset({"get_run"}), "sealed")
    listed = await keyring.run_tokens.list(RUN)
    assert [each.model_dump() for each in listed] == [each.model_dump(exclude={"token"}) for each in (narrow, made)]
    assert await keyring.run_tokens.list("scr_other") == []
    for made_token in (made, narrow):
        assert made_token.token.removeprefix("rlmcp_run_").encode() not in (tmp_path / FILE).read_bytes()


async def test_a_token_ends_with_its_time_and_when_it_is_revoked(keyring: Keyring) -> None:
    """Revoking again changes nothing, and what is no token's id is told."""
    expired = await keyring.run_tokens.mint(RUN, seconds=-1)
    with pytest.raises(Unauthorized, match="expired"):
        await keyring.authenticate(expired.token)
    made = await keyring.run_tokens.mint(RUN, seconds=60)
    await keyring.authenticate(made.token)
    revoked = await keyring.run_tokens.revoke(made.id)
    with pytest.raises(Unauthorized, match="revoked"):
        await keyring.authenticate(made.token)
    assert await keyring.run_tokens.revoke(made.id) == revoked
    with pytest.raises(NotFound, match="keys tokens"):
        await keyring.run_tokens.revoke(made.token)


async def test_a_token_ends_with_the_key_that_minted_it(keyring: Keyring) -> None:
    """Others go on, with those that are nobody's key's; lists show when it ended."""
    maker, other = await keyring.create("maker"), await keyring.create("other")
    theirs, others, anyones = [
        await keyring.run_tokens.mint(RUN, seconds=60, principal=principal)
        for principal in (
            await keyring.authenticate(maker.key),
            await keyring.authenticate(other.key),
            LOCAL_OPERATOR,
        )
    ]
    await keyring.authenticate(theirs.token)
    revoked = await keyring.revoke("maker")
    with pytest.raises(Unauthorized, match="revoked"):
        await keyring.authenticate(theirs.token)
    for token in (others, anyones):
        assert (await keyring.authenticate(token.token)).run_id == RUN
    ended = {each.id: each.revoke_time_ms for each in await keyring.run_tokens.list()}
    assert ended == {theirs.id: revoked.revoke_time_ms, others.id: None, anyones.id: None}
    assert (await keyring.run_tokens.revoke(theirs.id)).revoke_time_ms == revoked.revoke_time_ms
