"""Later scorings of frozen disks, kept beside the scores of their runs."""

STATEMENTS = (
    """
    CREATE TABLE rescorings (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL,
        data TEXT NOT NULL
    )
    """,
    "CREATE INDEX rescorings_by_run ON rescorings (run_id)",
)
