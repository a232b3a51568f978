"""Devboxes that belong to no run: when their time is out, what is mounted into a devbox, and what is told of boots."""

STATEMENTS = (
    # In UTC milliseconds; null where nothing limits it, while it waits for its turn, and for devboxes of runs.
    "ALTER TABLE devboxes ADD COLUMN expires_ms INTEGER",
    "CREATE INDEX devboxes_by_expiry ON devboxes (expires_ms) WHERE expires_ms IS NOT NULL",
    # Apart from the devbox's row, which every look at a devbox reads: mounts hold whole files.
    """
    CREATE TABLE devbox_mounts (
        devbox_id TEXT PRIMARY KEY NOT NULL,
        mounts TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    # What no execution tells: boots, mounts and launch commands.
    """
    CREATE TABLE devbox_logs (
        devbox_id TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        line TEXT NOT NULL,
        PRIMARY KEY (devbox_id, sequence)
    ) WITHOUT ROWID
    """,
)
