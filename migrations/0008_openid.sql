-- Who signs in to the console as a management key, by an identity provider.
ALTER TABLE management_key ADD COLUMN signs_in_as TEXT;
CREATE UNIQUE INDEX management_key_by_identity ON management_key (signs_in_as);
