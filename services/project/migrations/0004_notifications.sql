-- Notifications, what they are made from, and who wants which.

-- Who watches a task: its comments are told to them.
CREATE TABLE watchers (
    org_id     uuid NOT NULL,
    task_id    uuid NOT NULL,
    user_id    uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (org_id, task_id, user_id),
    CONSTRAINT watchers_task_fkey FOREIGN KEY (org_id, task_id) REFERENCES tasks (org_id, id) ON DELETE CASCADE
);
-- Whoever leaves an organization watches nothing of it any more.
CREATE INDEX watchers_of_user ON watchers (org_id, user_id);
-- As its siblings have it.
CREATE POLICY one_organization ON watchers USING (coalesce(
    org_id = (SELECT nullif(current_setting('trellis.org', true), '')::uuid),
    current_setting('trellis.org', true) IS NULL));
ALTER TABLE watchers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- Events that notifications are yet to be made from, in the transaction of the event; the worker's queue. It takes rows
-- of all organizations at once and holds no content, so that there is no wall; the organization is named to read the
-- content from behind it. Rows commit out of order: read what is there, never past a cursor.
CREATE TABLE undigested (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id uuid NOT NULL,
    scope           uuid NOT NULL,
    seq             bigint NOT NULL,
    queued_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Not before; moved on by each try that failed, so that others get their turn.
    due_at          timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000); -- rows live for milliseconds

-- What its user should see. A notification belongs to its user, whose list goes across organizations, so it is no row of
-- a tenant: `organization_id` (and not `org_id`) is what it is about, and by which it is forgotten. Statements are by
-- `user_id`, which comes from the token itself. A wall here would be one with a door beside it: what a notification says
-- is in the event log as well, which is read by scope.
CREATE TABLE notifications (
    user_id           uuid NOT NULL,
    id                uuid NOT NULL,
    -- The number of `notification.created` in the order of the user: the order of the list.
    seq               bigint NOT NULL,
    -- What it was made from: an event of this service, or one of org's feed.
    event_id          uuid NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('ASSIGNED', 'MENTIONED', 'COMMENTED', 'ADDED', 'ROLE_CHANGED')),
    -- Who did it.
    actor_id          uuid,
    -- Names are as they were then.
    organization_id   uuid NOT NULL,
    organization_slug text NOT NULL,
    organization_name text NOT NULL,
    task              uuid,
    -- "WEB-1"
    task_id           text,
    task_title        text,
    comment_id        uuid,
    excerpt           text NOT NULL DEFAULT '',
    role              text,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    read_at           timestamptz,
    PRIMARY KEY (user_id, id),
    -- Once per event and user, whoever derives it, and however often.
    CONSTRAINT notifications_once UNIQUE (event_id, user_id),
    CHECK ((task IS NULL) = (task_id IS NULL) AND (task IS NULL) = (task_title IS NULL))
) WITH (fillfactor = 85);
-- And once per comment and user: an edit tells only those whom the comment has not told yet.
CREATE UNIQUE INDEX notifications_once_a_comment ON notifications (comment_id, user_id) WHERE comment_id IS NOT NULL;
CREATE UNIQUE INDEX notifications_newest ON notifications (user_id, seq);
CREATE INDEX notifications_unread ON notifications (user_id, seq) WHERE read_at IS NULL;
CREATE INDEX notifications_about ON notifications (organization_id, user_id);
CREATE INDEX notifications_oldest ON notifications (created_at);

-- What a user does not want to be told; without a row everything.
CREATE TABLE notification_preferences (
    user_id      uuid PRIMARY KEY,
    assigned     boolean NOT NULL DEFAULT true,
    mentioned    boolean NOT NULL DEFAULT true,
    commented    boolean NOT NULL DEFAULT true,
    added        boolean NOT NULL DEFAULT true,
    role_changed boolean NOT NULL DEFAULT true
);

-- The last change of org's feed that took memberships away: what is told to members stands while there is no newer one.
ALTER TABLE org_feed ADD COLUMN removed bigint NOT NULL DEFAULT 0;

-- Closed organizations whose rows are yet to be removed: that may take long, and nothing may wait for it. Names of nobody's
-- rows, so that there is no wall.
CREATE TABLE leavings (
    organization_id uuid PRIMARY KEY
);

-- Who has commented on a task, from one author to the next.
CREATE INDEX comments_by_author ON comments (org_id, task_id, author_id, created_at);

-- Which users were told of an organization that is deleted, be it that the notifications themselves are gone by now.
CREATE INDEX event_log_notifications ON event_log (subject_id) WHERE kind = 'notification.created';
