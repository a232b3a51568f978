"""What the driver of Runloop devboxes does beyond its port: with the API as it fails, with money, and with secrets."""

import asyncio
import random
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread
import far_end
import pytest
import pytest_asyncio
from boxes import (
    PATIENCE_SECONDS,
    Workshop,
    child_environment,
    daemon,
    entered,
    marked,
    python,
    run,
    start,
    succeed,
    unique,
)
from cutting_proxy import cutting
from forked_python import ForkedProcess
from pydantic import SecretStr

from runloop_mcp.api.errors import ApiError, NotFound, Unauthorized, Unavailable
from runloop_mcp.api.models.devbox import DevboxCreateParams, DevboxListParams, DevboxStatus, DevboxView
from runloop_mcp.client.devboxes import DevboxCalls
from runloop_mcp.client.retries import RetryPolicy
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.devbox.port import DevboxSpec, KeptKind, Limits
from runloop_mcp.devbox.runloop import HOSTED, line
from runloop_mcp.devbox.runloop.driver import RunloopDriver
from runloop_mcp.devbox.runloop.inventory import STATE
from runloop_mcp.devbox.runloop.launch import size_of
from runloop_mcp.devbox.runloop.records import Records, SnapshotRecord

GIB = 2**30
KEY = SecretStr(far_end.KEY)
QUICK = RetryPolicy(most_attempts=20, backoff_scale=0.02)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[RunloopClient]:
    """Looks at the far end."""
    async with RunloopClient(far_end.address(), KEY) as client:
        yield client


@pytest_asyncio.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    """Makes Runloop devboxes of a state directory of its own."""
    async with entered(RunloopDriver(tmp_path, far_end.address(), KEY)) as driver:
        workshop = Workshop(driver)
        yield workshop
        await workshop.clear()


async def cloud_id(client: RunloopClient, devbox_id: str) -> str:
    """What the API calls a devbox."""
    page = await client.devboxes.list(DevboxListParams(limit=500))
    return next(view.id for view in page.items if devbox_id in view.metadata.values())


async def test_a_connection_that_breaks_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """Answers are cut in the middle, requests sent again and streams read on; in and out every byte comes once."""
    data = random.Random(1).randbytes(100_000)  # noqa: S311 - contents, no secret
    async with (
        cutting(far_end.address(), [3000, 700, 120_000, 900, 150]) as (url, cuts),
        entered(RunloopDriver(tmp_path, url, KEY, policy=QUICK)) as driver,
    ):
        workshop = Workshop(driver)
        devbox = await workshop.create()
        assert (await succeed(devbox, "seq 30000")).split() == [str(number) for number in range(1, 30_001)]
        ran = await run(devbox, ("sha256sum",), stdin=data)
        await devbox.write_file("file", data)
        assert ran.stdout == (await run(devbox, "sha256sum < file")).stdout
        for count in range(1, 11):
            assert await succeed(devbox, "echo once >> count; wc -l < count") == str(count)
        copy = await workshop.create(work_snapshot=await workshop.snapshot(devbox))
        assert (await copy.read_file("file")).data == data
        await workshop.clear()
    assert len(cuts) > 5


@pytest.mark.proof
async def test_an_api_that_says_nothing_holds_up_no_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server that ends while the API hangs says which devbox it could not suspend, and is gone soon after."""
    silent = asyncio.Event()
    async with cutting(far_end.address(), [1 << 30], silent) as (url, _):
        with anyio.fail_after(PATIENCE_SECONDS + 30):
            async with entered(RunloopDriver(tmp_path, url, KEY)) as driver:
                await succeed(await Workshop(driver).create(), "echo works")
                silent.set()
    assert "could not be suspended" in caplog.text


async def test_the_output_passes_from_one_execution_to_the_next(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the API keeps of one is bounded: after so much another goes on, and nothing is lost."""
    monkeypatch.setattr(line, "_TURN_AFTER", 20_000)
    devbox = await workshop.create()
    source = "import random; random.seed(1); print(*(random.getrandbits(64) for _ in range(20_000)))"
    first = await succeed(devbox, python(source))
    assert await succeed(devbox, python(source)) == first
    assert len(first.split()) == 20_000
    assert isinstance(devbox._line, line.Line)  # type: ignore[attr-defined] # what has no public face
    assert devbox._line._turns >= 1  # type: ignore[attr-defined]


async def test_a_devbox_always_ends_by_itself(tmp_path: Path, client: RunloopClient) -> None:
    """Its keep-alive time is what was set, and a server that holds it extends that for as long."""
    async with entered(RunloopDriver(tmp_path, far_end.address(), KEY, keep_alive_seconds=1)) as driver:
        workshop = Workshop(driver)
        devbox = await workshop.create()
        view = await client.devboxes.retrieve(await cloud_id(client, devbox.id))
        assert view.launch_parameters.keep_alive_time_seconds == 1
        assert await succeed(devbox, "sleep 2.2; echo lives") == "lives"
        await workshop.clear()
        assert (await client.devboxes.retrieve(view.id)).status == DevboxStatus.SHUTDOWN


async def test_variables_are_told_to_nobody(workshop: Workshop, client: RunloopClient) -> None:
    """A devbox's variables may be secrets: they reach its commands, and neither its metadata nor its name."""
    devbox = await workshop.create(environment={"TOKEN": "a-secret-value"})
    view = await client.devboxes.retrieve(await cloud_id(client, devbox.id))
    assert "a-secret-value" not in view.model_dump_json()
    assert await succeed(devbox, "echo $TOKEN") == "a-secret-value"
    await workshop.snapshot(devbox)
    logs = await client.devboxes.logs(view.id)
    assert "a-secret-value" not in logs.model_dump_json()


async def test_what_no_record_knows_is_shut_down(workshop: Workshop, tmp_path: Path, client: RunloopClient) -> None:
    """A devbox that a server asked for and died: `kept` tells of it, and the next server ends it; others' stay."""
    await workshop.create()
    state = (tmp_path / "runloop" / "id").read_text()
    lost = await client.devboxes.create(DevboxCreateParams(name="lost", metadata={STATE: state}))
    others = await client.devboxes.create(DevboxCreateParams(name="others", metadata={STATE: "another"}))
    kept = [each for each in await workshop.driver.kept() if each.kind is KeptKind.LEFTOVER]
    assert [each.id for each in kept] == [lost.id]
    async with entered(RunloopDriver(tmp_path, far_end.address(), KEY)) as next_server:
        assert not [each for each in await next_server.kept() if each.kind is KeptKind.LEFTOVER]
    assert (await client.devboxes.retrieve(lost.id)).status == DevboxStatus.SHUTDOWN
    assert (await client.devboxes.retrieve(others.id)).status != DevboxStatus.SHUTDOWN
    await client.devboxes.shutdown(others.id)


async def test_what_a_killed_server_left_running_is_suspended(tmp_path: Path, client: RunloopClient) -> None:
    """The next server that speaks to the API sees to that before anybody asks for the devbox; what it holds runs on."""
    left = unique("left")
    (tmp_path / "runloop.address").write_text(far_end.address())
    program = Path(__file__).parent.parent / "other_server.py"
    arguments = ["runloop", str(tmp_path), left, "echo up"]
    with ForkedProcess([str(program), *arguments], stdout=subprocess.PIPE, env=child_environment()) as server:
        assert server.stdout is not None
        try:
            assert await anyio.to_thread.run_sync(server.stdout.readline) == b"up\n"
            known = await cloud_id(client, left)
            async with entered(RunloopDriver(tmp_path, far_end.address(), KEY)) as beside:
                assert [each.in_use for each in await beside.kept() if each.id == left] == [True]
            assert (await client.devboxes.retrieve(known)).status == DevboxStatus.RUNNING
        finally:
            server.kill()
    async with entered(RunloopDriver(tmp_path, far_end.address(), KEY)) as next_server:
        assert [each.in_use for each in await next_server.kept() if each.id == left] == [False]
        view = await client.devboxes.wait(known, until=[DevboxStatus.SUSPENDED], wait_seconds=PATIENCE_SECONDS)
        assert view.status == DevboxStatus.SUSPENDED
        assert await succeed(await next_server.resume(left), "cat note") == "kept"
        await next_server.remove(left)


async def test_a_devbox_whose_answer_got_lost_is_shut_down(
    workshop: Workshop, client: RunloopClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was made, and nobody learned its name: it is found by its metadata, so that nothing is paid for."""
    made = []
    create = DevboxCalls.create

    async def unanswered(calls: DevboxCalls, params: DevboxCreateParams) -> DevboxView:
        made.append((await create(calls, params)).id)
        raise Unavailable("No answer came.", hint="")

    monkeypatch.setattr(DevboxCalls, "create", unanswered)
    with pytest.raises(Unavailable, match="No answer came"):
        await workshop.create()
    assert [(await client.devboxes.retrieve(each)).status for each in made] == [DevboxStatus.SHUTDOWN]
    assert not await workshop.driver.kept()


async def test_an_api_that_comes_back_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was started while nobody answered has devboxes once somebody does, without a new start."""
    async with entered(RunloopDriver(tmp_path, far_end.address(), KEY)) as driver:
        with monkeypatch.context() as away:
            away.setattr(driver, "base_url", "http://127.0.0.1:9")
            away.setattr(driver, "_policy", RetryPolicy(most_attempts=1))
            assert not (await driver.probe()).available
        assert (await driver.probe()).available


async def test_a_snapshot_that_a_server_died_over_is_made_again(workshop: Workshop, tmp_path: Path) -> None:
    """What is left of it is none, and in nobody's way."""
    devbox = await workshop.create()
    await succeed(devbox, "echo kept > file")
    snapshot_id = workshop.snapshot_id()
    records = Records(tmp_path / "runloop")
    records.keep_snapshot(SnapshotRecord(snapshot_id, devbox.spec, "snp_that_never_was"))
    assert not await workshop.driver.has_snapshot(snapshot_id)
    with pytest.raises(NotFound):
        await workshop.create(work_snapshot=snapshot_id)
    await workshop.driver.snapshot(devbox.id, snapshot_id)
    assert await succeed(await workshop.create(work_snapshot=snapshot_id), "cat file") == "kept"


async def test_what_is_stopped_costs_no_processor(workshop: Workshop, client: RunloopClient) -> None:
    """It is suspended, and shut down once it is removed; so is a devbox that can't be furnished."""
    devbox = await workshop.create()
    known = await cloud_id(client, devbox.id)
    await devbox.stop()
    assert (await client.devboxes.retrieve(known)).status == DevboxStatus.SUSPENDED
    await workshop.driver.remove(devbox.id)
    assert (await client.devboxes.retrieve(known)).status == DevboxStatus.SHUTDOWN
    refused = workshop.devbox_id()
    with pytest.raises(ApiError, match="/workspace"):
        await workshop.driver.create(refused, DevboxSpec("/workspace"))
    assert (await client.devboxes.retrieve(await cloud_id(client, refused))).status == DevboxStatus.SHUTDOWN


async def test_a_devbox_that_is_shut_down_elsewhere_is_told_of(workshop: Workshop, client: RunloopClient) -> None:
    """Its commands are lost, its end says so, and its disk is gone."""
    devbox = await workshop.create()
    running = await start(devbox, "echo up; exec sleep 1000")
    await running.stdout.until(b"up")
    await client.devboxes.shutdown(await cloud_id(client, devbox.id), force=True)
    assert (await running.wait()).lost
    with anyio.fail_after(PATIENCE_SECONDS):
        assert await devbox.wait_ended()
    with pytest.raises(Unavailable):
        await run(devbox, "true")
    with pytest.raises(NotFound, match="shut it down"):
        await workshop.driver.resume(devbox.id)


async def test_whoever_ends_programs_by_name_does_not_end_the_agent(workshop: Workshop) -> None:
    """`pkill python3` ends what was meant; to kill all that there is ends the devbox, which is resumed on its disk."""
    devbox = await workshop.create()
    marker = unique("named")
    await succeed(devbox, f"echo kept > file; {daemon(marker)} | grep -m1 up")
    await run(devbox, "pkill -TERM -f [p]ython3; pkill -KILL -x [p]ython3; true")
    assert await marked(devbox, marker) == []
    assert await succeed(devbox, "echo works") == "works"
    with suppress(Unavailable):  # it may be over before the start is told of
        await run(devbox, "kill -KILL -1")
    with anyio.fail_after(PATIENCE_SECONDS):
        assert "agent" in await devbox.wait_ended()
        resumed = await workshop.driver.resume(devbox.id)
    assert await succeed(resumed, "cat file") == "kept"


async def test_a_missing_key_is_told_of(tmp_path: Path) -> None:
    """Nothing is tried at Runloop's own address without one, and what is said tells how to get it."""
    async with entered(RunloopDriver(tmp_path, HOSTED)) as driver:
        capability = await driver.probe()
        assert (capability.available, capability.tier) == (False, "none")
        assert "RUNLOOP_API_KEY" in capability.findings[0].remedy
        with pytest.raises(Unauthorized, match="no key"):
            await driver.create("dbx", DevboxSpec())
        assert await driver.kept() == []


async def test_an_api_that_does_not_answer_is_told_of(tmp_path: Path) -> None:
    """The probe names it and says what to look at; it makes no devbox."""
    policy = RetryPolicy(most_attempts=1)
    async with entered(RunloopDriver(tmp_path, "http://127.0.0.1:9", KEY, policy=policy)) as driver:
        capability = await driver.probe()
        assert not capability.available
        assert "127.0.0.1:9" in capability.findings[-1].detail
        assert far_end.KEY not in repr(capability)


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        (Limits(), {}),
        (Limits(cpus=1, memory_bytes=2 * GIB, disk_bytes=4 * GIB), {"resource_size_request": "SMALL"}),
        (Limits(memory_bytes=256 << 20), {"resource_size_request": "X_SMALL"}),
        (Limits(cpus=1.5), {"resource_size_request": "MEDIUM"}),
        (
            Limits(cpus=3, memory_bytes=64 * GIB, disk_bytes=33 * GIB),
            {
                "resource_size_request": "CUSTOM_SIZE",
                "custom_cpu_cores": 8,
                "custom_gb_memory": 64,
                "custom_disk_size": 34,
            },
        ),
    ],
)
def test_limits_become_the_next_size_up(limits: Limits, size: dict[str, object]) -> None:
    """The API's sizes come in steps; what is asked for is in them."""
    assert size_of(limits) == size
