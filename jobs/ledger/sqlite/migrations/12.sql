-- Version 11 to 12: personal data are erased after a while.

CREATE INDEX jobs_personal ON jobs (created_at)
WHERE email IS NOT NULL OR real_name IS NOT NULL OR refcode IS NOT NULL;
