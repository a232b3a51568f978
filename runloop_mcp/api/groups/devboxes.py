"""The port of a group: devboxes of runs."""

from abc import ABC, abstractmethod
from collections.abc import Collection

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.devbox import (
    DevboxCreateParams,
    DevboxListParams,
    DevboxStatus,
    DevboxUpdateParams,
    DevboxView,
    ExecuteParams,
    ExecutionView,
    FileContents,
    OutputMatches,
    OutputRange,
    OutputStream,
    StdinSignal,
)
from runloop_mcp.api.models.devbox_record import DevboxLogs, DevboxUsage
from runloop_mcp.api.trace import ToolCall


class Devboxes(ABC):
    """Devboxes: where commands run and files are.

    Every call that needs the devbox counts as use of it, which `launch_parameters.after_idle` looks at.
    """

    @abstractmethod
    async def create(
        self,
        params: DevboxCreateParams,
        *,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> DevboxView:
        """Makes a devbox that belongs to no run: answers at once, while it may still be booting or queued.

        It shuts down when its keep-alive time has passed since it was made or last asked to be kept alive. The same
        idempotency key gives the same devbox, once.

        Raises:
            NotFound: There is no such blueprint, snapshot, object or agent.
            InvalidRequest: A field is not valid or not possible here, or the key was used for other arguments.
            InvalidState: Its base is not built.
            Unavailable: No devbox can run here; the hint says how to mend it.
        """

    @abstractmethod
    async def list(self, params: DevboxListParams) -> Page[DevboxView]:
        """One page of devboxes, those of runs too, newest first.

        Raises:
            InvalidRequest: `starting_after` names no devbox.
        """

    @abstractmethod
    async def update(self, devbox_id: str, params: DevboxUpdateParams) -> DevboxView:
        """Changes what a devbox is called.

        Raises:
            NotFound: There is none with this id.
            InvalidRequest: The name is blank.
        """

    @abstractmethod
    async def shutdown(self, devbox_id: str, *, force: bool = False) -> DevboxView:
        """Ends a devbox for ever, with its disk; does nothing to one that has ended.

        The run of a devbox that is shut down before it is scored is canceled.

        Args:
            devbox_id: The devbox.
            force: Whether it ends although snapshots of it are being made; these fail then.

        Raises:
            NotFound: There is none with this id.
            Conflict: A snapshot of it is being made, or another server holds it.
        """

    @abstractmethod
    async def logs(
        self, devbox_id: str, *, execution_id: str | None = None, shell_name: str | None = None
    ) -> DevboxLogs:
        """A devbox's log, or what of it belongs to an execution or a named shell. Works after shutdown.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def usage(self, devbox_id: str) -> DevboxUsage:
        """What a devbox has used so far, or in all.

        Raises:
            NotFound: There is none with this id.
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
    async def execution(
        self, devbox_id: str, execution_id: str, *, wait_seconds: float = 0, last_n: int | None = None
    ) -> ExecutionView:
        """One execution, once it has completed or the wait is over.

        Args:
            devbox_id: The devbox.
            execution_id: The execution.
            wait_seconds: How long to wait for its end.
            last_n: How many last lines of each stream the view holds; None: as many as `ExecuteParams.last_n` said.

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
        self,
        devbox_id: str,
        execution_id: str,
        stream: OutputStream,
        *,
        offset: int = 0,
        limit: int = 32_000,
        wait_seconds: float = 0,
    ) -> OutputRange:
        """A range of an execution's output, by bytes; a negative offset counts from the end. Works after shutdown.

        Where there is nothing past the offset yet and the stream has not ended, it waits for that, up to
        `wait_seconds`.

        Raises:
            NotFound: There is no such devbox or execution, or its output is no longer kept.
        """

    @abstractmethod
    async def search_output(
        self, devbox_id: str, execution_id: str, stream: OutputStream, pattern: str, *, limit: int = 50, around: int = 0
    ) -> OutputMatches:
        """The lines of an execution's output that a regular expression finds, as a terminal would show them.

        Args:
            devbox_id: The devbox.
            execution_id: The execution.
            stream: The stream that is searched.
            pattern: The regular expression.
            limit: The most lines to give.
            around: How many lines before and after each come with it.

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
        """Counts as use of a devbox: its idle time begins anew, and its keep-alive time, where it belongs to no run.

        A run's own time is not made longer.

        Raises:
            NotFound: There is no such devbox.
            InvalidState: It is not running.
            Conflict: Another server holds it.
        """
