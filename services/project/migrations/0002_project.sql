-- Projects, tasks, comments and what became of them. A project's row in `scopes` has the project's id: its lock is
-- the first of every write to the project, so that numbers, counters and events keep one order.

CREATE TABLE tenants (
    -- One row per organization that ever had a project here. Whoever chooses a slug or key locks it first, so that
    -- two who derive one at the same time take different ones.
    org_id     uuid PRIMARY KEY,
    -- Set when the organization is deleted: a project that was under way at that moment is refused.
    deleted_at timestamptz
);

CREATE TABLE projects (
    org_id               uuid NOT NULL REFERENCES tenants (org_id),
    id                   uuid NOT NULL,
    name                 text NOT NULL,
    slug                 text COLLATE "C" NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 50),
    key                  text COLLATE "C" NOT NULL CHECK (key ~ '^[A-Z][A-Z0-9]{0,9}$'),
    description          text NOT NULL,
    status               text NOT NULL CHECK (status IN ('ACTIVE', 'COMPLETED', 'ON_HOLD')),
    due_date             date,
    -- The number of the last task that was ever made; never goes back.
    last_number          bigint NOT NULL DEFAULT 0,
    task_count           bigint NOT NULL DEFAULT 0 CHECK (task_count >= 0),
    completed_task_count bigint NOT NULL DEFAULT 0 CHECK (completed_task_count BETWEEN 0 AND task_count),
    created_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    version              bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org_id, id),
    CONSTRAINT projects_slug_key UNIQUE (org_id, slug),
    CONSTRAINT projects_key_key UNIQUE (org_id, key)
-- Each task rewrites its project's counters: room for that on the same page spares the indexes.
) WITH (fillfactor = 70);
CREATE INDEX projects_by_creation ON projects (org_id, created_at, id);

CREATE TABLE tasks (
    org_id        uuid NOT NULL,
    id            uuid NOT NULL,
    project_id    uuid NOT NULL,
    number        bigint NOT NULL,
    title         text NOT NULL,
    description   text NOT NULL,
    status        text NOT NULL CHECK (status IN ('TODO', 'IN_PROGRESS', 'DONE')),
    assignee_id   uuid,
    due_date      timestamptz,
    comment_count bigint NOT NULL DEFAULT 0 CHECK (comment_count >= 0),
    created_by    uuid NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    version       bigint NOT NULL DEFAULT 1,
    -- Full text in any case. The parser folds by the locale of the database, and with `C` that is ASCII alone, so the
    -- text is folded before, by a collation that is the same everywhere.
    search        tsvector NOT NULL
                  GENERATED ALWAYS AS
                  (to_tsvector('simple'::regconfig, lower((title || ' ' || description) COLLATE "und-x-icu"))) STORED,
    PRIMARY KEY (org_id, id),
    CONSTRAINT tasks_number_key UNIQUE (org_id, project_id, number),
    FOREIGN KEY (org_id, project_id) REFERENCES projects (org_id, id) ON DELETE CASCADE
) WITH (fillfactor = 85);
CREATE INDEX tasks_by_creation ON tasks (org_id, project_id, created_at, id);
CREATE INDEX tasks_of_org_by_creation ON tasks (org_id, created_at, id);
CREATE INDEX tasks_by_assignee ON tasks (org_id, assignee_id, created_at, id) WHERE assignee_id IS NOT NULL;
CREATE INDEX tasks_search ON tasks USING gin (search);
-- A project is in one organization: without being told, the planner multiplies the two and sorts what it could read
-- in the index's order.
CREATE STATISTICS tasks_org_project (dependencies) ON org_id, project_id FROM tasks;

CREATE TABLE comments (
    org_id     uuid NOT NULL,
    id         uuid NOT NULL,
    task_id    uuid NOT NULL,
    author_id  uuid NOT NULL,
    content    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    edited_at  timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, task_id) REFERENCES tasks (org_id, id) ON DELETE CASCADE
);
CREATE INDEX comments_by_creation ON comments (org_id, task_id, created_at, id);
CREATE STATISTICS comments_org_task (dependencies) ON org_id, task_id FROM comments;

-- Who changed what. Events are forgotten after some days; this is kept as long as the project, of deleted tasks too.
CREATE TABLE activity (
    org_id      uuid NOT NULL,
    id          uuid NOT NULL,
    project_id  uuid NOT NULL,
    -- The number of the event: the order.
    seq         bigint NOT NULL,
    -- Null: of the project itself. No foreign key: outlives the task.
    task_id     uuid,
    comment_id  uuid,
    kind        text NOT NULL,
    actor_id    uuid NOT NULL,
    -- [{"field", "from", "to"}], values as REST shows them.
    changes     jsonb NOT NULL DEFAULT '[]',
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, project_id) REFERENCES projects (org_id, id) ON DELETE CASCADE
);
CREATE INDEX activity_of_task ON activity (org_id, task_id, seq DESC);
CREATE INDEX activity_of_project ON activity (org_id, project_id, seq DESC);
CREATE STATISTICS activity_org_task (dependencies) ON org_id, task_id FROM activity;

-- What was deleted but still has events: members may follow those to their end. `seq` is the number of the deletion;
-- the row goes when the scope's low-water mark has passed it.
CREATE TABLE deleted_projects (
    org_id     uuid NOT NULL,
    id         uuid NOT NULL,
    slug       text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    seq        bigint NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (org_id, id)
);
CREATE INDEX deleted_projects_slug ON deleted_projects (org_id, slug);
CREATE INDEX deleted_projects_key ON deleted_projects (org_id, key);

CREATE TABLE deleted_tasks (
    org_id     uuid NOT NULL,
    id         uuid NOT NULL,
    project_id uuid NOT NULL,
    key        text COLLATE "C" NOT NULL,
    number     bigint NOT NULL,
    seq        bigint NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (org_id, id)
);
CREATE INDEX deleted_tasks_number ON deleted_tasks (org_id, key, number);
CREATE INDEX deleted_tasks_project ON deleted_tasks (project_id);

-- How far org's feed of changes was acted upon: one row, so that no deleted organization is missed while this service is down.
CREATE TABLE org_feed (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch    text NOT NULL DEFAULT '',
    head     bigint NOT NULL DEFAULT 0
);
INSERT INTO org_feed DEFAULT VALUES;
