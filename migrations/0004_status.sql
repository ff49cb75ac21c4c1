-- Revocations as verifiers are told of them: status indexes and single tokens, each at its place in the chain, until nothing can carry them.

-- Drawn when the database is founded, and anew when it was restored: a verifier must not take an older chain for its own.
ALTER TABLE head ADD COLUMN status_epoch TEXT;
-- The longest lifetime a token may ever have had, with what a cut-off issuer's lease and the clocks' difference add to it.
ALTER TABLE head ADD COLUMN revocation_kept_ms BIGINT NOT NULL DEFAULT 3720000;
-- The longest that a verifier may have been told to bear silence, milliseconds.
ALTER TABLE head ADD COLUMN max_staleness_ms BIGINT NOT NULL DEFAULT 0;
-- Until when tokens may live whose resource server, as it was registered then, follows no revocations.
ALTER TABLE head ADD COLUMN unenforced_until BIGINT NOT NULL DEFAULT 0;

CREATE TABLE revocation (
    status_index BIGINT PRIMARY KEY,
    rev BIGINT NOT NULL,
    kept_until BIGINT NOT NULL
);
CREATE INDEX revocation_by_rev ON revocation (rev);
CREATE INDEX revocation_by_time ON revocation (kept_until);

ALTER TABLE revoked_token ADD COLUMN rev BIGINT NOT NULL DEFAULT 0;
ALTER TABLE revoked_token ADD COLUMN cred TEXT NOT NULL DEFAULT '';
CREATE INDEX revoked_token_by_cred ON revoked_token (cred);
CREATE INDEX revoked_token_by_rev ON revoked_token (rev);

-- Keys that sign frames and lists are a set of their own: they can mint no token.
ALTER TABLE signing_key ADD COLUMN purpose TEXT NOT NULL DEFAULT 'access_token' CHECK (purpose IN ('access_token', 'status'));
DROP INDEX signing_key_one_active;
CREATE UNIQUE INDEX signing_key_one_active ON signing_key (purpose, alg) WHERE state = 'active';

ALTER TABLE resource_server ADD COLUMN status_enforcing BIGINT NOT NULL DEFAULT 0 CHECK (status_enforcing IN (0, 1));
