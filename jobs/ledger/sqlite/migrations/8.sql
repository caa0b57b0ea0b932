-- Version 7 to 8: operators who are logged in.

CREATE TABLE sessions (
    hash       TEXT PRIMARY KEY,
    who        TEXT    NOT NULL,
    key_id     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL
) WITHOUT ROWID;
