-- A customer's own admin in the portal: first a link, which opens once, then the session it opened.
CREATE TABLE portal_session (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    management_key_id TEXT NOT NULL REFERENCES management_key (id) ON DELETE CASCADE,
    user_id TEXT REFERENCES "user" (id) ON DELETE CASCADE,
    capabilities TEXT NOT NULL,
    return_url TEXT,
    link_digest TEXT UNIQUE,
    session_digest TEXT UNIQUE,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX portal_session_by_organization ON portal_session (organization_id, id);
CREATE INDEX portal_session_by_expiry ON portal_session (expires_at);
