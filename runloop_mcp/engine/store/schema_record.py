"""One sequence for all that happened in a run: executions get their places among the events."""

STATEMENTS = (
    # Until now both were put in order at each reading, by when they ended.
    """
    CREATE TABLE event_places AS SELECT run_id, part, place, row_number() OVER (
        PARTITION BY run_id ORDER BY time_ms, part, place
    ) AS sequence FROM (
        SELECT run_id, 0 AS part, sequence AS place, time_ms FROM events
        UNION ALL
        SELECT devboxes.run_id, 1, executions.rowid, coalesce(executions.end_time_ms, executions.start_time_ms)
        FROM executions JOIN devboxes ON devboxes.id = executions.devbox_id
    )
    """,
    "CREATE INDEX places_found ON event_places (part, place, run_id)",
    """
    UPDATE executions SET sequence = (
        SELECT p.sequence FROM event_places p WHERE p.part = 1 AND p.place = executions.rowid
    )
    """,
    # By way of negative numbers, as no two events of a run may have one number at any moment.
    """
    UPDATE events SET sequence = -(
        SELECT p.sequence FROM event_places p
        WHERE p.part = 0 AND p.place = events.sequence AND p.run_id = events.run_id
    )
    """,
    "UPDATE events SET sequence = -sequence",
    "DROP TABLE event_places",
)
