"""Benchmark jobs, and the trials that each is carried out in: one agent at one scenario, once."""

STATEMENTS = (
    """
    CREATE TABLE benchmark_jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        principal TEXT NOT NULL,
        state TEXT NOT NULL,
        create_time_ms INTEGER NOT NULL,
        end_time_ms INTEGER,
        data TEXT NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX benchmark_jobs_by_state ON benchmark_jobs (state)",
    # `agent` is the place of the agent in the job's list, from 0.
    """
    CREATE TABLE job_trials (
        job_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        agent INTEGER NOT NULL,
        scenario_id TEXT NOT NULL,
        state TEXT NOT NULL,
        run_id TEXT,
        data TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (job_id, number)
    ) WITHOUT ROWID
    """,
)
