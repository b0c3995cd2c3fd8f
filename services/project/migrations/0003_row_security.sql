-- The second wall between organizations: a transaction says whose rows it may touch (`trellis.org`), and rows of others
-- are not there for it, whatever its statements say. The first wall stays: every statement is by `org_id`.
--
-- The setting is
--   an id     in transactions of that organization, to their end;
--   empty     outside of them, as every connection of the service begins: no row is there;
--   not set   in processes of versions before this one, which go on while others are upgraded, and for the owner at a
--             prompt: every row is there.
-- FORCE: for the table's owner, too, where the service runs as that role. Foreign keys are checked past all policies.
--
-- The sub-select is read once per statement, not once per row.
--
-- Tables without `org_id` stay open: the event log and its bookkeeping are read by scope, an id that only the check of
-- access gives away; org_feed is one row.

-- In the order in which writes lock them, so that a write that is under way is waited for and not deadlocked with.
DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY
        ARRAY['tenants', 'projects', 'tasks', 'comments', 'activity', 'deleted_projects', 'deleted_tasks']
    LOOP
        EXECUTE format(
            'CREATE POLICY one_organization ON %I USING (coalesce(
                 org_id = (SELECT nullif(current_setting(''trellis.org'', true), '''')::uuid),
                 current_setting(''trellis.org'', true) IS NULL))',
            walled);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', walled);
    END LOOP;
END
$$;

-- Names of deleted things are swept for all organizations at once, when nobody can follow them any more: a transaction
-- that says so (`trellis.sweep`) may see and delete rows of these two tables, no others, and write none.
CREATE POLICY sweep_sees ON deleted_projects FOR SELECT
    USING ((SELECT current_setting('trellis.sweep', true) = 'on'));
CREATE POLICY sweep_deletes ON deleted_projects FOR DELETE
    USING ((SELECT current_setting('trellis.sweep', true) = 'on'));
CREATE POLICY sweep_sees ON deleted_tasks FOR SELECT
    USING ((SELECT current_setting('trellis.sweep', true) = 'on'));
CREATE POLICY sweep_deletes ON deleted_tasks FOR DELETE
    USING ((SELECT current_setting('trellis.sweep', true) = 'on'));
