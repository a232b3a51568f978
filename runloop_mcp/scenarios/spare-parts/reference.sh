mkdir -p queries
cat > queries/busiest.sql <<'SQL'
WITH RECURSIVE known AS (
    SELECT * FROM move WHERE date(at) <= :day
),
judged (id, refers_to, in_force) AS (
    SELECT id, refers_to, 1 FROM known
    WHERE id NOT IN (SELECT refers_to FROM known WHERE refers_to IS NOT NULL)
    UNION ALL
    SELECT known.id, known.refers_to, NOT judged.in_force
    FROM judged JOIN known ON known.id = judged.refers_to
),
monthly AS (
    SELECT strftime('%Y-%m', at) AS month, part_id, sum(quantity) AS issued
    FROM known JOIN judged USING (id)
    WHERE in_force AND kind = 'issue'
    GROUP BY 1, 2
),
ranked AS (
    SELECT month, rank() OVER (PARTITION BY month ORDER BY issued DESC) AS rank, sku, issued
    FROM monthly JOIN part ON part.id = part_id
)
SELECT month, rank, sku, issued FROM ranked WHERE rank <= 3 ORDER BY month, rank, sku
SQL
cat > queries/idle.sql <<'SQL'
WITH RECURSIVE known AS (
    SELECT * FROM move WHERE date(at) <= :day
),
judged (id, refers_to, in_force) AS (
    SELECT id, refers_to, 1 FROM known
    WHERE id NOT IN (SELECT refers_to FROM known WHERE refers_to IS NOT NULL)
    UNION ALL
    SELECT known.id, known.refers_to, NOT judged.in_force
    FROM judged JOIN known ON known.id = judged.refers_to
),
issued AS (
    SELECT DISTINCT part_id, date(at) AS day FROM known JOIN judged USING (id) WHERE in_force AND kind = 'issue'
),
stretch AS (
    SELECT
        part_id,
        day AS since,
        CAST(julianday(coalesce(lead(day) OVER (PARTITION BY part_id ORDER BY day), :day)) - julianday(day) AS INTEGER)
            AS days
    FROM issued
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY part_id ORDER BY days DESC, since) AS position FROM stretch
)
SELECT sku, since, days
FROM ranked JOIN part ON part.id = part_id
WHERE position = 1 AND days >= 30
ORDER BY days DESC, sku
SQL
cat > queries/on_hand.sql <<'SQL'
WITH RECURSIVE known AS (
    SELECT * FROM move WHERE date(at) <= :day
),
-- From the end of each chain of voids, which nothing refers to, back to the move that began it.
judged (id, refers_to, in_force) AS (
    SELECT id, refers_to, 1 FROM known
    WHERE id NOT IN (SELECT refers_to FROM known WHERE refers_to IS NOT NULL)
    UNION ALL
    SELECT known.id, known.refers_to, NOT judged.in_force
    FROM judged JOIN known ON known.id = judged.refers_to
),
valid AS (
    SELECT known.*, row_number() OVER (PARTITION BY part_id ORDER BY at, known.id) AS position
    FROM known JOIN judged USING (id)
    WHERE in_force AND kind <> 'void'
),
counted AS (
    SELECT part_id, max(position) AS position FROM valid WHERE kind = 'count' GROUP BY part_id
)
SELECT
    sku,
    coalesce(sum(CASE kind WHEN 'issue' THEN -quantity ELSE quantity END), 0) AS quantity
FROM part
LEFT JOIN counted ON counted.part_id = part.id
LEFT JOIN valid ON valid.part_id = part.id AND valid.position >= coalesce(counted.position, 0)
GROUP BY sku
ORDER BY sku
SQL
cat > migrations/002_bins.sql <<'SQL'
-- Tables that others refer to can only be replaced with foreign keys off, and that only outside a transaction.
PRAGMA foreign_keys = OFF;
BEGIN;

CREATE TEMP TABLE reading AS
WITH typed AS (
    SELECT id, place AS raw_place, price AS raw_price, upper(trim(place)) AS place, upper(trim(price)) AS price FROM part
),
cut AS (
    SELECT
        *,
        CASE WHEN place GLOB '[A-Z]-[0-9]-[1-9]' OR place GLOB '[A-Z]-[0-9][0-9]-[1-9]'
            THEN CAST(substr(place, 3, length(place) - 4) AS INTEGER) END AS rack,
        CASE WHEN price GLOB '* EUR' THEN replace(substr(price, 1, length(price) - 4), ',', '.') END AS euros,
        CASE WHEN price GLOB '* CT' THEN substr(price, 1, length(price) - 3) END AS cents
    FROM typed
)
SELECT
    id, raw_place, raw_price, place, price,
    CASE WHEN rack > 0 THEN substr(place, 1, 1) END AS aisle,
    CASE WHEN rack > 0 THEN rack END AS rack,
    CASE WHEN rack > 0 THEN CAST(substr(place, -1) AS INTEGER) END AS shelf,
    CASE
        WHEN cents <> '' AND cents NOT GLOB '*[^0-9]*' THEN CAST(cents AS INTEGER)
        WHEN euros <> '' AND euros NOT GLOB '*[^0-9]*' THEN CAST(euros AS INTEGER) * 100
        WHEN euros GLOB '[0-9]*.[0-9][0-9]' AND substr(euros, 1, length(euros) - 3) NOT GLOB '*[^0-9]*'
            THEN CAST(replace(euros, '.', '') AS INTEGER)
    END AS price_cents
FROM cut;

CREATE TABLE bin (
    id INTEGER PRIMARY KEY,
    aisle TEXT NOT NULL,
    rack INTEGER NOT NULL,
    shelf INTEGER NOT NULL,
    UNIQUE (aisle, rack, shelf)
);
INSERT INTO bin (aisle, rack, shelf)
SELECT DISTINCT aisle, rack, shelf FROM reading WHERE aisle IS NOT NULL ORDER BY 1, 2, 3;

DROP VIEW labels;
DROP TRIGGER part_in_use;
CREATE TABLE new_part (
    id INTEGER PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    discontinued INTEGER NOT NULL DEFAULT 0 CHECK (discontinued IN (0, 1)),
    bin_id INTEGER REFERENCES bin (id),
    price_cents INTEGER
);
INSERT INTO new_part
SELECT part.id, sku, name, discontinued, bin.id, price_cents
FROM part
JOIN reading ON reading.id = part.id
LEFT JOIN bin ON bin.aisle = reading.aisle AND bin.rack = reading.rack AND bin.shelf = reading.shelf;
DROP TABLE part;
ALTER TABLE new_part RENAME TO part;

CREATE INDEX part_by_name ON part (name);
CREATE TRIGGER part_in_use BEFORE DELETE ON part
WHEN EXISTS (SELECT 1 FROM move WHERE part_id = old.id)
BEGIN
    SELECT RAISE(ABORT, 'this part has moves');
END;
CREATE VIEW labels AS
SELECT sku, name, printf('%s-%02d-%d', aisle, rack, shelf) AS place
FROM part JOIN bin ON bin.id = bin_id
UNION ALL
SELECT sku, name, NULL FROM part WHERE bin_id IS NULL;

CREATE TABLE migration_note (
    part_id INTEGER NOT NULL REFERENCES part (id),
    field TEXT NOT NULL,
    value TEXT NOT NULL
);
INSERT INTO migration_note
SELECT id, 'place', raw_place FROM reading WHERE place <> '' AND aisle IS NULL
UNION ALL
SELECT id, 'price', raw_price FROM reading WHERE price <> '' AND price_cents IS NULL;

DROP TABLE reading;
PRAGMA user_version = 2;
COMMIT;
PRAGMA foreign_keys = ON;
SQL
/usr/bin/python3 tools/migrate.py
