"""The first schema: runs and what they leave behind, and the index of scenarios."""

_RUNS = (
    # `sequence` is the row's own number, so that newest first costs no sorting.
    """
    CREATE TABLE runs (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        scenario_id TEXT NOT NULL,
        devbox_id TEXT,
        principal TEXT NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 1,
        state TEXT NOT NULL,
        name TEXT,
        start_time_ms INTEGER,
        end_time_ms INTEGER,
        expires_ms INTEGER,
        data TEXT NOT NULL DEFAULT '{}',
        result TEXT
    )
    """,
    "CREATE INDEX runs_by_scenario ON runs (scenario_id, principal)",
    "CREATE INDEX runs_by_state ON runs (state)",
    "CREATE INDEX runs_by_devbox ON runs (devbox_id)",
    """
    CREATE TABLE events (
        run_id TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        kind TEXT NOT NULL,
        data TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (run_id, sequence)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE idempotency_keys (
        scope TEXT NOT NULL,
        key TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        target_id TEXT NOT NULL,
        create_time_ms INTEGER NOT NULL,
        PRIMARY KEY (scope, key)
    ) WITHOUT ROWID
    """,
)

_DEVBOXES = (
    """
    CREATE TABLE devboxes (
        id TEXT PRIMARY KEY NOT NULL,
        run_id TEXT,
        status TEXT NOT NULL,
        create_time_ms INTEGER,
        end_time_ms INTEGER,
        data TEXT NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX devboxes_by_run ON devboxes (run_id)",
    "CREATE INDEX devboxes_by_status ON devboxes (status)",
    """
    CREATE TABLE executions (
        id TEXT PRIMARY KEY NOT NULL,
        devbox_id TEXT NOT NULL,
        sequence INTEGER,
        status TEXT NOT NULL,
        exit_status INTEGER,
        start_time_ms INTEGER,
        end_time_ms INTEGER,
        data TEXT NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX executions_by_devbox ON executions (devbox_id, sequence)",
)

_SCENARIOS = (
    # One row for each scenario and place it was loaded from: two servers on one state directory may each have their own
    # copy of a pack, and each must see its own. `root` is the pack's directory, empty for a scenario made by `create`.
    # Narrow on purpose: lists count and filter here, and only a page's views are read from `scenario_contents`.
    """
    CREATE TABLE scenarios (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL,
        root TEXT NOT NULL,
        present INTEGER NOT NULL DEFAULT 1,
        status TEXT NOT NULL DEFAULT 'active',
        position TEXT NOT NULL,
        name TEXT NOT NULL,
        validation_type TEXT,
        UNIQUE (id, root)
    )
    """,
    "CREATE UNIQUE INDEX scenarios_in_order ON scenarios (position, number)",
    "CREATE INDEX scenarios_by_name ON scenarios (name)",
    """
    CREATE TABLE scenario_contents (
        number INTEGER PRIMARY KEY REFERENCES scenarios (number) ON DELETE CASCADE,
        view TEXT NOT NULL,
        pack TEXT,
        folder TEXT,
        files_key TEXT,
        environment_hash TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE scenario_tags (
        tag TEXT NOT NULL,
        number INTEGER NOT NULL REFERENCES scenarios (number) ON DELETE CASCADE,
        PRIMARY KEY (tag, number)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX scenario_tags_by_scenario ON scenario_tags (number)",
    'CREATE VIRTUAL TABLE scenario_words USING fts5 (words, tokenize = "unicode61 remove_diacritics 2")',
    # What was found in each folder of each pack when its files last changed: a scenario, or problems, or both.
    """
    CREATE TABLE scenario_folders (
        root TEXT NOT NULL,
        folder TEXT NOT NULL,
        signature TEXT NOT NULL,
        scenario_id TEXT,
        problems TEXT NOT NULL DEFAULT '[]',
        PRIMARY KEY (root, folder)
    ) WITHOUT ROWID
    """,
    # Scenarios as they were when runs of them started, named by their contents.
    """
    CREATE TABLE scenario_versions (
        id TEXT PRIMARY KEY NOT NULL,
        view TEXT NOT NULL
    ) WITHOUT ROWID
    """,
)

STATEMENTS = (*_RUNS, *_DEVBOXES, *_SCENARIOS)
