"""Work that outlives the call that began it: later calls with the same arguments wait on, until one gets its result."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import anyio
from anyio.abc import TaskGroup

from runloop_mcp.api.errors import Conflict

Work = Callable[[Callable[[str], None]], Awaitable[Any]]
"""What is to be done; it is given a function that it tells its steps to, in a few words."""

_MOST_KEPT: Final = 200
"""Results that nobody has come for."""


@dataclass(slots=True)
class Job:
    """Work under way, or its result."""

    key: str
    subject: str
    began: float
    step: str = "beginning"
    result: Any = None
    error: Exception | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    @property
    def is_done(self) -> bool:
        """Whether there is a result, or an error."""
        return self.ended.is_set()

    @property
    def seconds(self) -> float:
        """How long ago it began."""
        return time.monotonic() - self.began

    async def wait(self, seconds: float) -> "Job":
        """The job, once it is done or the wait is over."""
        with anyio.move_on_after(seconds):
            await self.ended.wait()
        return self


class Background:
    """Jobs of a server. Entered around the time it serves; what is under way when it is left is canceled."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._tasks = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._tasks is not None  # noqa: S101 - it was entered
        tasks, self._tasks = self._tasks, None
        tasks.cancel_scope.cancel()
        await tasks.__aexit__(None, None, None)  # an error of the block goes on as it is, in no group

    def join(self, key: str, subject: str, work: Work) -> Job:
        """The job with this key, begun where there is none.

        Args:
            key: Tells jobs apart: the same arguments of the same caller make the same key.
            subject: What is worked on. Another job on it is canceled, as its result is no longer asked for.
            work: What to do where there is no such job.
        """
        if (job := self._jobs.get(key)) is not None:
            return job
        if self._tasks is None:
            raise RuntimeError("The background is not entered.")
        for other in [each for each in self._jobs.values() if each.subject == subject]:
            other.scope.cancel()
            del self._jobs[other.key]
        while len(self._jobs) >= _MOST_KEPT and (old := next((j for j in self._jobs.values() if j.is_done), None)):
            del self._jobs[old.key]
        job = self._jobs[key] = Job(key, subject, time.monotonic())
        self._tasks.start_soon(self._run, job, work)
        return job

    def take(self, job: Job) -> Any:
        """The result of a job that is done; the next call with its key begins anew.

        Raises:
            Conflict: It was given up for another job on the same subject.
            Exception: What the work raised.
        """
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key]
        if job.error is not None:
            raise job.error
        return job.result

    async def _run(self, job: Job, work: Work) -> None:
        def step(text: str) -> None:
            job.step = text

        try:
            with job.scope:
                job.result = await work(step)
            if job.scope.cancelled_caught:
                job.error = Conflict(
                    "Another call on the same thing, with other arguments, came meanwhile: this one was given up for"
                    " it.",
                    hint="Wait for the other's result first, by the same call as that.",
                )
        except Exception as error:  # noqa: BLE001 - raised again for whoever takes the result
            job.error = error
        finally:
            job.ended.set()
