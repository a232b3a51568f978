"""Benchmarks, and runs of them; runs of their scenarios say in their data which one they belong to."""

STATEMENTS = (
    """
    CREATE TABLE benchmarks (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        status TEXT NOT NULL,
        data TEXT NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX benchmarks_by_name ON benchmarks (name)",
    """
    CREATE TABLE benchmark_scenarios (
        benchmark_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        scenario_id TEXT NOT NULL,
        PRIMARY KEY (benchmark_id, position),
        UNIQUE (benchmark_id, scenario_id)
    ) WITHOUT ROWID
    """,
    # `benchmark_id` is null where a job runs scenarios that no benchmark has together.
    """
    CREATE TABLE benchmark_runs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        benchmark_id TEXT,
        name TEXT,
        principal TEXT NOT NULL,
        state TEXT NOT NULL,
        start_time_ms INTEGER NOT NULL,
        end_time_ms INTEGER,
        score REAL,
        data TEXT NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX benchmark_runs_by_benchmark ON benchmark_runs (benchmark_id)",
    """
    CREATE INDEX runs_by_benchmark_run ON runs (json_extract(data, '$.benchmark_run_id'))
    WHERE json_extract(data, '$.benchmark_run_id') IS NOT NULL
    """,
)
