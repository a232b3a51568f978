"""The port of a group: runs of scenarios."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.run import RunListParams, RunState, ScenarioRunView
from runloop_mcp.api.models.trust import RescoreParams, Rescoring


class Runs(ABC):
    """Runs of scenarios: one execution of one scenario on a devbox of its own."""

    @abstractmethod
    async def retrieve(self, run_id: str) -> ScenarioRunView:
        """One run.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def list(self, params: RunListParams, *, principal: Principal | None = None) -> Page[ScenarioRunView]:
        """One page of runs, newest first: of all, or those that a principal has started.

        Raises:
            InvalidRequest: `starting_after` names no run, or `state` is none.
        """

    @abstractmethod
    async def score(
        self,
        run_id: str,
        *,
        wait_seconds: float = 20,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> ScenarioRunView:
        """Scores a run, once: on a scored run it answers with the stored result.

        Answers with `scored`, with `scoring` where that takes longer than the wait, or with `running` and a note where
        our own machinery broke. The same idempotency key begins scoring once: where that broke and the run is worked on
        again, a request that comes late answers with the run as it is.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: The key was used for another run.
            InvalidState: The run ended without a score.
            Conflict: Another server holds its devbox, or it is still queued or booting after 20 s.
        """

    @abstractmethod
    async def rescore(self, run_id: str, params: RescoreParams, *, principal: Principal = LOCAL_OPERATOR) -> Rescoring:
        """Scores the frozen disk of a scored run again, for an operator; answers when that is done.

        The result is kept beside the run's own, which stays the run's score for ever. Solvers never learn of it.

        Raises:
            NotFound: There is none with this id, or its frozen disk is no longer kept.
            InvalidRequest: The contract is not valid.
            InvalidState: The run has no score, or was scored in place, so that nothing was frozen.
            Conflict: It is just being rescored.
            Unavailable: Our own machinery broke.
        """

    @abstractmethod
    async def complete(
        self,
        run_id: str,
        *,
        wait_seconds: float = 20,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> ScenarioRunView:
        """Ends a scored run and shuts its devbox down; on a completed run it answers with the run.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: The idempotency key was used for another run.
            InvalidState: The run is not scored.
            Conflict: It is still scoring after the wait.
        """

    @abstractmethod
    async def cancel(self, run_id: str) -> ScenarioRunView:
        """Ends a running or scoring run without a score; on a canceled run it answers with the run.

        Raises:
            NotFound: There is none with this id.
            InvalidState: The run is scored or has ended.
        """

    @abstractmethod
    async def wait(self, run_id: str, *, leaving: Collection[RunState], wait_seconds: float) -> ScenarioRunView:
        """The run, once its state is none of `leaving` or the wait is over.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def download_logs(self, run_id: str, target: Path) -> int:
        """Writes the run's log to a file, as a zip archive; also of a run that has ended.

        It holds all that an operator may see: `trace.jsonl` (the record, an event on each line), `outputs/` (what each
        command wrote, as far as it is kept, with secrets covered), `score.json`, `run.json` and `problem.md`.

        Args:
            run_id: The run.
            target: The file, replaced where there is one, and left as it was where this fails.

        Returns:
            How many bytes the archive has.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: The file can't be written.
        """
