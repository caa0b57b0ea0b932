-- Version 2 to 3: quotas instead of addresses. Whoever was throttled may sign up again at once.

DROP TABLE addresses;
CREATE TABLE quotas (
    subject TEXT PRIMARY KEY,
    spent   BIGINT NOT NULL,
    until   BIGINT NOT NULL,
    CONSTRAINT quotas_spent_known CHECK (spent >= 0)
);
CREATE INDEX quotas_by_end ON quotas (until);

CREATE TABLE quota_keys (
    generation BIGINT PRIMARY KEY,
    key        TEXT NOT NULL,
    until      BIGINT NOT NULL
);

CREATE TABLE quota_uses (
    job      BIGINT PRIMARY KEY REFERENCES jobs (number),
    subjects TEXT NOT NULL,
    until    BIGINT NOT NULL
);
CREATE INDEX quota_uses_by_end ON quota_uses (until);
