"""Calls whose work may take longer than a call: each waits up to 20 s, and the same call again waits on."""

import hashlib
from typing import Any

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.server.background import Job, Work
from runloop_mcp.server.call import Call
from runloop_mcp.server.rendering.quantities import span
from runloop_mcp.server.waiting import Patience, watch


async def worked(call: Call, key: list[str], work: Work, patience: Patience) -> Job:
    """The job that these arguments ask for, once it is done or patience is over.

    Args:
        call: The call that waits.
        key: The tool, what it works on, and what else tells its result apart from others.
        work: What to do, where no earlier call has begun it.
        patience: How long to wait.

    Raises:
        Unavailable: This server has no place for such work.
    """
    background = call.services.background
    if background is None:
        raise Unavailable(f"This server can't do that: {key[0]} works longer than a call, and it ends with each call.")
    subject = "\0".join([call.principal.id, *key[:2]])
    digest = hashlib.sha256("\0".join([call.principal.id, *key]).encode(errors="replace")).hexdigest()
    job = background.join(digest, subject, work)
    return await watch(
        call,
        job,
        look=job.wait,
        done=lambda seen: seen.is_done,
        patience=patience,
        doing=lambda seen: f"At work: {seen.step}",
    )


def result_of(call: Call, job: Job) -> Any:
    """The result of a job that is done.

    Raises:
        Exception: What the work raised.
    """
    assert call.services.background is not None  # noqa: S101 - the job is of it
    return call.services.background.take(job)


def still_at_it(job: Job) -> str:
    """What a caller reads whose job is not done yet."""
    return f"Still at work for {span(job.seconds)} ({job.step}). Call again with the same arguments to wait on."
