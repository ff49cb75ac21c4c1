-- One schema for both databases: TEXT and BIGINT, ids as sortable text, times as milliseconds since the epoch.

-- The head of the chain. Whoever changes anything updates this row first, so changes have one order, without gaps.
CREATE TABLE head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    rev BIGINT NOT NULL,
    event_hash TEXT NOT NULL,
    next_status_index BIGINT NOT NULL
);
INSERT INTO head (id, rev, event_hash, next_status_index)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', 1);

-- What the master key seals beside the signing keys: the canary that tells a wrong master key, and the pepper.
CREATE TABLE sealed_value (
    name TEXT PRIMARY KEY,
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE signing_key (
    kid TEXT PRIMARY KEY,
    alg TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('published', 'active', 'retiring', 'removed', 'compromised')),
    public_jwk TEXT NOT NULL,
    sealed_private TEXT,
    published_at BIGINT NOT NULL,
    activates_at BIGINT NOT NULL,
    activated_at BIGINT,
    retired_at BIGINT,
    removes_at BIGINT
);
CREATE UNIQUE INDEX signing_key_one_active ON signing_key (alg) WHERE state = 'active';

CREATE TABLE organization (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    external_id TEXT UNIQUE,
    metadata TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    principal_id TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE management_key (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    key_hint TEXT NOT NULL,
    permissions TEXT NOT NULL,
    organization_id TEXT REFERENCES organization (id) ON DELETE CASCADE,
    last_used_at BIGINT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE resource_server (
    id TEXT PRIMARY KEY,
    identifier TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    signing_alg TEXT NOT NULL,
    signing_alg_before TEXT,
    activates_at BIGINT,
    token_typ TEXT NOT NULL,
    access_token_ttl BIGINT,
    claims TEXT NOT NULL,
    is_default BIGINT NOT NULL CHECK (is_default IN (0, 1)),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX resource_server_one_default ON resource_server (is_default) WHERE is_default = 1;

CREATE TABLE permission (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    resource_server TEXT REFERENCES resource_server (identifier),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE application (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL UNIQUE,
    organization_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT,
    scope TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    access_token_ttl BIGINT,
    resources TEXT,
    auth_methods TEXT NOT NULL,
    last_used_at BIGINT,
    last_used_ip TEXT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX application_by_organization ON application (organization_id, id);

-- status_index: the number of this (secret, generation), never given out twice.
CREATE TABLE client_secret (
    id TEXT PRIMARY KEY,
    application_id TEXT NOT NULL REFERENCES application (id) ON DELETE CASCADE,
    organization_id TEXT NOT NULL,
    name TEXT,
    digest TEXT NOT NULL,
    secret_hint TEXT NOT NULL,
    generation BIGINT NOT NULL,
    status_index BIGINT NOT NULL UNIQUE,
    expires_at BIGINT,
    successor_id TEXT,
    overlap_ms BIGINT,
    retires_at BIGINT,
    activated_at BIGINT,
    last_used_at BIGINT,
    last_used_ip TEXT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX client_secret_by_application ON client_secret (application_id, id);
CREATE INDEX client_secret_by_organization ON client_secret (organization_id, id);

-- Single tokens revoked before their time (RFC 7009), until they would have expired.
CREATE TABLE revoked_token (
    jti TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE TABLE event (
    rev BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    event TEXT NOT NULL,
    organization_id TEXT,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    data TEXT NOT NULL,
    before_data TEXT,
    actor_id TEXT NOT NULL,
    actor_source TEXT NOT NULL,
    actor_name TEXT,
    request_id TEXT,
    source_ip TEXT,
    created_at BIGINT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX event_by_organization ON event (organization_id, id);

-- An answer kept for a retry: sealed under a key derived from the Idempotency-Key itself, of which only a hash is here.
CREATE TABLE idempotent_answer (
    key_hash TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    sealed TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX idempotent_answer_by_expiry ON idempotent_answer (expires_at);

CREATE TABLE usage_hour (
    secret_id TEXT NOT NULL,
    application_id TEXT NOT NULL REFERENCES application (id) ON DELETE CASCADE,
    hour BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    PRIMARY KEY (application_id, secret_id, hour)
);

-- Batches of counts that have been written, so that one whose answer was lost is not counted twice.
CREATE TABLE usage_batch (
    id TEXT PRIMARY KEY,
    written_at BIGINT NOT NULL
);
