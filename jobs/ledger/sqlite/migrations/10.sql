-- Version 9 to 10: quotas instead of addresses. Whoever was throttled may sign up again at once.

DROP TABLE addresses;
CREATE TABLE quotas (
    subject TEXT PRIMARY KEY,
    spent   INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    CONSTRAINT quotas_spent_known CHECK (spent >= 0)
) WITHOUT ROWID;
CREATE INDEX quotas_by_end ON quotas (until);

CREATE TABLE quota_keys (
    generation INTEGER PRIMARY KEY,
    key        TEXT NOT NULL,
    until      INTEGER NOT NULL
);

CREATE TABLE quota_uses (
    job      INTEGER PRIMARY KEY REFERENCES jobs (number),
    subjects TEXT NOT NULL,
    until    INTEGER NOT NULL
);
CREATE INDEX quota_uses_by_end ON quota_uses (until);
