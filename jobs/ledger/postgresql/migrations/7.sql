-- Version 6 to 7: the condition of the index of live names, as SQLite has it.

DROP INDEX jobs_one_live_a_name;
CREATE UNIQUE INDEX jobs_one_live_a_name ON jobs (name) WHERE code IS NULL;
