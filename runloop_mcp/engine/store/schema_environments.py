"""Environments that are kept: named snapshots, and blueprints with the logs of their builds."""

STATEMENTS = (
    # `server` is who makes it: what a dead server was at is not made any more.
    """
    CREATE TABLE snapshots (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        source_devbox_id TEXT NOT NULL,
        source_blueprint_id TEXT,
        create_time_ms INTEGER NOT NULL,
        server TEXT NOT NULL,
        data TEXT NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX snapshots_by_devbox ON snapshots (source_devbox_id)",
    # `snapshot_id` is what was built; blueprints of the same contents (`build_key`) share it.
    """
    CREATE TABLE blueprints (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'created',
        status TEXT NOT NULL,
        build_key TEXT NOT NULL,
        snapshot_id TEXT NOT NULL,
        base_blueprint_id TEXT,
        create_time_ms INTEGER NOT NULL,
        server TEXT NOT NULL,
        data TEXT NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX blueprints_by_name ON blueprints (name)",
    "CREATE INDEX blueprints_by_key ON blueprints (build_key)",
    """
    CREATE TABLE blueprint_logs (
        blueprint_id TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        level TEXT NOT NULL,
        message TEXT NOT NULL,
        PRIMARY KEY (blueprint_id, sequence)
    ) WITHOUT ROWID
    """,
)
