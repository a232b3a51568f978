"""The one port behind every face: what a backend can do, in the groups and words of the Runloop API.

Every method raises only the errors of `runloop_mcp.api.errors`, takes and returns `runloop_mcp.api.models`, and
shows everything: what a solver may see is decided by the face, with `runloop_mcp.api.disclosure`.
Waits take `wait_seconds`, answer early when what they wait for has happened, and never raise because time ran out.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.models.base import Page, PageParams
from runloop_mcp.api.models.blueprint import BlueprintListParams, BlueprintLogs, BlueprintParams, BlueprintView
from runloop_mcp.api.models.devbox import (
    DevboxStatus,
    DevboxView,
    ExecuteParams,
    ExecutionView,
    FileContents,
    OutputMatches,
    OutputRange,
    OutputStream,
    StdinSignal,
)
from runloop_mcp.api.models.run import RunListParams, RunState, ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import (
    ScenarioCreateParams,
    ScenarioListParams,
    ScenarioUpdateParams,
    ScenarioView,
)
from runloop_mcp.api.models.scorer import (
    ScorerCreateParams,
    ScorerListParams,
    ScorerUpdateParams,
    ScorerValidateParams,
    ScorerValidation,
    ScorerView,
)
from runloop_mcp.api.models.secret import SecretCreateParams, SecretUpdateParams, SecretView
from runloop_mcp.api.models.snapshot import SnapshotListParams, SnapshotParams, SnapshotStatusView, SnapshotView
from runloop_mcp.api.models.trust import RescoreParams, Rescoring
from runloop_mcp.api.trace import ToolCall, Trace


class Scenarios(ABC):
    """What can be solved."""

    @abstractmethod
    async def create(self, params: ScenarioCreateParams) -> ScenarioView:
        """Keeps a new scenario.

        Raises:
            InvalidRequest: A field is not valid; the message names it and says what is.
        """

    @abstractmethod
    async def retrieve(self, scenario_id: str) -> ScenarioView:
        """One scenario.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def update(self, scenario_id: str, params: ScenarioUpdateParams) -> ScenarioView:
        """Replaces parts of a scenario; runs that have started keep what they started from.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: A field is not valid, or the scenario comes from a folder, where it is edited.
        """

    @abstractmethod
    async def list(self, params: ScenarioListParams) -> Page[ScenarioView]:
        """One page of scenarios, newest first.

        Raises:
            InvalidRequest: `starting_after` names no scenario.
        """

    @abstractmethod
    async def archive(self, scenario_id: str) -> ScenarioView:
        """Takes a scenario out of lists; it can't be started any more, and its runs stay.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def start_run(
        self, params: StartRunParams, *, principal: Principal = LOCAL_OPERATOR, idempotency_key: str | None = None
    ) -> ScenarioRunView:
        """Starts a run: answers at once with `running`, while its devbox may still be booting.

        Where as many devboxes are up as may be at once, its devbox is `queued`: it boots when its turn comes, first
        come first served, and the run's time begins then.

        The same idempotency key gives the same run, once.

        Raises:
            NotFound: There is no such scenario.
            InvalidRequest: Something that the scenario requires is missing, or the key was used for other arguments.
            InvalidState: The scenario is archived, or its attempts are used up.
            Unavailable: No devbox can run here; the hint says how to mend it.
        """


class Runs(ABC):
    """Runs of scenarios: one execution of one scenario on a devbox of its own."""

    @abstractmethod
    async def retrieve(self, run_id: str) -> ScenarioRunView:
        """One run.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def list(self, params: RunListParams) -> Page[ScenarioRunView]:
        """One page of runs, newest first.

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


class Scorers(ABC):
    """Custom scorers: scripts under types of their own, which scenarios name."""

    @abstractmethod
    async def create(self, params: ScorerCreateParams) -> ScorerView:
        """Registers a custom scorer.

        Raises:
            InvalidRequest: Its type or script is not valid, or there is one of this type already.
        """

    @abstractmethod
    async def retrieve(self, scorer_id: str) -> ScorerView:
        """One custom scorer.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def list(self, params: ScorerListParams) -> Page[ScorerView]:
        """One page of custom scorers, newest first.

        Raises:
            InvalidRequest: `starting_after` names no custom scorer.
        """

    @abstractmethod
    async def update(self, scorer_id: str, params: ScorerUpdateParams) -> ScorerView:
        """Replaces a custom scorer; runs that have started keep the one that they started with.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: Its type or script is not valid, another has this type, or it comes from a pack.
        """

    @abstractmethod
    async def validate(self, scorer_id: str, params: ScorerValidateParams) -> ScorerValidation:
        """Runs a custom scorer once, in a devbox of its own, and tells what it gave.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: The environment is not possible here.
            InvalidState: A launch command failed.
            Unavailable: No devbox can run here.
        """


class Devboxes(ABC):
    """Devboxes: where commands run and files are.

    Every call that needs the devbox counts as use of it, which `launch_parameters.after_idle` looks at.
    """

    @abstractmethod
    async def retrieve(self, devbox_id: str) -> DevboxView:
        """One devbox.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def wait(self, devbox_id: str, *, until: Collection[DevboxStatus], wait_seconds: float) -> DevboxView:
        """The devbox, once its status is one of `until` or the wait is over.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def execute(
        self,
        devbox_id: str,
        params: ExecuteParams,
        *,
        wait_seconds: float = 20,
        idempotency_key: str | None = None,
        call: ToolCall | None = None,
    ) -> ExecutionView:
        """Runs a command; answers when it has completed or the wait is over, and lets it run on then.

        Waits for a devbox that is queued or still booting, and resumes one that is suspended. The wait begins when the
        devbox is ready. A `call` that asked for the command can be recorded with it, and says then that it is.

        Raises:
            NotFound: There is no such devbox.
            InvalidRequest: The working directory is not there, or the command is not valid.
            InvalidState: The devbox has failed or is shut down, or the run's commands are used up.
            Conflict: Another server holds the devbox, or it is still queued or booting after 20 s.
        """

    @abstractmethod
    async def execution(self, devbox_id: str, execution_id: str, *, wait_seconds: float = 0) -> ExecutionView:
        """One execution, once it has completed or the wait is over.

        Raises:
            NotFound: There is no such devbox or execution.
        """

    @abstractmethod
    async def kill(self, devbox_id: str, execution_id: str) -> ExecutionView:
        """Ends an execution and everything that it started; answers once it has ended.

        Raises:
            NotFound: There is no such devbox or execution.
        """

    @abstractmethod
    async def send_stdin(
        self, devbox_id: str, execution_id: str, *, text: str | None = None, signal: StdinSignal | None = None
    ) -> ExecutionView:
        """Sends text to a running execution, or a signal, or a signal behind text; answers with how it stands then.

        Text and EOF need an execution that was started with `attach_stdin`. An interrupt needs none; in a named shell
        it ends the command and leaves the shell.

        Raises:
            NotFound: There is no such devbox or execution.
            InvalidRequest: Neither text nor signal is given.
            InvalidState: The execution has ended, or its standard input takes nothing (more); the message says which.
            Conflict: It has not begun, or has yet to read what was sent before, or another server holds the devbox.
        """

    @abstractmethod
    async def read_output(
        self, devbox_id: str, execution_id: str, stream: OutputStream, *, offset: int = 0, limit: int = 32_000
    ) -> OutputRange:
        """A range of an execution's output, by bytes; a negative offset counts from the end. Works after shutdown.

        Raises:
            NotFound: There is no such devbox or execution, or its output is no longer kept.
        """

    @abstractmethod
    async def search_output(
        self, devbox_id: str, execution_id: str, stream: OutputStream, pattern: str, *, limit: int = 50
    ) -> OutputMatches:
        """The lines of an execution's output that a regular expression finds.

        Raises:
            NotFound: There is no such devbox or execution, or its output is no longer kept.
            InvalidRequest: The pattern is no regular expression, or takes too long.
        """

    @abstractmethod
    async def read_file(self, devbox_id: str, path: str, *, offset: int = 0, limit: int | None = None) -> FileContents:
        """A regular file of the devbox; relative paths begin at its working directory, `~/` at its home.

        Raises:
            NotFound: There is no such devbox or file.
            InvalidRequest: It is no regular file, or may not be read.
        """

    @abstractmethod
    async def write_file(self, devbox_id: str, path: str, data: bytes) -> int:
        """Writes a regular file whole, with the directories it needs; an existing file keeps its mode.

        Returns:
            How many bytes were written.

        Raises:
            NotFound: There is no such devbox.
            InvalidRequest: It is no regular file, or may not be written.
        """

    @abstractmethod
    async def suspend(self, devbox_id: str) -> DevboxView:
        """Ends every process of a running devbox and keeps its disk; its run stays as it is.

        Raises:
            NotFound: There is no such devbox.
            InvalidState: It is not running.
            Conflict: Another server holds it, or it is being scored in place.
        """

    @abstractmethod
    async def resume(self, devbox_id: str) -> DevboxView:
        """Boots a suspended devbox again on its disk; every call that needs the devbox does so by itself.

        Raises:
            NotFound: There is no such devbox, or its disk is gone.
            InvalidState: It is not suspended.
            Conflict: Another server holds it, or it is still booting after 20 s.
        """

    @abstractmethod
    async def keep_alive(self, devbox_id: str) -> DevboxView:
        """Counts as use of a devbox, so that its idle time begins anew; a run's own time is not made longer.

        Raises:
            NotFound: There is no such devbox.
            InvalidState: It is not running.
            Conflict: Another server holds it.
        """


class Snapshots(ABC):
    """Disks of devboxes as they were at one instant; scenarios begin from them, by `environment.snapshot_id`."""

    @abstractmethod
    async def create(
        self,
        devbox_id: str,
        params: SnapshotParams,
        *,
        wait_seconds: float = 600,
        idempotency_key: str | None = None,
    ) -> SnapshotView:
        """Keeps home and working directory of a devbox, running or suspended, as they are at one instant.

        Processes stand still for that instant. Answers when it is done or the wait is over, and goes on then; a wait
        of 0 answers at once. The same idempotency key gives the same snapshot, once.

        Raises:
            NotFound: There is no such devbox.
            InvalidRequest: The name is blank, or the key was used for other arguments.
            InvalidState: The devbox has ended.
            Conflict: Another server holds the devbox, or it is still queued or booting after 20 s.
            Unavailable: It could not be made; the message says why.
        """

    @abstractmethod
    async def retrieve(self, snapshot_id: str) -> SnapshotView:
        """One snapshot.

        Raises:
            NotFound: There is none with this id (any more), or it could not be made.
        """

    @abstractmethod
    async def query_status(self, snapshot_id: str) -> SnapshotStatusView:
        """How far a snapshot is, also of one that failed or was deleted.

        Raises:
            NotFound: There never was one with this id.
        """

    @abstractmethod
    async def list(self, params: SnapshotListParams) -> Page[SnapshotView]:
        """One page of the snapshots that there are or that are being made, newest first.

        Raises:
            InvalidRequest: `starting_after` names no snapshot.
        """

    @abstractmethod
    async def update(self, snapshot_id: str, params: SnapshotParams) -> SnapshotView:
        """Changes what a snapshot is called: null or absent keeps, a value replaces whole, an empty one clears.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: The name is blank.
        """

    @abstractmethod
    async def delete(self, snapshot_id: str) -> None:
        """Deletes a snapshot; does nothing to one that is deleted.

        Raises:
            NotFound: There never was one with this id.
            InvalidState: A scenario or a devbox uses it; the message names them.
            Conflict: It is still being made.
        """


class Blueprints(ABC):
    """Recipes for environments, built once and reused; scenarios begin from them, by `environment.blueprint_id`."""

    @abstractmethod
    async def create(self, params: BlueprintParams, *, idempotency_key: str | None = None) -> BlueprintView:
        """Keeps a new blueprint and begins to build it; what was built before with the same contents is reused.

        The same idempotency key gives the same blueprint, once.

        Raises:
            InvalidRequest: A field is not valid or not possible here, or the key was used for other arguments.
            InvalidState: Its base is not built.
            Unavailable: No devbox can run here.
        """

    @abstractmethod
    async def retrieve(self, blueprint_id: str) -> BlueprintView:
        """One blueprint, also one that is deleted.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def wait(self, blueprint_id: str, *, wait_seconds: float) -> BlueprintView:
        """The blueprint, once its build has ended or the wait is over.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def list(self, params: BlueprintListParams) -> Page[BlueprintView]:
        """One page of blueprints, newest first, without those that are deleted.

        Raises:
            InvalidRequest: `starting_after` names no blueprint.
        """

    @abstractmethod
    async def logs(self, blueprint_id: str) -> BlueprintLogs:
        """What the build has said so far.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def delete(self, blueprint_id: str) -> None:
        """Deletes a blueprint; does nothing to one that is deleted.

        Raises:
            NotFound: There is none with this id.
            InvalidState: A scenario, a devbox, a snapshot or another blueprint uses it; the message names them.
            Conflict: It is still being built.
        """


class Secrets(ABC):
    """Values that runs get by name. No method gives a value back, and no error repeats one.

    A secret is found by its name or its id.
    """

    @abstractmethod
    async def create(self, params: SecretCreateParams) -> SecretView:
        """Keeps a new secret.

        Raises:
            InvalidRequest: The name or the value is not valid, or there is a secret of this name.
        """

    @abstractmethod
    async def retrieve(self, secret: str) -> SecretView:
        """One secret.

        Raises:
            NotFound: There is none of this name or id.
        """

    @abstractmethod
    async def list(self, params: PageParams) -> Page[SecretView]:
        """One page of secrets, newest first.

        Raises:
            InvalidRequest: `starting_after` names no secret.
        """

    @abstractmethod
    async def update(self, secret: str, params: SecretUpdateParams) -> SecretView:
        """Replaces a value; devboxes get it from their next boot on.

        Raises:
            NotFound: There is none of this name or id.
            InvalidRequest: The value is not valid.
        """

    @abstractmethod
    async def delete(self, secret: str) -> SecretView:
        """Deletes a secret and its value; devboxes that have it keep it until they end.

        Raises:
            NotFound: There is none of this name or id.
        """


class Backend(ABC):
    """Everything behind the faces. Enter it to start what it needs, leave it to stop that."""

    scenarios: Scenarios
    runs: Runs
    scorers: Scorers
    devboxes: Devboxes
    snapshots: Snapshots
    blueprints: Blueprints
    secrets: Secrets
    trace: Trace

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
