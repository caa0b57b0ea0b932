-- The ledger: the whole current schema. `python faucet.py init` makes or migrates one; operators read it with
-- sqlite3. Times named …_at are milliseconds since 1970, UTC; chain times are seconds. The views at the end
-- show them readable. Money is in satoshi of the core asset unless said otherwise.

PRAGMA user_version = 15;
-- PRAGMA application_id is random, set when a ledger or a backup is made: no other ledger is taken for it.

-- Who owns the chain: one row, which each write transaction reads first.
CREATE TABLE ledger (
    epoch   INTEGER NOT NULL,  -- number of the last owner: it grows with each, and each write of the owner carries it
    owner   TEXT,              -- name of the owner's machine, for people; null: nobody owns the chain
    process TEXT,              -- which process that is, for others on that machine
    until   INTEGER NOT NULL,  -- when the lease ends, unless it is renewed; 0: there was no owner yet
    moved_to    TEXT,  -- where all of it was moved: nobody may use this one any more; null: it was not
    moving_from TEXT,  -- which ledger is being moved here, its id and place: nobody may use this one yet; null: none is
    CONSTRAINT ledger_owner_is_a_process CHECK ((owner IS NULL) = (process IS NULL))
);
CREATE UNIQUE INDEX ledger_one_row ON ledger ((1));
INSERT INTO ledger (epoch, owner, process, until) VALUES (0, NULL, NULL, 0);

CREATE TABLE transactions (
    number     INTEGER PRIMARY KEY,  -- order of signing
    kind       TEXT    NOT NULL,     -- registration: account_create operations; funding: transfers
    id         TEXT    NOT NULL,     -- the chain's id of it, 40 hex digits
    signature  TEXT    NOT NULL,     -- how it is found again in a block, which holds no ids
    body       TEXT    NOT NULL,     -- JSON exactly as sent; a resend sends the same bytes
    reference  INTEGER NOT NULL,     -- number of the block that it refers to (TaPoS)
    expiration INTEGER NOT NULL,     -- chain time in seconds; in no block whose predecessor is later
    fate       TEXT    NOT NULL DEFAULT 'live',  -- what is known of it
    block_num  INTEGER,              -- the block that holds it
    created_at INTEGER NOT NULL,  -- when it was signed
    updated_at INTEGER NOT NULL,  -- when its fate was last learned
    cost       INTEGER NOT NULL DEFAULT 0,  -- satoshi that leave the registrar if it comes into a block: fees and payments
    reserved   INTEGER NOT NULL DEFAULT 0,  -- … that count against the budget of the day it was signed in
    held       TEXT,                 -- why it is not given up though it has expired; an operator decides
    CONSTRAINT transactions_kind_known CHECK (kind IN ('registration', 'funding')),
    CONSTRAINT transactions_fate_known CHECK (fate IN ('live', 'included', 'irreversible', 'refused', 'expired')),
    CONSTRAINT transactions_block_iff_in_one CHECK ((block_num IS NOT NULL) = (fate IN ('included', 'irreversible'))),
    -- Any node may have kept a transfer that one node refused: only time ends it.
    CONSTRAINT transactions_funding_never_refused CHECK (kind = 'registration' OR fate <> 'refused')
);
CREATE UNIQUE INDEX transactions_by_signature ON transactions (signature);
CREATE INDEX transactions_by_id ON transactions (id);
CREATE INDEX transactions_live ON transactions (number) WHERE fate = 'live';
CREATE INDEX transactions_included ON transactions (block_num) WHERE fate = 'included';
CREATE INDEX transactions_irreversible ON transactions (block_num) WHERE fate = 'irreversible';
CREATE INDEX transactions_reserved ON transactions (expiration) WHERE fate IN ('refused', 'expired') AND reserved > 0;

-- Invitations: who has the code of one may sign up, as often as it says.
CREATE TABLE invitations (
    number          INTEGER PRIMARY KEY,  -- order of making
    hash            TEXT    NOT NULL,  -- SHA-256 of the code, which only its maker saw
    hint            TEXT    NOT NULL,  -- first characters of the code
    note            TEXT    NOT NULL,  -- for whom or what, for the operators
    uses            INTEGER NOT NULL,  -- accounts that it is good for
    initial_balance TEXT,              -- core asset, decimal, instead of the configured one; null: that one
    expires_at      INTEGER,           -- when it ends; null: never
    revoked_at      INTEGER,           -- when an operator ended it
    made_at         INTEGER NOT NULL,  -- when
    made_by         TEXT    NOT NULL,  -- who
    CONSTRAINT invitations_uses_known CHECK (uses > 0)
);
CREATE UNIQUE INDEX invitations_by_hash ON invitations (hash);

-- API keys: a wallet or an integrator that sends one is let in with a rate and a cap of its own.
CREATE TABLE api_keys (
    number     INTEGER PRIMARY KEY,  -- order of creating
    hash       TEXT    NOT NULL,  -- SHA-256 of the key, which only its creator saw
    hint       TEXT    NOT NULL,  -- first characters of the key
    name       TEXT    NOT NULL,  -- of whoever uses it, for the operators
    per_minute INTEGER NOT NULL,  -- signups that it lets in within a minute
    per_day    INTEGER NOT NULL,  -- … within a day
    origins    TEXT    NOT NULL,  -- JSON: of the pages that may use it; []: whoever has it may
    revoked_at INTEGER,           -- when an operator ended it
    created_at INTEGER NOT NULL,  -- when
    created_by TEXT    NOT NULL,  -- who
    CONSTRAINT api_keys_rates_known CHECK (per_minute > 0 AND per_day > 0)
);
CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (hash);
CREATE INDEX api_keys_in_force ON api_keys (number) WHERE revoked_at IS NULL;

CREATE TABLE jobs (
    number          INTEGER PRIMARY KEY,  -- order of acceptance; never shown outside
    id              TEXT    NOT NULL,     -- the time and random bits, shown outside
    name            TEXT    NOT NULL,     -- the account's name
    owner_key       TEXT    NOT NULL,     -- public keys as the wallet sent them: owner
    active_key      TEXT    NOT NULL,  -- … active
    memo_key        TEXT    NOT NULL,  -- … memo
    referrer        TEXT,                 -- account name as asked for; null is the default referrer
    refcode         TEXT,                 -- as sent, kept for the operator until it is erased
    email           TEXT,                 -- as sent, kept for the operator until it is erased
    real_name       TEXT,                 -- as sent, kept for the operator until it is erased
    state           TEXT    NOT NULL DEFAULT 'queued',  -- docs/states.md draws them
    registration    INTEGER REFERENCES transactions (number),  -- the account_create in force
    funding         INTEGER REFERENCES transactions (number),  -- the transfer in force
    account_id      TEXT,                 -- 1.2.x, once in a block
    block_num       INTEGER,              -- the block that holds the registration
    irreversible    INTEGER NOT NULL DEFAULT 0,  -- 1: that block stays
    initial_balance TEXT,                 -- core asset, decimal; null: none is paid
    attempts        INTEGER NOT NULL DEFAULT 0,  -- registrations signed, less those refused for a neighbour
    retry_at        INTEGER NOT NULL DEFAULT 0,  -- no drain takes it before
    code            TEXT,                 -- of a failed or cancelled job: why, for programs
    reason          TEXT,                 -- … and for people; of a queued job: why it was put off
    registered_at   INTEGER,              -- when it was first seen in a block
    created_at      INTEGER NOT NULL,  -- when it was accepted
    updated_at      INTEGER NOT NULL,  -- when its state last changed
    sent_referrer   TEXT,                 -- account that the last signed registration names as its referrer
    provisional     INTEGER NOT NULL DEFAULT 0,  -- 1: account_id was looked up by name while its block could be orphaned
    invitation      INTEGER REFERENCES invitations (number),  -- that let it in; null: none did
    api_key         INTEGER REFERENCES api_keys (number),  -- that it came with; null: none
    CONSTRAINT jobs_state_known CHECK (
        state IN ('queued', 'broadcast', 'registered', 'funding', 'funded', 'done', 'failed', 'cancelled')),
    CONSTRAINT jobs_ended_with_code CHECK ((state IN ('failed', 'cancelled')) = (code IS NOT NULL)),
    CONSTRAINT jobs_broadcast_has_registration CHECK (state <> 'broadcast' OR registration IS NOT NULL),
    CONSTRAINT jobs_in_block_has_account CHECK (
        state NOT IN ('registered', 'funding', 'funded', 'done')
        OR (account_id IS NOT NULL AND block_num IS NOT NULL)),
    CONSTRAINT jobs_funding_has_transfer CHECK (
        state NOT IN ('funding', 'funded') OR (funding IS NOT NULL AND initial_balance IS NOT NULL)),
    CONSTRAINT jobs_done_is_irreversible CHECK (
        state <> 'done' OR (irreversible = 1 AND (initial_balance IS NULL OR funding IS NOT NULL)))
);
CREATE UNIQUE INDEX jobs_by_id ON jobs (id);
-- Of those that did not end without an account, which alone have a code. Not by state: each move would write it anew.
CREATE UNIQUE INDEX jobs_one_live_a_name ON jobs (name) WHERE code IS NULL;
CREATE INDEX jobs_by_name ON jobs (name, number);
CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE INDEX jobs_by_time ON jobs (created_at);
CREATE INDEX jobs_by_registration_time ON jobs (registered_at) WHERE registered_at IS NOT NULL;
CREATE INDEX jobs_by_move ON jobs (updated_at);
CREATE INDEX jobs_by_account ON jobs (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX jobs_by_invitation ON jobs (invitation, number) WHERE invitation IS NOT NULL;
CREATE INDEX jobs_by_api_key ON jobs (api_key, number) WHERE api_key IS NOT NULL;
-- The state leads in what is of some states only: without statistics SQLite prefers jobs_by_state to any other index.
CREATE INDEX jobs_failed ON jobs (state, updated_at) WHERE state = 'failed';
-- Accounts found on the chain, until their block is irreversible.
CREATE INDEX jobs_claimed ON jobs (state, block_num)
WHERE state IN ('registered', 'funding', 'funded') AND registration IS NULL AND irreversible = FALSE;
-- Initial balances that are not signed.
CREATE INDEX jobs_owed ON jobs (state, number)
WHERE state IN ('queued', 'broadcast', 'registered') AND initial_balance IS NOT NULL AND funding IS NULL;
-- Jobs with personal data that are not erased yet.
CREATE INDEX jobs_personal ON jobs (created_at)
WHERE email IS NOT NULL OR real_name IS NOT NULL OR refcode IS NOT NULL;

-- What left the registrar, or may yet leave it, by day; the daily budget is held against it.
CREATE TABLE spending (
    day       INTEGER PRIMARY KEY,  -- when it began: midnight UTC
    committed INTEGER NOT NULL DEFAULT 0,  -- satoshi of the transactions signed in it, as long as they may be in a block
    balance   INTEGER  -- the registrar's at its beginning, satoshi: a budget in percent is a share of it
);
CREATE TRIGGER spending_signed AFTER INSERT ON transactions WHEN NEW.reserved <> 0 BEGIN
    INSERT INTO spending (day, committed) VALUES (NEW.created_at / 86400000 * 86400000, NEW.reserved)
    ON CONFLICT (day) DO UPDATE SET committed = committed + NEW.reserved;
END;
CREATE TRIGGER spending_changed AFTER UPDATE OF reserved ON transactions WHEN NEW.reserved <> OLD.reserved BEGIN
    INSERT INTO spending (day, committed) VALUES (NEW.created_at / 86400000 * 86400000, NEW.reserved)
    ON CONFLICT (day) DO UPDATE SET committed = committed + NEW.reserved - OLD.reserved;
END;

-- What the chain is, as it was at first contact: a node that says otherwise is not used.
CREATE TABLE pins (
    name      TEXT PRIMARY KEY,  -- chain_id, prefix, symbol, precision, reserved_ending, or 'account NAME': the id
                             -- of a configured one
    value     TEXT    NOT NULL,  -- as text
    agreed    INTEGER NOT NULL,  -- 1: an own node or two nodes said so; 0: one stranger alone
    pinned_at INTEGER NOT NULL  -- when
) WITHOUT ROWID;

-- The lowest fee of each operation seen on this chain: the default of max_account_fee is made of them.
CREATE TABLE lowest_fees (
    operation TEXT PRIMARY KEY,  -- account_create (of a cheap name), transfer or assert
    satoshi   INTEGER NOT NULL,  -- the fee
    agreed    INTEGER NOT NULL,  -- 1: an own node or two nodes said so; 0: one stranger alone
    seen_at   INTEGER NOT NULL  -- when
) WITHOUT ROWID;

-- Which operation of which transaction serves which job. Rows stay when a job is signed anew.
CREATE TABLE operations (
    txn      INTEGER NOT NULL REFERENCES transactions (number),  -- the transaction
    position INTEGER NOT NULL,  -- of the operation in its transaction, from 0
    job      INTEGER NOT NULL REFERENCES jobs (number),  -- the job that it serves
    fee      INTEGER NOT NULL,  -- satoshi
    PRIMARY KEY (txn, position)
) WITHOUT ROWID;
CREATE INDEX operations_by_job ON operations (job);

-- Transactions with the numbers of the jobs that they serve, as a JSON list in the order of their operations.
CREATE VIEW signed_transactions AS
SELECT transactions.*,
       (SELECT json_group_array(job) FROM (SELECT job FROM operations WHERE txn = transactions.number
                                           ORDER BY position)) AS jobs
FROM transactions;

-- Every name on the chain, as far as it was read.
CREATE TABLE names (
    name       TEXT PRIMARY KEY,  -- of an account, by anyone
    account_id TEXT NOT NULL,  -- 1.2.x
    block_num  INTEGER,          -- the block that it was first seen in; null: read from the list of accounts
    listed_by  TEXT,             -- the only stranger that ever showed it, by URL; null: an own node or two nodes did;
                                 -- empty: nobody that still counts
    keys       TEXT              -- digests of its owner, active and memo key as a block showed them; null: not known,
                                 -- changed since, or somebody else may sign for it too
) WITHOUT ROWID;
CREATE INDEX names_by_block ON names (block_num) WHERE block_num IS NOT NULL;
CREATE INDEX names_by_account ON names (account_id);

-- What dry runs ask of the chain's owner: whom a registration would name as referrer now. Nothing of who asked.
CREATE TABLE referrer_questions (
    asked       TEXT PRIMARY KEY,  -- the account's name; empty: of a signup that names none
    asked_at    INTEGER NOT NULL,  -- when
    answer      TEXT,              -- JSON: jobs.model.ReferrerAnswer; null: not answered yet
    answered_at INTEGER            -- when
) WITHOUT ROWID;
CREATE INDEX referrer_questions_open ON referrer_questions (asked) WHERE answer IS NULL;

-- Blocks followed that may still be orphaned, and the last few that may not.
CREATE TABLE blocks (
    number INTEGER PRIMARY KEY,  -- of the block
    id     TEXT NOT NULL  -- as it was when it was followed: another one means a fork
);

-- How many signups of whom were accepted, only as long as a limit needs it. Backups have nothing of it.
CREATE TABLE quotas (
    subject TEXT PRIMARY KEY,  -- keyed hash of what is counted, such as a network of clients
    spent   INTEGER NOT NULL,  -- signups accepted in the interval that runs
    until   INTEGER NOT NULL,  -- when it ends; it began with the first of them
    CONSTRAINT quotas_spent_known CHECK (spent >= 0)
) WITHOUT ROWID;
CREATE INDEX quotas_by_end ON quotas (until);

-- Keys of the hashes in quotas: a new one each week.
CREATE TABLE quota_keys (
    generation INTEGER PRIMARY KEY,  -- week since 1970
    key        TEXT NOT NULL,  -- random
    until      INTEGER NOT NULL  -- when neither interval nor challenge needs it anymore
);

-- What a signup spent, to be given back if it fails.
CREATE TABLE quota_uses (
    job      INTEGER PRIMARY KEY REFERENCES jobs (number),  -- the signup
    subjects TEXT NOT NULL,  -- JSON: each quota, and when its interval ends
    until    INTEGER NOT NULL  -- when the last of them ends
);
CREATE INDEX quota_uses_by_end ON quota_uses (until);

-- What stands still, and why.
CREATE TABLE pauses (
    part   TEXT PRIMARY KEY,     -- intake: new signups are refused; drain: nothing new is sent
    reason TEXT NOT NULL,  -- for people
    by     TEXT NOT NULL,        -- who paused it
    since  INTEGER NOT NULL,  -- when it began
    automatic INTEGER NOT NULL DEFAULT 0,  -- 1: the faucet paused by itself, and resumes by itself
    CONSTRAINT pauses_part_known CHECK (part IN ('intake', 'drain'))
) WITHOUT ROWID;

-- What the chain's owner last saw, for the processes that serve HTTP. And for comparisons with the chain: first_contact,
-- the last irreversible block when the ledger met it; restored_from, the last block followed in the backup that this
-- ledger is, and restored_at, the head when it was served from first; foreign_operations, how many of the registrar's
-- operations are in no transaction of this ledger.
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,  -- a field of jobs.model.chain.ChainStatus; names_cursor, names_node: how far the list of names was
                                 -- read, and from which node; checked_at: when it was tried to write
    value TEXT NOT NULL          -- JSON
) WITHOUT ROWID;

-- Jobs by state, kept by the triggers below: counting ten million rows takes too long for a page.
CREATE TABLE job_counts (
    state TEXT PRIMARY KEY,  -- of jobs
    jobs  INTEGER NOT NULL  -- how many stand in it
) WITHOUT ROWID;
INSERT INTO job_counts (state, jobs) VALUES
    ('queued', 0), ('broadcast', 0), ('registered', 0), ('funding', 0),
    ('funded', 0), ('done', 0), ('failed', 0), ('cancelled', 0);
CREATE TRIGGER jobs_count_new AFTER INSERT ON jobs BEGIN
    UPDATE job_counts SET jobs = jobs + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER jobs_count_moved AFTER UPDATE OF state ON jobs WHEN OLD.state <> NEW.state BEGIN
    UPDATE job_counts SET jobs = jobs - 1 WHERE state = OLD.state;
    UPDATE job_counts SET jobs = jobs + 1 WHERE state = NEW.state;
END;

-- How often each was used: its jobs, but those that failed or were cancelled.
CREATE TABLE invitation_uses (
    invitation INTEGER PRIMARY KEY REFERENCES invitations (number),  -- which
    used       INTEGER NOT NULL  -- accounts
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
    what   TEXT    NOT NULL,  -- login, end sessions, retry, cancel, fail, release, waive, forget, refollow, pause,
                             -- resume, export, invite, revoke invitation, create API key or revoke API key
    target TEXT    NOT NULL,  -- id of the job, or the part that was paused; empty where there is none
    why    TEXT    NOT NULL   -- the reason given; empty where none was
);
CREATE INDEX audit_by_target ON audit (target, number);

-- Operators who are logged in. Backups leave them out.
CREATE TABLE sessions (
    hash       TEXT PRIMARY KEY,  -- SHA-256 of the random id in the cookie, in hex: no session can be used from here
    who        TEXT    NOT NULL,  -- the name given at the login
    key_id     TEXT    NOT NULL,  -- which key was in force then: another password or secret_key ends the session
    created_at INTEGER NOT NULL,  -- when the login was
    used_at    INTEGER NOT NULL  -- when it was last used, to within a minute
) WITHOUT ROWID;

-- Failed logins of the last minutes, whose number is limited. Backups leave them out.
CREATE TABLE login_failures (
    client      TEXT PRIMARY KEY,  -- whose they are: an address (of IPv6, the /64), this machine or everybody
    forgiven_at INTEGER NOT NULL  -- when the last of them is forgiven; one is after the other, in equal intervals
) WITHOUT ROWID;

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

-- A line a job, newest first, times readable, no keys.
CREATE VIEW job_report AS
SELECT jobs.id, jobs.name, jobs.state, jobs.account_id, transactions.id AS transaction_id, jobs.block_num,
       jobs.initial_balance, jobs.attempts, jobs.code, jobs.reason,
       strftime('%Y-%m-%d %H:%M:%S', jobs.created_at / 1000, 'unixepoch') AS created,
       strftime('%Y-%m-%d %H:%M:%S', jobs.updated_at / 1000, 'unixepoch') AS updated
FROM jobs LEFT JOIN transactions ON transactions.number = jobs.registration
ORDER BY jobs.number DESC;

-- What waits for a drain, oldest first, with its age in seconds.
CREATE VIEW queue AS
SELECT id, name, attempts,
       CAST(strftime('%s', 'now') AS INTEGER) - created_at / 1000 AS age,
       strftime('%Y-%m-%d %H:%M:%S', created_at / 1000, 'unixepoch') AS created
FROM jobs WHERE state = 'queued'
ORDER BY number;

-- Jobs that moved since midnight UTC, by how they stand: a failure's code, else the state.
CREATE VIEW today AS
SELECT coalesce(code, state) AS outcome, count(*) AS jobs
FROM jobs
WHERE updated_at >= CAST(strftime('%s', 'now', 'start of day') AS INTEGER) * 1000
GROUP BY outcome
ORDER BY jobs DESC;
