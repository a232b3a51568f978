"""The contract of agents: kept with where they come from, found by id, and listed; and of the account."""

import pytest
from backend_cases import OpenBackend
from test_objects import uploaded

from runloop_mcp.api.access import LOCAL_OPERATOR
from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.agent import AgentCreateParams, AgentListParams


def agent(name: str = "solver", **fields: object) -> AgentCreateParams:
    """What an agent is made of."""
    return AgentCreateParams.model_validate({"name": name, **fields})


PIP = {"type": "pip", "pip": {"package_name": "solver", "agent_setup": ["solver --version"]}}


async def test_an_agent_is_kept_until_it_is_deleted(open_backend: OpenBackend) -> None:
    """Another server finds it as it was made; once deleted, nobody does."""
    async with open_backend() as backend:
        made = await backend.agents.create(agent(version="1.2.0", source=PIP))
        assert (made.id[:4], made.name, made.version, made.is_public) == ("agt_", "solver", "1.2.0", False)
        assert made.source is not None
        assert made.source.pip is not None
        assert (made.source.pip.package_name, made.source.pip.agent_setup) == ("solver", ["solver --version"])
    async with open_backend() as backend:
        assert await backend.agents.retrieve(made.id) == made
        await backend.agents.delete(made.id)
        for call in (backend.agents.retrieve(made.id), backend.agents.delete(made.id)):
            with pytest.raises(NotFound, match=made.id):
                await call
        assert (await backend.agents.list(AgentListParams())).total_count == 0


REFUSED = (
    (agent(" "), "name"),
    (agent(source={"type": "brew"}), "brew.*npm, pip, git, object"),
    (agent(source={"type": "npm", "pip": {"package_name": "x"}}), "source.npm"),
    (agent(source={"type": "npm", "npm": {"package_name": "--global"}}), "--global"),
    (agent(source={"type": "git", "git": {"repository": ""}}), "source.git"),
    (agent(source={"type": "git", "git": {"repository": "https://me:hunter2@host/r.git"}}), "auth_token"),
    (agent(source={"type": "object", "object": {"object_id": "obj_missing"}}), "obj_missing"),
)


async def test_an_agent_that_could_never_be_mounted_is_refused(open_backend: OpenBackend) -> None:
    """The message names the field that is wrong."""
    async with open_backend() as backend:
        for params, named in REFUSED:
            with pytest.raises(InvalidRequest, match=named) as refused:
                await backend.agents.create(params)
            assert "hunter2" not in str(refused.value)


async def test_an_agent_of_an_object_needs_the_object(open_backend: OpenBackend) -> None:
    """One that is there will do; one that is deleted will not."""
    async with open_backend() as backend:
        there = await uploaded(backend, b"#!/bin/sh")
        params = agent(source={"type": "object", "object": {"object_id": there.id}})
        assert (await backend.agents.create(params)).id
        await backend.objects.delete(there.id)
        with pytest.raises(InvalidRequest, match="deleted"):
            await backend.agents.create(params)


async def test_the_same_key_makes_one_agent(open_backend: OpenBackend) -> None:
    """A request that comes again gets the agent that it made; with other arguments it is refused."""
    async with open_backend() as backend:
        first = await backend.agents.create(agent(), idempotency_key="key")
        assert await backend.agents.create(agent(), idempotency_key="key") == first
        assert (await backend.agents.list(AgentListParams())).total_count == 1
        with pytest.raises(InvalidRequest, match="key"):
            await backend.agents.create(agent("other"), idempotency_key="key")


async def test_agents_are_listed_newest_first_in_pages_and_filtered(open_backend: OpenBackend) -> None:
    """Pages give each agent once, also to one who deletes as it goes; filters are combined."""
    async with open_backend() as backend:
        made = [await backend.agents.create(agent(f"agent {n}", version=f"{n}")) for n in range(3)]
        for params, ids in (
            (AgentListParams(name="agent 1"), [made[1].id]),
            (AgentListParams(search="GENT 2"), [made[2].id]),
            (AgentListParams(search=made[0].id[5:]), [made[0].id]),
            (AgentListParams(version="0", name="agent 1"), []),
            (AgentListParams(is_public=True), []),
            (AgentListParams(is_public=False), [each.id for each in made[::-1]]),
        ):
            assert [each.id for each in (await backend.agents.list(params)).items] == ids
        page = await backend.agents.list(AgentListParams(limit=2))
        assert ([each.id for each in page.items], page.has_more, page.total_count) == (
            [made[2].id, made[1].id],
            True,
            3,
        )
        await backend.agents.delete(made[1].id)
        rest = await backend.agents.list(AgentListParams(limit=2, starting_after=made[1].id))
        assert ([each.id for each in rest.items], rest.has_more) == ([made[0].id], False)
        with pytest.raises(InvalidRequest, match="start after"):
            await backend.agents.list(AgentListParams(starting_after="agt_missing"))


async def test_the_account_stays_the_same(open_backend: OpenBackend) -> None:
    """Every server on the same state answers alike: who it is does not depend on when it was asked."""
    async with open_backend() as backend:
        account = await backend.accounts.me(LOCAL_OPERATOR)
        assert account.id.startswith("acc_")
        assert account.name
        assert account.created_at.endswith("Z")
    async with open_backend() as backend:
        assert await backend.accounts.me(LOCAL_OPERATOR) == account
