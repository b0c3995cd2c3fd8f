-- Organizations, their members and invitations.

-- One scope numbers every change of a membership or an organization, so that followers need one number. Its row is
-- also the first lock of every such write: what is checked behind it (last ADMIN, first member, taken names) stays true.
INSERT INTO scopes (id) VALUES ('6d656d62-6572-7300-0000-000000000001');

-- How names and e-mails are compared. The collation makes it the same in every database, whatever its locale is.
CREATE FUNCTION fold(text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN lower($1 COLLATE "und-x-icu");

CREATE TABLE organizations (
    org_id        uuid PRIMARY KEY,
    name          text NOT NULL,
    -- Lower case, so that the plain unique index below is case-insensitive.
    slug          text NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    contact_email text NOT NULL,
    join_policy   text NOT NULL CHECK (join_policy IN ('OPEN', 'INVITE_ONLY')),
    version       bigint NOT NULL DEFAULT 1,
    -- The time of the statement, not of the transaction, which may have waited: lists are paged by it.
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX organizations_slug ON organizations (slug);
CREATE UNIQUE INDEX organizations_name ON organizations (fold(name));
CREATE UNIQUE INDEX organizations_contact_email ON organizations (fold(contact_email));
-- The directory, in its order.
CREATE INDEX organizations_open ON organizations (created_at, org_id) WHERE join_policy = 'OPEN';

CREATE TABLE members (
    org_id    uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    user_id   uuid NOT NULL,
    role      text NOT NULL CHECK (role IN ('ADMIN', 'MEMBER')),
    joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (org_id, user_id)
);
-- Where a user is a member; answers the check of access without the table.
CREATE INDEX members_user ON members (user_id, org_id) INCLUDE (role);
-- The list. `user_id`, its second sort key, stays out: with it the planner takes this index to look one member up, and
-- reads the whole organization.
CREATE INDEX members_joined ON members (org_id, joined_at) INCLUDE (user_id, role);
-- For the rule of the last ADMIN.
CREATE INDEX members_admins ON members (org_id) WHERE role = 'ADMIN';

CREATE TABLE invitations (
    org_id      uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id          uuid NOT NULL,
    email       text NOT NULL,
    role        text NOT NULL CHECK (role IN ('ADMIN', 'MEMBER')),
    -- No foreign key: who invited may have left since.
    invited_by  uuid NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL,
    -- Used, revoked, or expired and replaced by a new one.
    closed_at   timestamptz,
    accepted_by uuid,
    PRIMARY KEY (org_id, id),
    CHECK (accepted_by IS NULL OR closed_at IS NOT NULL)
);
-- A token carries the id alone.
CREATE UNIQUE INDEX invitations_id ON invitations (id);
CREATE UNIQUE INDEX invitations_open_email ON invitations (org_id, fold(email)) WHERE closed_at IS NULL;
CREATE INDEX invitations_open ON invitations (org_id, created_at) WHERE closed_at IS NULL;
