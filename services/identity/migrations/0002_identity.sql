-- Users, sessions, refresh tokens, signing keys.

-- Every ended session, in one order (`trellis_proto::subject::SESSIONS`).
INSERT INTO scopes (id) VALUES ('73657373-696f-6e73-0000-000000000001');

-- How e-mails are compared. The collation makes it the same in every database, whatever its locale is: with `C`, lower()
-- knows ASCII alone.
CREATE FUNCTION fold(text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN lower($1 COLLATE "und-x-icu");

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    -- As it was typed, trimmed; the login name, whatever its case.
    email         text NOT NULL,
    name          text NOT NULL,
    -- PHC string of argon2id.
    password_hash text NOT NULL,
    created_at    timestamptz NOT NULL,
    -- Set while the user registers with an organization that has not yet answered: the e-mail is taken, but nobody
    -- can log in. The sweeper finishes or deletes what a crash left so.
    pending_since timestamptz
);
CREATE UNIQUE INDEX users_email ON users (fold(email));
CREATE INDEX users_pending_since ON users (pending_since) WHERE pending_since IS NOT NULL;

-- One login of one user, with its chain of refresh tokens. Its row lock orders everything that happens to the chain.
CREATE TABLE sessions (
    id                uuid PRIMARY KEY,
    user_id           uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_agent        text NOT NULL,
    ip                text NOT NULL,
    created_at        timestamptz NOT NULL,
    last_used_at      timestamptz NOT NULL,
    -- However much it is used.
    expires_at        timestamptz NOT NULL,
    -- When its last access token expires: that long an ended session must be remembered.
    access_expires_at timestamptz NOT NULL,
    revoked_at        timestamptz,
    -- The number of the event that ended it.
    revoked_seq       bigint,
    CHECK ((revoked_at IS NULL) = (revoked_seq IS NULL))
);
CREATE INDEX sessions_user_id ON sessions (user_id, created_at);
CREATE INDEX sessions_revoked_seq ON sessions (revoked_seq) WHERE revoked_seq IS NOT NULL;
-- For forgetting what is over.
CREATE INDEX sessions_last_used_at ON sessions (last_used_at);

-- Only hashes: whoever reads this table cannot use a token.
CREATE TABLE refresh_tokens (
    -- SHA-256.
    hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    -- When it was exchanged for its successor, which can be computed from it.
    spent_at   timestamptz
);
CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);

-- Ed25519 keys that sign access tokens, shared by all replicas.
CREATE TABLE signing_keys (
    kid        text PRIMARY KEY,
    seed       bytea NOT NULL CHECK (octet_length(seed) = 32),
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    created_at timestamptz NOT NULL,
    -- Published from the start, used from here on, so that every verifier has heard of it before.
    not_before timestamptz NOT NULL,
    -- No longer published from here on; later than the last token that it signed.
    retired_at timestamptz
);
