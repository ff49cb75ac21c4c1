-- How many tokens an application, or a whole organization, may obtain.

-- One row for each that has, or once had, a limit; its id is the application's or the organization's.
CREATE TABLE token_quota (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    application_id TEXT REFERENCES application (id) ON DELETE CASCADE,
    per_hour BIGINT,
    per_day BIGINT,
    enforce BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX token_quota_by_organization ON token_quota (organization_id);
CREATE INDEX token_quota_by_application ON token_quota (application_id);

-- The tokens obtained while there was a limit.
CREATE TABLE token_quota_hour (
    quota_id TEXT NOT NULL REFERENCES token_quota (id) ON DELETE CASCADE,
    hour BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    PRIMARY KEY (quota_id, hour)
);
CREATE INDEX token_quota_hour_by_hour ON token_quota_hour (hour);
