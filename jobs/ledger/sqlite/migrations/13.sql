-- Version 12 to 13: API keys.

CREATE TABLE api_keys (
    number     INTEGER PRIMARY KEY,
    hash       TEXT    NOT NULL,
    hint       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    per_minute INTEGER NOT NULL,
    per_day    INTEGER NOT NULL,
    origins    TEXT    NOT NULL,
    revoked_at INTEGER,
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    CONSTRAINT api_keys_rates_known CHECK (per_minute > 0 AND per_day > 0)
);
CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (hash);
CREATE INDEX api_keys_in_force ON api_keys (number) WHERE revoked_at IS NULL;
ALTER TABLE jobs ADD COLUMN api_key INTEGER REFERENCES api_keys (number);
CREATE INDEX jobs_by_api_key ON jobs (api_key, number) WHERE api_key IS NOT NULL;
