"""Which devboxes have been pruned of what is kept for a limited time only."""

STATEMENTS = (
    "ALTER TABLE devboxes ADD COLUMN pruned_ms INTEGER",
    "CREATE INDEX devboxes_not_pruned ON devboxes (end_time_ms) WHERE pruned_ms IS NULL",
)
