"""Progress on every wait: who is silent for long is spoken for."""

import anyio

from runloop_mcp.server.heartbeat import Heartbeat

PATIENCE_SECONDS = 10


async def test_a_silent_call_is_spoken_for_and_progress_never_goes_back() -> None:
    """Reports come while a call is silent, rise with the tool's own, and stop when it ends."""
    told: list[float] = []
    heard = anyio.Event()

    async def report(progress: float, total: float | None = None, message: str | None = None) -> None:
        del total
        told.append(progress)
        if message and "still at work" in message:
            heard.set()

    heartbeat = Heartbeat(silence_seconds=0.05)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(heartbeat.run, tasks)
        beat = heartbeat.begin("cancel_run", report)
        with anyio.fail_after(PATIENCE_SECONDS):
            await heard.wait()
        await beat(0.0, 20, "at the beginning")
        heartbeat.end(beat)
        spoken = len(told)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert told == sorted(told)
    assert len(set(told)) == len(told) >= 2
    assert len(told) == spoken
