"""Places for devboxes: who has one of as many as may be up at once, and who waits for one."""

STATEMENTS = (
    # Those who wait are served by `number`, in the order in which the devboxes were made. `server` is who boots the
    # devbox; a dead server's devboxes are down, so that the places which it was given count no more.
    """
    CREATE TABLE places (
        devbox_id TEXT PRIMARY KEY NOT NULL,
        number INTEGER NOT NULL,
        server TEXT NOT NULL,
        given INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
)
