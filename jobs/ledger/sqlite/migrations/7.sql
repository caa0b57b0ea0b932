-- Version 6 to 7: what statements needed SQLite's own words for.

CREATE INDEX jobs_claimed ON jobs (block_num)
WHERE state IN ('registered', 'funding', 'funded') AND registration IS NULL AND irreversible = FALSE;
CREATE INDEX jobs_owed ON jobs (number)
WHERE state IN ('queued', 'broadcast', 'registered') AND initial_balance IS NOT NULL AND funding IS NULL;

CREATE VIEW signed_transactions AS
SELECT transactions.*,
       (SELECT json_group_array(job) FROM (SELECT job FROM operations WHERE txn = transactions.number
                                           ORDER BY position)) AS jobs
FROM transactions;
