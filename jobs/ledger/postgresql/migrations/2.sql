-- Version 1 to 2: ledgers that are moved.

ALTER TABLE ledger ADD COLUMN moved_to TEXT;
ALTER TABLE ledger ADD COLUMN moving_from TEXT;
