-- Version 7 to 8: the index of failed jobs, as SQLite has it.

DROP INDEX jobs_failed;
CREATE INDEX jobs_failed ON jobs (state, updated_at) WHERE state = 'failed';
