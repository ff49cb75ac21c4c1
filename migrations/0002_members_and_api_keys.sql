-- Users and their memberships, API keys, settings, presets, webhook endpoints.

-- Who a person is comes from the embedding product; this is what keys and memberships refer to.
CREATE TABLE "user" (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    email_verified BIGINT NOT NULL CHECK (email_verified IN (0, 1)),
    first_name TEXT,
    last_name TEXT,
    name TEXT,
    locale TEXT,
    external_id TEXT UNIQUE,
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE organization_membership (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    organization_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('admin', 'member')),
    status TEXT NOT NULL CHECK (status IN ('active', 'inactive')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (user_id, organization_id)
);
CREATE INDEX organization_membership_by_organization ON organization_membership (organization_id, id);

-- user_id is null for the organization's own keys. It refers to nobody once the user is deleted: the row stays, revoked.
CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    user_id TEXT,
    name TEXT NOT NULL,
    description TEXT,
    digest TEXT NOT NULL UNIQUE,
    obfuscated_value TEXT NOT NULL,
    permissions TEXT NOT NULL,
    generation BIGINT NOT NULL,
    status_index BIGINT NOT NULL UNIQUE,
    expires_at BIGINT,
    successor_id TEXT,
    overlap_ms BIGINT,
    retires_at BIGINT,
    revoked_at BIGINT,
    activated_at BIGINT,
    last_used_at BIGINT,
    last_used_ip TEXT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX api_key_by_organization ON api_key (organization_id, id);
CREATE INDEX api_key_by_user ON api_key (user_id, id);
CREATE INDEX api_key_by_successor ON api_key (successor_id);

CREATE TABLE api_key_usage_hour (
    api_key_id TEXT NOT NULL REFERENCES api_key (id) ON DELETE CASCADE,
    hour BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    PRIMARY KEY (api_key_id, hour)
);

-- One row for the installation (its organization_id is null) and one for each organization that differs from it; null inherits.
CREATE TABLE settings (
    id TEXT PRIMARY KEY,
    organization_id TEXT UNIQUE REFERENCES organization (id) ON DELETE CASCADE,
    api_keys_enabled BIGINT,
    applications_enabled BIGINT,
    api_key_prefix TEXT,
    require_permissions BIGINT,
    default_expiry_days BIGINT,
    max_expiry_days BIGINT,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

ALTER TABLE permission ADD COLUMN grantable_to TEXT NOT NULL DEFAULT 'api_key_organization api_key_user m2m';

CREATE TABLE permission_preset (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    permissions TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- The management key through which a user acted; null where no user did.
ALTER TABLE event ADD COLUMN actor_via TEXT;

-- Events are listed in the order of the chain.
DROP INDEX event_by_organization;
CREATE INDEX event_by_organization ON event (organization_id, rev);

-- position: the last event of the chain that is done with. The chain itself is the outbox.
CREATE TABLE webhook_endpoint (
    id TEXT PRIMARY KEY,
    organization_id TEXT REFERENCES organization (id) ON DELETE CASCADE,
    endpoint_url TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('enabled', 'disabled')),
    events TEXT NOT NULL,
    sealed_secret TEXT NOT NULL,
    secret_hint TEXT NOT NULL,
    position BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- The delivery log: one row for every attempt.
CREATE TABLE webhook_delivery (
    id TEXT PRIMARY KEY,
    webhook_endpoint_id TEXT NOT NULL REFERENCES webhook_endpoint (id) ON DELETE CASCADE,
    event_id TEXT NOT NULL,
    event TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('delivered', 'failed', 'given_up')),
    response_status BIGINT,
    error TEXT,
    duration_ms BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX webhook_delivery_by_endpoint ON webhook_delivery (webhook_endpoint_id, id);
CREATE INDEX webhook_delivery_by_time ON webhook_delivery (created_at);

-- What is forgotten after its time is found by its time.
CREATE INDEX usage_hour_by_hour ON usage_hour (hour);
CREATE INDEX api_key_usage_hour_by_hour ON api_key_usage_hour (hour);
CREATE INDEX usage_batch_by_time ON usage_batch (written_at);
