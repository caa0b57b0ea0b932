-- Version 3 to 4: keys that blocks showed, accounts by id, the referrer that was sent, and what dry runs ask; ids of
-- accounts that were looked up by name.

ALTER TABLE jobs ADD COLUMN sent_referrer TEXT;
ALTER TABLE jobs ADD COLUMN provisional INTEGER NOT NULL DEFAULT 0;

ALTER TABLE names ADD COLUMN keys TEXT;
CREATE INDEX names_by_account ON names (account_id);

CREATE TABLE referrer_questions (
    asked       TEXT PRIMARY KEY,
    asked_at    INTEGER NOT NULL,
    answer      TEXT,
    answered_at INTEGER
) WITHOUT ROWID;
CREATE INDEX referrer_questions_open ON referrer_questions (asked) WHERE answer IS NULL;
