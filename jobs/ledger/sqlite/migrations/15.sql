-- Version 14 to 15: queries for some of the jobs in a state do not read all that are in it.

DROP INDEX jobs_failed;
DROP INDEX jobs_claimed;
DROP INDEX jobs_owed;
CREATE INDEX jobs_failed ON jobs (state, updated_at) WHERE state = 'failed';
CREATE INDEX jobs_claimed ON jobs (state, block_num)
WHERE state IN ('registered', 'funding', 'funded') AND registration IS NULL AND irreversible = FALSE;
CREATE INDEX jobs_owed ON jobs (state, number)
WHERE state IN ('queued', 'broadcast', 'registered') AND initial_balance IS NOT NULL AND funding IS NULL;
