-- Who did what to an organization's settings, members and invitations.

CREATE TABLE audit (
    org_id      uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    -- UUIDv7 of the application; tells entries of one moment apart, in their order.
    id          uuid NOT NULL,
    action      text NOT NULL,
    -- No foreign keys: people may have left since. Null where nobody was signed in.
    actor_id    uuid,
    -- To whom it was done, where to a user.
    user_id     uuid,
    -- The invited address, of what is about an invitation.
    email       text,
    -- [{"field", "from", "to"}, …]
    changes     jsonb NOT NULL DEFAULT '[]',
    -- From where it was asked, where that is known.
    ip          inet,
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (org_id, id)
);
-- The list, read backward: newest first.
CREATE INDEX audit_newest ON audit (org_id, occurred_at, id);

-- Entries are only ever added; they go with their organization alone. A trigger and not rights, since migrations do not
-- know the role that runs, and so that it holds for the owner too. The deletion that follows an organization's comes
-- from a trigger itself.
CREATE FUNCTION audit_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'entries of the audit log are never changed' USING ERRCODE = 'insufficient_privilege'; END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION audit_is_append_only();
