"""What a task is called: its id names the run, and the execution where it is one, that the work is.

So a task lasts as long as these do, through restarts and on any server over the same backend, with no memory of it.
Run ids are random and long enough that no one finds a task by guessing; who may see a task is asked of its run.
"""

import re
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_FORM: Final = re.compile(r"task-(start|exec|score)\.([\w-]{1,80})(?:\.([\w-]{1,80}))?\.(\d{1,13})", re.ASCII)


class TaskKind(StrEnum):
    """The work that a task is."""

    START = "start"
    """A run's devbox boots."""
    EXEC = "exec"
    """A command runs."""
    SCORE = "score"
    """A run is scored."""


@dataclass(frozen=True, slots=True)
class TaskHandle:
    """One task."""

    kind: TaskKind
    run_id: str
    execution_id: str | None = None
    """The command, where it is one."""
    created_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)

    @property
    def task_id(self) -> str:
        """The id by which clients know it."""
        parts = [f"task-{self.kind}", self.run_id, self.execution_id, str(self.created_ms)]
        return ".".join(part for part in parts if part is not None)


def handle_of(task_id: str) -> TaskHandle | None:
    """The task with this id; None where it is no id of a task."""
    found = _FORM.fullmatch(task_id)
    if found is None or (found[1] == TaskKind.EXEC) != (found[3] is not None):
        return None
    return TaskHandle(TaskKind(found[1]), found[2], found[3], int(found[4]))
