"""Images of one's own: built from Dockerfiles, and what devboxes take over from them."""

from pathlib import Path

import engines
import pytest
from boxes import Capture, Workshop, run, succeed

from runloop_mcp.api.errors import InvalidRequest, NotFound, Unavailable
from runloop_mcp.devbox.docker.driver import DockerDriver
from runloop_mcp.devbox.port import DevboxSpec, ImageSource, KeptKind

_DOCKERFILE = f"""
FROM {engines.IMAGE}
ARG GREETING=nothing
ENV GREETING=$GREETING PATH=/opt/tools:$PATH
WORKDIR /app
COPY given.txt /app/given.txt
RUN mkdir /opt/tools && printf '#!/bin/sh\\necho a tool\\n' > /opt/tools/tool
RUN chmod 755 /opt/tools/tool && echo built it
"""


def _driver(workshop: Workshop) -> DockerDriver:
    assert isinstance(workshop.driver, DockerDriver)
    return workshop.driver


async def _built(workshop: Workshop, line: str) -> str:
    source = ImageSource(f"FROM {engines.IMAGE}\n{line}\n")
    return await _driver(workshop).build(source, network=False, log=Capture())


@pytest.mark.proof
async def test_devboxes_of_an_image_that_was_built_here(containers: Workshop, tmp_path: Path) -> None:
    """A Dockerfile with files and arguments becomes an image, whose files, variables and programs devboxes have.

    What a solver deletes of the image's files in its working directory stays deleted in what is made from it.
    """
    (tmp_path / "given.txt").write_text("given\n")
    log = Capture()
    source = ImageSource(_DOCKERFILE, {"GREETING": "hello"})
    image = await _driver(containers).build(source, context=tmp_path, network=False, log=log)
    assert b"built it\n" in log.data
    devbox = await containers.create(image=image, working_directory="/app")
    assert await succeed(devbox, "cat given.txt; echo $GREETING; tool") == "given\nhello\na tool"
    await succeed(devbox, "rm given.txt; echo mine > own")
    snapshot_id = await containers.snapshot(devbox)
    clean = await containers.create(image=image, working_directory="/app", work_snapshot=snapshot_id)
    assert await succeed(clean, "ls; tool") == "own\na tool"
    again = await containers.create(image=image, working_directory="/app")
    assert await succeed(again, "ls") == "given.txt"
    for box in (devbox, clean, again):
        await containers.driver.remove(box.id)
    await containers.driver.remove_snapshot(snapshot_id)
    left = [kept for kept in await containers.driver.kept() if kept.kind is KeptKind.LEFTOVER]
    assert left, "what was made of an image that is not the driver's own stays until it is discarded"
    for kept in left:
        assert await containers.driver.discard(kept)
    assert [kept for kept in await containers.driver.kept() if kept.kind is KeptKind.LEFTOVER] == []


async def test_a_build_that_fails_tells_its_log(containers: Workshop) -> None:
    """The error has the end of what the build printed."""
    with pytest.raises(InvalidRequest) as caught:
        await _built(containers, "RUN echo the reason; exit 7")
    assert "the reason" in f"{caught.value.message} {caught.value.hint}"
    assert "7" in caught.value.message


@pytest.mark.proof
async def test_an_image_without_python_is_refused_with_what_it_lacks(containers: Workshop) -> None:
    """Devboxes need a python3; the error says so, and nothing of the devbox is left."""
    image = await _built(containers, "RUN rm /usr/bin/python3*")
    devbox_id = containers.devbox_id()
    with pytest.raises(Unavailable, match="python3"):
        await containers.driver.create(devbox_id, DevboxSpec(image=image))
    with pytest.raises(NotFound):
        await containers.driver.resume(devbox_id)


async def test_an_image_that_is_not_there_is_named_with_its_remedy(containers: Workshop) -> None:
    """Nothing is fetched unasked: the error says how to."""
    with pytest.raises(NotFound) as caught:
        await containers.create(image="nowhere/nothing:1")
    assert "docker pull nowhere/nothing:1" in caught.value.hint


async def test_what_a_solver_may_in_a_container(containers: Workshop) -> None:
    """No capability, none to be gained, pid 1 closed to it, the system not its to change."""
    devbox = await containers.create()
    status = await succeed(devbox, "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status")
    values = dict(line.split(":\t") for line in status.splitlines())
    assert {values[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (values["NoNewPrivs"], values["Seccomp"]) == ("1", "2")
    for attempt in (
        "cat /proc/1/environ", "ls /proc/1/fd", "head -c 1 /proc/1/mem", "kill -9 1 && sleep 0.1 && kill -0 1 && false",
        "touch /usr/bin/new", "echo x >> /etc/passwd", "rm /usr/bin/python3", "mount -t tmpfs none /mnt",
        "unshare -U true", "test -S /var/run/docker.sock", "su -c true",
    ):  # fmt: skip
        assert (await run(devbox, attempt)).status != 0, attempt
    assert devbox.alive


@pytest.mark.proof
async def test_an_image_is_kept_as_a_snapshot_that_devboxes_begin_as(containers: Workshop) -> None:
    """What a blueprint with a Dockerfile is built on: system, home and working directory, also for a clean score."""
    driver, base = _driver(containers), containers.snapshot_id()
    source = ImageSource(f"FROM {engines.IMAGE}\nRUN echo system > /etc/made\n")
    await driver.build_image(base, source, log=Capture())
    begun = await containers.create(home_snapshot=base, work_snapshot=base)
    assert await succeed(begun, "cat /etc/made; echo mine > own") == "system"
    frozen = await containers.snapshot(begun)
    clean = await containers.create(home_snapshot=base, work_snapshot=frozen)
    assert await succeed(clean, "cat /etc/made own") == "system\nmine"
