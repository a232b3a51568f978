"""Custom scorers, and what was built once for scorers to use."""

STATEMENTS = (
    # One row for each type and place, as for scenarios: `root` is the pack's directory, empty for a created one.
    """
    CREATE TABLE custom_scorers (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL,
        root TEXT NOT NULL,
        type TEXT NOT NULL,
        bash_script TEXT NOT NULL,
        UNIQUE (root, type)
    )
    """,
    "CREATE INDEX custom_scorers_by_id ON custom_scorers (id)",
    "CREATE INDEX custom_scorers_by_type ON custom_scorers (type)",
    # A cache: each row names a snapshot, and goes with it.
    """
    CREATE TABLE built_tools (
        key TEXT PRIMARY KEY NOT NULL,
        snapshot_id TEXT NOT NULL,
        data TEXT NOT NULL,
        create_time_ms INTEGER NOT NULL,
        used_time_ms INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
)
