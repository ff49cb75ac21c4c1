-- An operator in the console, let in by a management key and gone with it.
CREATE TABLE console_session (
    id TEXT PRIMARY KEY,
    management_key_id TEXT NOT NULL REFERENCES management_key (id) ON DELETE CASCADE,
    digest TEXT NOT NULL UNIQUE,
    source_ip TEXT,
    user_agent TEXT,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    confirmed_at BIGINT NOT NULL
);
CREATE INDEX console_session_by_management_key ON console_session (management_key_id);
CREATE INDEX console_session_by_time ON console_session (created_at);
