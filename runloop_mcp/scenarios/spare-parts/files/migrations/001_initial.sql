CREATE TABLE part (
    id INTEGER PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    discontinued INTEGER NOT NULL DEFAULT 0 CHECK (discontinued IN (0, 1)),
    price TEXT,
    place TEXT
);

CREATE INDEX part_by_name ON part (name);

CREATE TABLE move (
    id INTEGER PRIMARY KEY,
    part_id INTEGER NOT NULL REFERENCES part (id),
    at TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('receipt', 'issue', 'count', 'void')),
    quantity INTEGER NOT NULL CHECK (quantity >= 0),
    refers_to INTEGER UNIQUE REFERENCES move (id),
    CHECK ((kind = 'void') = (refers_to IS NOT NULL))
);

CREATE INDEX move_by_part ON move (part_id, at);

CREATE TRIGGER part_in_use BEFORE DELETE ON part
WHEN EXISTS (SELECT 1 FROM move WHERE part_id = old.id)
BEGIN
    SELECT RAISE(ABORT, 'this part has moves');
END;

CREATE VIEW labels AS SELECT sku, name, upper(trim(place)) AS place FROM part;

PRAGMA user_version = 1;
