-- Version 1 to 2: what operators see, did and were told.

CREATE INDEX transactions_irreversible ON transactions (block_num) WHERE fate = 'irreversible';
CREATE INDEX jobs_by_account ON jobs (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX jobs_failed ON jobs (updated_at) WHERE state = 'failed';

-- Signups a minute and a day, kept by the triggers below: a chart of 30 days must not read a million jobs.
CREATE TABLE activity (
    span       TEXT    NOT NULL,  -- minute or day (UTC)
    start      INTEGER NOT NULL,  -- when it began
    accepted   INTEGER NOT NULL DEFAULT 0,  -- jobs accepted in it
    registered INTEGER NOT NULL DEFAULT 0,  -- accounts that came into a block in it
    failed     INTEGER NOT NULL DEFAULT 0,  -- jobs that failed in it
    PRIMARY KEY (span, start),
    CONSTRAINT activity_span_known CHECK (span IN ('minute', 'day'))
) WITHOUT ROWID;
CREATE TRIGGER activity_accepted AFTER INSERT ON jobs BEGIN
    INSERT INTO activity (span, start, accepted) VALUES
        ('minute', NEW.created_at / 60000 * 60000, 1), ('day', NEW.created_at / 86400000 * 86400000, 1)
    ON CONFLICT (span, start) DO UPDATE SET accepted = accepted + 1;
END;
CREATE TRIGGER activity_registered AFTER UPDATE OF registered_at ON jobs
WHEN OLD.registered_at IS NULL AND NEW.registered_at IS NOT NULL BEGIN
    INSERT INTO activity (span, start, registered) VALUES
        ('minute', NEW.registered_at / 60000 * 60000, 1), ('day', NEW.registered_at / 86400000 * 86400000, 1)
    ON CONFLICT (span, start) DO UPDATE SET registered = registered + 1;
END;
-- A fork took the account back.
CREATE TRIGGER activity_orphaned AFTER UPDATE OF registered_at ON jobs
WHEN OLD.registered_at IS NOT NULL AND NEW.registered_at IS NULL BEGIN
    UPDATE activity SET registered = registered - 1
    WHERE (span = 'minute' AND start = OLD.registered_at / 60000 * 60000)
       OR (span = 'day' AND start = OLD.registered_at / 86400000 * 86400000);
END;
CREATE TRIGGER activity_failed AFTER UPDATE OF state ON jobs WHEN NEW.state = 'failed' AND OLD.state <> 'failed' BEGIN
    INSERT INTO activity (span, start, failed) VALUES
        ('minute', NEW.updated_at / 60000 * 60000, 1), ('day', NEW.updated_at / 86400000 * 86400000, 1)
    ON CONFLICT (span, start) DO UPDATE SET failed = failed + 1;
END;

-- What operators did.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY,  -- order of doing
    at     INTEGER NOT NULL,  -- when
    who    TEXT    NOT NULL,  -- the name given at the login, or the user of the shell
    what   TEXT    NOT NULL,  -- login, retry, cancel, fail, pause, resume or export
    target TEXT    NOT NULL,  -- id of the job, or the part that was paused; empty where there is none
    why    TEXT    NOT NULL   -- the reason given; empty where none was
);
CREATE INDEX audit_by_target ON audit (target, number);

-- Open alerts that operators were notified of.
CREATE TABLE alerts (
    name    TEXT PRIMARY KEY,  -- of the condition, such as balance
    text    TEXT    NOT NULL,  -- what it is, in a sentence
    since   INTEGER NOT NULL,  -- when it began
    seen_at INTEGER NOT NULL,  -- when it was last so: it has ended once that was a while ago
    told_at INTEGER NOT NULL   -- when the last mail about it was written
) WITHOUT ROWID;

-- Mails to the operators, kept until the mail server has taken them.
CREATE TABLE mails (
    number     INTEGER PRIMARY KEY,  -- order of writing
    subject    TEXT    NOT NULL,  -- as sent
    body       TEXT    NOT NULL,  -- as sent
    created_at INTEGER NOT NULL,  -- when it was written
    attempts   INTEGER NOT NULL DEFAULT 0,  -- to send it
    retry_at   INTEGER NOT NULL DEFAULT 0,  -- no attempt is made before
    problem    TEXT,              -- why the last attempt failed
    sent_at    INTEGER            -- when the mail server took it; null: it waits
);
CREATE INDEX mails_waiting ON mails (number) WHERE sent_at IS NULL;

-- How far the ledger was compared with the registrar's operations in the chain's irreversible blocks.
CREATE TABLE reconciliations (
    number        INTEGER PRIMARY KEY,  -- order of beginning
    first_block   INTEGER NOT NULL,  -- where it began
    last_block    INTEGER NOT NULL,  -- how far it has come
    registrations INTEGER NOT NULL DEFAULT 0,  -- operations of the registrar in these blocks
    payments      INTEGER NOT NULL DEFAULT 0,  -- … that send the core asset
    updated_at    INTEGER NOT NULL  -- when it came so far
);

-- Where the ledger and the chain disagree, as the last comparison of that block found.
CREATE TABLE differences (
    block_num INTEGER NOT NULL,  -- the block
    kind      TEXT    NOT NULL,  -- see jobs/blocks/reconcile.py
    about     TEXT    NOT NULL,  -- name of the account, or id of the transaction
    text      TEXT    NOT NULL,  -- for people
    found_at  INTEGER NOT NULL,  -- when
    PRIMARY KEY (block_num, kind, about)
) WITHOUT ROWID;

-- What happened before this version. A fork's accounts can't be told apart any more, so each counts once.
INSERT INTO activity (span, start, accepted, registered, failed)
SELECT span, at / size * size, sum(accepted), sum(registered), sum(failed)
FROM (SELECT 'minute' AS span, 60000 AS size UNION ALL SELECT 'day', 86400000)
CROSS JOIN (
    SELECT created_at AS at, 1 AS accepted, 0 AS registered, 0 AS failed FROM jobs
    UNION ALL SELECT registered_at, 0, 1, 0 FROM jobs WHERE registered_at IS NOT NULL
    UNION ALL SELECT updated_at, 0, 0, 1 FROM jobs WHERE state = 'failed'
)
GROUP BY span, at / size;
