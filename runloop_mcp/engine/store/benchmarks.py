"""Benchmarks in the database. Every function runs on the database's threads, inside its transaction."""

import sqlite3
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.benchmark import BenchmarkListParams, BenchmarkStatus, BenchmarkView
from runloop_mcp.engine.store.paging import Filters, Listing

_COLUMNS = "id, name, status, data"
_LISTING = Listing("benchmarks", _COLUMNS, "benchmark")


class BenchmarkData(BaseModel):
    """What a benchmark keeps beside the columns that are searched."""

    model_config = ConfigDict(defer_build=True)

    metadata: dict[str, str] = Field(default_factory=dict)
    attribution: str | None = None
    description: str | None = None
    required_environment_variables: list[str] | None = None
    required_secret_names: list[str] | None = None


class BenchmarkRow(BaseModel):
    """A benchmark as it is stored."""

    model_config = ConfigDict(defer_build=True)

    id: str
    name: str
    status: BenchmarkStatus
    scenario_ids: list[str]
    """In order, each once."""
    data: BenchmarkData

    def view(self) -> BenchmarkView:
        """As callers see it."""
        return BenchmarkView(
            id=self.id,
            name=self.name,
            status=self.status,
            scenario_ids=self.scenario_ids,
            is_public=False,
            **self.data.model_dump(),
        )


def _row(connection: sqlite3.Connection, values: tuple[object, ...]) -> BenchmarkRow:
    fields = dict(zip(_COLUMNS.split(", "), values, strict=True))
    scenario_ids = connection.execute(
        "SELECT scenario_id FROM benchmark_scenarios WHERE benchmark_id = ? ORDER BY position", (fields["id"],)
    ).fetchall()
    data = BenchmarkData.model_validate_json(str(fields["data"]))
    return BenchmarkRow.model_validate({**fields, "data": data, "scenario_ids": [row[0] for row in scenario_ids]})


def save(connection: sqlite3.Connection, row: BenchmarkRow) -> None:
    """Keeps a benchmark, new or changed."""
    connection.execute(
        f"INSERT INTO benchmarks ({_COLUMNS}) VALUES (?,?,?,?)"  # noqa: S608 - constant column names
        " ON CONFLICT (id) DO UPDATE SET name = excluded.name, status = excluded.status, data = excluded.data",
        (row.id, row.name, row.status, row.data.model_dump_json()),
    )
    connection.execute("DELETE FROM benchmark_scenarios WHERE benchmark_id = ?", (row.id,))
    connection.executemany(
        "INSERT INTO benchmark_scenarios (benchmark_id, position, scenario_id) VALUES (?,?,?)",
        [(row.id, position, scenario_id) for position, scenario_id in enumerate(row.scenario_ids)],
    )


def get(connection: sqlite3.Connection, benchmark_id: str) -> BenchmarkRow:
    """One benchmark.

    Raises:
        NotFound: There is none with this id.
    """
    values = connection.execute(
        f"SELECT {_COLUMNS} FROM benchmarks WHERE id = ?",  # noqa: S608 - constant column names
        (benchmark_id,),
    ).fetchone()
    if values is None:
        raise NotFound(
            f"There is no benchmark {benchmark_id!r}.",
            hint="Benchmark ids begin with bmd_; list the benchmarks to see those there are.",
        )
    return _row(connection, values)


def page(connection: sqlite3.Connection, params: BenchmarkListParams) -> tuple[list[BenchmarkRow], int, bool]:
    """One page, newest first; how many match in all; and whether there are more.

    Raises:
        InvalidRequest: `starting_after` names no benchmark.
    """
    filters = Filters()
    filters.equal("name", params.name)
    filters.equal("status", params.status)
    filters.contains("id || ' ' || name || ' ' || coalesce(json_extract(data, '$.description'), '')", params.search)
    if params.is_public:
        filters.add("0")  # none is
    rows, total, more = _LISTING.page(connection, filters, limit=params.limit, starting_after=params.starting_after)
    return [_row(connection, values) for values in rows], total, more


def page_of_scenarios(row: BenchmarkRow, *, limit: int, starting_after: str | None) -> tuple[Sequence[str], bool]:
    """One page of a benchmark's scenarios, in its order, and whether there are more.

    Raises:
        InvalidRequest: `starting_after` names none of them.
    """
    begin = 0
    if starting_after is not None:
        if starting_after not in row.scenario_ids:
            raise InvalidRequest(
                f"The benchmark has no scenario {starting_after!r} to start after.",
                hint="Pass the id of the last scenario of the page before, or none, for the first page.",
            )
        begin = row.scenario_ids.index(starting_after) + 1
    return row.scenario_ids[begin : begin + limit], begin + limit < len(row.scenario_ids)
