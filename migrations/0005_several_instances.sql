-- Several instances on one store.

-- The last heartbeat any of them wrote: what is published as of a moment is preceded by a write that was committed then.
ALTER TABLE head ADD COLUMN beat_at BIGINT NOT NULL DEFAULT 0;

-- Which instance is sending to an endpoint, and until when no other does.
ALTER TABLE webhook_endpoint ADD COLUMN claimed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE webhook_endpoint ADD COLUMN claimed_until BIGINT NOT NULL DEFAULT 0;

-- Where the installation was moved to; it is not to be started from here any more.
ALTER TABLE head ADD COLUMN moved_to TEXT;
