-- Version 5 to 6: failed logins, which limit each other across processes and restarts.

CREATE TABLE login_failures (
    client      TEXT PRIMARY KEY,
    forgiven_at INTEGER NOT NULL
) WITHOUT ROWID;
