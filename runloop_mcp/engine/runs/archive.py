"""A run's log as an archive: its record, the outputs of its commands, its score, and what the task was."""

import time
import zipfile
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from anyio import to_thread

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.devbox import ExecutionStatus, OutputStream
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.executions import stream_of
from runloop_mcp.engine.devboxes.output import shown_bytes
from runloop_mcp.engine.replacing import replacing
from runloop_mcp.engine.runs.view import RunRecord, load, view
from runloop_mcp.engine.store import events, executions, versions
from runloop_mcp.engine.store.executions import ExecutionRow

_PAGE: Final = 200
_CHUNK: Final = 1024 * 1024


async def write_archive(engine: EngineContext, runs: Mapping[str, str], target: Path) -> int:
    """Writes the archive of runs, as a zip file, whole or not at all; see `Runs.download_logs`.

    Args:
        engine: Knows them.
        runs: The ids of the runs, each with what the names of its files begin with.
        target: The file.

    Raises:
        NotFound: There is no such run.
        InvalidRequest: The file can't be written.
    """

    def look(connection: Connection) -> list[tuple[str, RunRecord, ScenarioView]]:
        records = [(folder, load(connection, run_id)) for run_id, folder in runs.items()]
        return [
            (folder, record, versions.get(connection, record.row.data.scenario_version)) for folder, record in records
        ]

    found = await engine.database.read(look)
    with replacing(target, what="The archive") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder, record, scenario in found:
            await _Contents(engine, archive, folder, record, scenario).write()
    return (await to_thread.run_sync(target.stat)).st_size


def _entry(name: str) -> zipfile.ZipInfo:
    """An entry of now, compressed, for its owner alone to read."""
    entry = zipfile.ZipInfo(name, time.localtime()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


_UNCOVERED = """\
The outputs of this run's commands are left out: they may hold values of the secrets {names}, which are not known here
and so could not be covered. Where the values are known, on the server that has them or after `runloop-mcp secrets set`,
the archive has the outputs.
"""


class _Contents:
    """What goes into an archive. Everything that may take long happens in threads."""

    def __init__(
        self, engine: EngineContext, archive: zipfile.ZipFile, folder: str, record: RunRecord, scenario: ScenarioView
    ) -> None:
        self._engine = engine
        self._archive = archive
        self._folder = folder
        self._record = record
        self._scenario = scenario

    async def write(self) -> None:
        run = view(self._record)
        result = run.scoring_contract_result
        score = result.model_dump_json(indent=2, exclude_none=True) if result else f'{{"state": "{run.state}"}}'
        await self._text("run.json", run.model_dump_json(indent=2, exclude_none=True, by_alias=True))
        await self._text("problem.md", self._scenario.input_context.problem_statement)
        await self._text("score.json", score)
        await self._stream("trace.jsonl", self._lines())
        unknown = await self._engine.secrets.missing(self._record.row.data.secrets.values())
        if unknown:
            await self._text("outputs/LEFT_OUT.txt", _UNCOVERED.format(names=", ".join(unknown)))
            return
        async for row in self._executions():
            for stream in OutputStream:
                if stream_of(row, stream).total_bytes:
                    await self._stream(f"outputs/{row.id}.{stream}", self._output(row, stream))

    async def _text(self, name: str, text: str) -> None:
        await to_thread.run_sync(self._archive.writestr, _entry(self._folder + name), text.encode("utf-8", "replace"))

    async def _stream(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        with self._archive.open(_entry(self._folder + name), "w", force_zip64=True) as entry:
            async for chunk in chunks:
                await to_thread.run_sync(entry.write, chunk)

    async def _lines(self) -> AsyncIterator[bytes]:
        after = 0
        while found := await self._engine.database.read(
            partial(events.after, run_id=self._record.row.id, sequence=after, limit=_PAGE)
        ):
            after = found[-1].sequence
            yield "".join(f"{event.model_dump_json()}\n" for event in found).encode()

    async def _executions(self) -> AsyncIterator[ExecutionRow]:
        """The run's executions; of those that this server follows, as they stand."""
        devbox_id, after = self._record.row.devbox_id, 0
        held = self._engine.keeper.get(devbox_id)
        while found := await self._engine.database.read(
            partial(executions.recorded_after, devbox_id=devbox_id, sequence=after, limit=_PAGE)
        ):
            after = found[-1][0]
            for _, row in found:
                running = held.running.get(row.id) if held else None
                yield running.snapshot() if running else row

    async def _output(self, row: ExecutionRow, stream: OutputStream) -> AsyncIterator[bytes]:
        kept, path = stream_of(row, stream), self._engine.executions.path(row.devbox_id, row.id, stream)
        mask = await self._engine.mask_of_run(self._record.row.id)
        complete = row.status == ExecutionStatus.COMPLETED
        offset = 0
        while offset < kept.total_bytes:
            try:
                chunk = await shown_bytes(kept, path, offset, _CHUNK, mask=mask, complete=complete)
            except NotFound:
                return  # no longer kept; the record still tells how much there was
            if not chunk:
                return
            yield chunk
            offset += len(chunk)
