"""The contract of mounted agents: installed where there is a network, once for each agent, with programs to call."""

import shutil
from pathlib import Path

import pytest
from backend_cases import OpenBackend, OpenWith
from code_host import repositories
from greeting_scenario import greeting
from package_indexes import VERSION, package_index
from test_agents import agent
from test_benchmarks import benchmark, run_of
from test_jobs import agent as job_agent
from test_jobs import one_outcome
from test_mounts import made_devbox, said
from test_object_mounts import tar
from test_objects import uploaded

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest, InvalidState, NotFound
from runloop_mcp.api.models.agent import AgentView
from runloop_mcp.api.models.devbox import DevboxCreateParams, DevboxStatus, ExecuteParams


async def kept(
    backend: Backend, kind: str, name: str = "solver", version: str | None = None, **source: object
) -> AgentView:
    """An agent that comes from somewhere."""
    return await backend.agents.create(agent(name, version=version, source={"type": kind, kind: source}))


def mount(**fields: object) -> dict[str, object]:
    """A mount of an agent."""
    return {"type": "agent_mount", **fields}


@pytest.mark.proof
@pytest.mark.needs("reaches_this_machine")
async def test_a_package_of_pip_is_installed_once(open_backend: OpenBackend) -> None:
    """Its program is on the PATH of commands and of shells; its set-up commands have run; a second devbox is quick."""
    async with open_backend() as backend:
        with package_index() as (host, asked):
            made = await kept(
                backend,
                "pip",
                version=VERSION,
                package_name="solver",
                registry_url=f"{host}/simple",
                agent_setup=["solver > ~/set-up"],
            )
            first = await made_devbox(backend, mounts=[mount(agent_id=made.id)])
            assert await said(backend, first.id, "solver; cat ~/set-up") == "solver of pip\n" * 2
            shell = ExecuteParams(command="solver", shell_name="main")
            assert (await backend.devboxes.execute(first.id, shell)).stdout == "solver of pip\n"
        # Nobody is asked any more.
        before = len(asked)
        second = await made_devbox(backend, mounts=[mount(agent_name="solver")])
        assert await said(backend, second.id, "solver") == "solver of pip\n"
        assert len(asked) == before
        counts = await backend.agents.devbox_counts()
        assert (counts.counts, counts.total_count) == ({"solver": 2}, 2)
        await backend.devboxes.shutdown(first.id)
        assert (await backend.agents.devbox_counts()).total_count == 1
        await backend.devboxes.suspend(second.id)
        assert await said(backend, second.id, "solver") == "solver of pip\n"


@pytest.mark.proof
@pytest.mark.needs("reaches_this_machine")
@pytest.mark.skipif(shutil.which("npm", path="/usr/bin:/usr/local/bin") is None, reason="devboxes have no npm")
async def test_a_package_of_npm_is_installed(open_backend: OpenBackend) -> None:
    """From the registry that the agent names."""
    async with open_backend() as backend:
        with package_index() as (host, _):
            made = await kept(backend, "npm", package_name="solver", registry_url=f"{host}/npm")
            devbox = await made_devbox(backend, mounts=[mount(agent_id=made.id)])
            assert await said(backend, devbox.id, "solver; ls -A ~") == "solver of npm\n.local\nwork\n"


@pytest.mark.needs("reaches_this_machine")
async def test_a_repository_is_an_agent(open_with: OpenWith, tmp_path: Path) -> None:
    """Cloned at its ref, with a token that is kept nowhere, and set up in its folder, which the mount may name."""
    with repositories(tmp_path / "host") as host:
        async with open_with() as backend:
            made = await kept(
                backend,
                "git",
                repository=f"{host}/them/tool.git",
                ref="one",
                agent_setup=["cp version ~/installed", "echo done >> ~/installed"],
            )
            there = await made_devbox(
                backend,
                mounts=[mount(agent_id=made.id, agent_path="~/agents/it/", auth_token="let-me-in")],  # noqa: S106 - not a secret
            )
            assert await said(backend, there.id, "cat ~/installed ~/agents/it/version") == "one\ndone\none\n"
            failed = await made_devbox(backend, mounts=[mount(agent_id=made.id)])
            assert failed.x_runloop_mcp is not None
            assert "Cloning the agent 'solver'" in (failed.x_runloop_mcp.failure_message or "")
        assert b"let-me-in" not in (tmp_path / "state" / "store.db").read_bytes()


async def test_an_object_is_an_agent(open_backend: OpenBackend) -> None:
    """A file is a program of the agent's name; an archive lies in a folder of that name, where it is set up."""
    async with open_backend() as backend:
        program = await uploaded(backend, b"#!/bin/sh\necho alone\n", content_type="text")
        folder = await uploaded(backend, tar(("run", b"#!/bin/sh\necho of a folder\n")), content_type="tar")
        one = await kept(backend, "object", name="one", object_id=program.id)
        two = await kept(
            backend, "object", name="two", object_id=folder.id, agent_setup=["ln -s $PWD/run ~/.local/bin/two"]
        )
        made = await made_devbox(backend, mounts=[mount(agent_id=one.id), mount(agent_id=two.id)])
        assert await said(backend, made.id, "one; two; ~/two/run") == "alone\nof a folder\nof a folder\n"


@pytest.mark.needs("reaches_this_machine")
async def test_an_agent_that_can_not_be_had_fails_its_devbox(open_backend: OpenBackend) -> None:
    """The reason says which agent it is and what went wrong."""
    async with open_backend() as backend:
        with package_index() as (host, _):
            missing = await kept(backend, "pip", package_name="missing", registry_url=f"{host}/simple")
            program = await uploaded(backend, b"#!/bin/sh\n", content_type="text")
            broken = await kept(backend, "object", name="broken", object_id=program.id, agent_setup=["true", "exit 5"])
            for made, told in (
                (missing, "Installing the agent 'solver' with pip (missing)"),
                (broken, "Set-up command 2 of 2 of the agent 'broken' failed with exit status 5"),
            ):
                failed = await made_devbox(backend, mounts=[mount(agent_id=made.id)])
                assert failed.status == DevboxStatus.FAILURE
                assert failed.x_runloop_mcp is not None
                assert told in (failed.x_runloop_mcp.failure_message or "")


async def test_what_is_no_agent_is_not_mounted(open_backend: OpenBackend) -> None:
    """It is refused when it is asked for."""
    async with open_backend() as backend:
        bare = await backend.agents.create(agent("bare"))
        program = await uploaded(backend, b"x", content_type="text")
        gone = await kept(backend, "object", name="gone", object_id=program.id)
        await backend.objects.delete(program.id)
        for mounted, error, told in (
            (mount(), InvalidRequest, "names no agent"),
            (mount(agent_id="agt_missing"), NotFound, "agt_missing"),
            (mount(agent_name="missing"), NotFound, "missing"),
            (mount(agent_id=bare.id), InvalidState, "no source"),
            (mount(agent_id=gone.id), InvalidState, "deleted"),
        ):
            with pytest.raises(error, match=told):
                await backend.devboxes.create(DevboxCreateParams.model_validate({"mounts": [mounted]}))


async def test_an_agent_of_a_job_is_mounted_and_started_by_its_name(open_backend: OpenBackend) -> None:
    """The newest of the name, where no id is given; its name is its command."""
    async with open_backend() as backend:
        for text in (b"#!/bin/sh\n", b"#!/bin/sh\necho hello > greeting.txt\n"):
            program = await uploaded(backend, text, content_type="text")
            newest = await kept(backend, "object", name="greeter", object_id=program.id)
        scenario = await backend.scenarios.create(greeting())
        configured = job_agent("", name="greeter")
        del configured["kwargs"]
        outcome = await one_outcome(backend, configured, scenario_ids=[scenario.id])
        assert (outcome.agent_name, outcome.average_score) == ("greeter", 1.0)
        assert (await backend.benchmark_runs.retrieve(outcome.benchmark_run_id)).metadata["agent"] == newest.name


async def test_a_benchmark_run_gives_mounts_without_tokens(open_backend: OpenBackend) -> None:
    """It is kept, and a token is not."""
    async with open_backend() as backend:
        made = await kept(backend, "git", repository="them/tool")
        profile = {"mounts": [mount(agent_id=made.id, auth_token="let-me-in")]}  # noqa: S106 - not a secret
        with pytest.raises(InvalidRequest, match="tokens of mounts"):
            await run_of(backend, await benchmark(backend), runProfile=profile)
