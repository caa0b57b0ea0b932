-- Version 4 to 5: the owner of the chain, its lease and its epoch.

CREATE TABLE ledger (
    epoch   INTEGER NOT NULL,  -- number of the last owner: it grows with each, and each write of the owner carries it
    owner   TEXT,              -- name of the owner's machine, for people; null: nobody owns the chain
    process TEXT,              -- which process that is, for others on that machine
    until   INTEGER NOT NULL,  -- when the lease ends, unless it is renewed; 0: there was no owner yet
    CONSTRAINT ledger_owner_is_a_process CHECK ((owner IS NULL) = (process IS NULL))
);
CREATE UNIQUE INDEX ledger_one_row ON ledger ((1));
INSERT INTO ledger (epoch, owner, process, until) VALUES (0, NULL, NULL, 0);
