-- Version 10 to 11: invitations.

CREATE TABLE invitations (
    number          INTEGER PRIMARY KEY,
    hash            TEXT    NOT NULL,
    hint            TEXT    NOT NULL,
    note            TEXT    NOT NULL,
    uses            INTEGER NOT NULL,
    initial_balance TEXT,
    expires_at      INTEGER,
    revoked_at      INTEGER,
    made_at         INTEGER NOT NULL,
    made_by         TEXT    NOT NULL,
    CONSTRAINT invitations_uses_known CHECK (uses > 0)
);
CREATE UNIQUE INDEX invitations_by_hash ON invitations (hash);
ALTER TABLE jobs ADD COLUMN invitation INTEGER REFERENCES invitations (number);
CREATE INDEX jobs_by_invitation ON jobs (invitation, number) WHERE invitation IS NOT NULL;

CREATE TABLE invitation_uses (
    invitation INTEGER PRIMARY KEY REFERENCES invitations (number),
    used       INTEGER NOT NULL
);
CREATE TRIGGER invitations_used AFTER INSERT ON jobs WHEN NEW.invitation IS NOT NULL BEGIN
    INSERT INTO invitation_uses (invitation, used) VALUES (NEW.invitation, 1)
    ON CONFLICT (invitation) DO UPDATE SET used = used + 1;
END;
CREATE TRIGGER invitations_given_back AFTER UPDATE OF state ON jobs
WHEN NEW.invitation IS NOT NULL AND (OLD.state IN ('failed', 'cancelled')) <> (NEW.state IN ('failed', 'cancelled')) BEGIN
    UPDATE invitation_uses SET used = used + CASE WHEN NEW.state IN ('failed', 'cancelled') THEN -1 ELSE 1 END
    WHERE invitation = NEW.invitation;
END;
