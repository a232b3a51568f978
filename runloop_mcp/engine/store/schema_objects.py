"""Objects, whose contents are files beside the database, and the agents that are made of them or of packages."""

STATEMENTS = (
    """
    CREATE TABLE objects (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        content_type TEXT NOT NULL,
        state TEXT NOT NULL,
        create_time_ms INTEGER NOT NULL,
        delete_after_time_ms INTEGER,
        size_bytes INTEGER,
        metadata TEXT NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX objects_by_expiry ON objects (delete_after_time_ms) WHERE delete_after_time_ms IS NOT NULL",
    # Deleted ones stay, unseen: whoever deletes what a page lists goes on behind its last one.
    """
    CREATE TABLE agents (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        version TEXT,
        create_time_ms INTEGER NOT NULL,
        delete_time_ms INTEGER,
        source TEXT
    )
    """,
    "CREATE INDEX agents_by_name ON agents (name)",
    # One row: whose state directory this is. What was there before the table is older than the row.
    """
    CREATE TABLE account (
        seed TEXT PRIMARY KEY NOT NULL,
        create_time_ms INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    """
    INSERT INTO account (seed, create_time_ms) VALUES (
        hex(randomblob(24)),
        coalesce((SELECT min(start_time_ms) FROM runs), CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
    )
    """,
)
