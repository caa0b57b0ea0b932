-- Version 2 to 3: what a node may not decide: ceilings, pins, whose names these are.

ALTER TABLE transactions ADD COLUMN cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE transactions ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE transactions ADD COLUMN held TEXT;
CREATE INDEX transactions_reserved ON transactions (expiration) WHERE fate IN ('refused', 'expired') AND reserved > 0;

CREATE TABLE spending (
    day       INTEGER PRIMARY KEY,
    committed INTEGER NOT NULL DEFAULT 0,
    balance   INTEGER
);
CREATE TRIGGER spending_signed AFTER INSERT ON transactions WHEN NEW.reserved <> 0 BEGIN
    INSERT INTO spending (day, committed) VALUES (NEW.created_at / 86400000 * 86400000, NEW.reserved)
    ON CONFLICT (day) DO UPDATE SET committed = committed + NEW.reserved;
END;
CREATE TRIGGER spending_changed AFTER UPDATE OF reserved ON transactions WHEN NEW.reserved <> OLD.reserved BEGIN
    INSERT INTO spending (day, committed) VALUES (NEW.created_at / 86400000 * 86400000, NEW.reserved)
    ON CONFLICT (day) DO UPDATE SET committed = committed + NEW.reserved - OLD.reserved;
END;

CREATE TABLE pins (
    name      TEXT PRIMARY KEY,
    value     TEXT    NOT NULL,
    agreed    INTEGER NOT NULL,
    pinned_at INTEGER NOT NULL
) WITHOUT ROWID;
-- The node of the last version was met before anybody pinned anything: what it said is kept.
INSERT INTO pins (name, value, agreed, pinned_at)
SELECT name, CASE WHEN json_type(value) = 'text' THEN json_extract(value, '$') ELSE value END, 0,
       CAST(strftime('%s', 'now') AS INTEGER) * 1000
FROM facts WHERE name IN ('chain_id', 'prefix', 'symbol', 'precision') AND value <> 'null';

CREATE TABLE lowest_fees (
    operation TEXT PRIMARY KEY,
    satoshi   INTEGER NOT NULL,
    agreed    INTEGER NOT NULL,
    seen_at   INTEGER NOT NULL
) WITHOUT ROWID;

ALTER TABLE names ADD COLUMN listed_by TEXT;

ALTER TABLE pauses ADD COLUMN automatic INTEGER NOT NULL DEFAULT 0;
UPDATE pauses SET automatic = 1 WHERE part = 'drain' AND by = 'faucet';
