-- Version 8 to 9: ledgers that are moved.

ALTER TABLE ledger ADD COLUMN moved_to TEXT;
ALTER TABLE ledger ADD COLUMN moving_from TEXT;
