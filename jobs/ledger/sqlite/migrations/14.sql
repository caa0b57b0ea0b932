-- Version 13 to 14: the index of live names is not written anew at each move of a job.

DROP INDEX jobs_one_live_a_name;
CREATE UNIQUE INDEX jobs_one_live_a_name ON jobs (name) WHERE code IS NULL;
