"""When a devbox that nobody uses is suspended or shut down, in UTC milliseconds; null where nothing happens to it."""

STATEMENTS = (
    "ALTER TABLE devboxes ADD COLUMN idle_expires_ms INTEGER",
    "CREATE INDEX devboxes_by_idle_expiry ON devboxes (idle_expires_ms) WHERE idle_expires_ms IS NOT NULL",
)
