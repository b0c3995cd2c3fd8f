//! Lists of tasks: filters, orders and pages by key. The statement is put together from fixed pieces, so that each
//! shape has a plan of its own; what came from a client is bound, never written into it.

use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::rows::TaskRow;
use crate::domain::{AssigneeFilter, Place, Sort, SortKey, Task, TaskQuery};

const COLUMNS: &str = "t.id, t.number, t.title, t.description, t.status, t.assignee_id, t.due_date, t.comment_count, \
                       t.created_by, t.created_at, t.updated_at, t.version";
const PROJECT_COLUMNS: &str =
    "p.id AS project_id, p.slug AS project_slug, p.key AS project_key, p.name AS project_name";

/// Tasks of one project, with the place in its order that they reflect.
pub struct ProjectTasks {
    pub project_id: Uuid,
    pub last_seq: i64,
    pub tasks: Vec<Task>,
}

/// `None`: no such project. Reads one task more than the page has, which says whether there is a next page.
#[tracing::instrument(name = "db.task_list.of_project", skip_all)]
pub async fn of_project(
    conn: &mut PgConnection,
    org_id: Uuid,
    project: &str,
    query: &TaskQuery,
) -> sqlx::Result<Option<ProjectTasks>> {
    // The outer join gives a list without tasks one row, so that its position is there.
    let mut sql = QueryBuilder::<Postgres>::new("SELECT s.last_seq, ");
    sql.push(PROJECT_COLUMNS).push(", ").push(COLUMNS);
    sql.push(" FROM projects p JOIN scopes s ON s.id = p.id LEFT JOIN LATERAL (SELECT ").push(COLUMNS);
    sql.push(" FROM tasks t WHERE t.project_id = p.id AND t.org_id = ").push_bind(org_id);
    filter(&mut sql, query);
    place(&mut sql, query, Reach::Project);
    order(&mut sql, query.sort, Reach::Project);
    sql.push(" LIMIT ").push_bind(i64::from(query.limit) + 1);
    sql.push(") t ON true WHERE p.org_id = ").push_bind(org_id);
    sql.push(" AND (p.slug = ").push_bind(project).push(" OR p.key = ").push_bind(project).push(")");
    order(&mut sql, query.sort, Reach::Project);

    let rows = sql.build().fetch_all(conn).await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let (project_id, last_seq) = (first.try_get("project_id")?, first.try_get("last_seq")?);
    let tasks = if first.try_get::<Option<Uuid>, _>("id")?.is_some() { read(&rows)? } else { Vec::new() };
    Ok(Some(ProjectTasks { project_id, last_seq, tasks }))
}

/// Tasks of a whole organization; one more than the page has.
#[tracing::instrument(name = "db.task_list.of_organization", skip_all)]
pub async fn of_organization(conn: &mut PgConnection, org_id: Uuid, query: &TaskQuery) -> sqlx::Result<Vec<Task>> {
    let mut sql = QueryBuilder::<Postgres>::new("SELECT ");
    sql.push(PROJECT_COLUMNS).push(", ").push(COLUMNS);
    sql.push(" FROM tasks t JOIN projects p ON p.org_id = t.org_id AND p.id = t.project_id WHERE t.org_id = ");
    sql.push_bind(org_id);
    filter(&mut sql, query);
    place(&mut sql, query, Reach::Organization);
    order(&mut sql, query.sort, Reach::Organization);
    sql.push(" LIMIT ").push_bind(i64::from(query.limit) + 1);
    read(&sql.build().fetch_all(conn).await?)
}

/// Of what a list is: it decides what the order by task id goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Project,
    Organization,
}

fn read(rows: &[PgRow]) -> sqlx::Result<Vec<Task>> {
    rows.iter().map(|row| TaskRow::from_row(row)?.try_into()).collect()
}

fn filter(sql: &mut QueryBuilder<Postgres>, query: &TaskQuery) {
    if let Some(status) = query.status {
        sql.push(" AND t.status = ").push_bind(status.as_str());
    }
    match query.assignee {
        Some(AssigneeFilter::User(id)) => {
            sql.push(" AND t.assignee_id = ").push_bind(id);
        }
        Some(AssigneeFilter::Nobody) => {
            sql.push(" AND t.assignee_id IS NULL");
        }
        None => {}
    }
    if let Some(time) = query.due_before {
        sql.push(" AND t.due_date < ").push_bind(time);
    }
    if let Some(time) = query.due_after {
        sql.push(" AND t.due_date > ").push_bind(time);
    }
    if let Some(text) = &query.text {
        // Of a query that ends in a word (the text form ends in its quote), the word may go on: people search while
        // they type. One that ends in a closing quote is meant as it stands.
        let typed = !text.ends_with('"');
        sql.push(
            " AND t.search @@ (SELECT CASE WHEN words LIKE '%''' AND typed THEN (words || ':*')::tsquery \
             ELSE words::tsquery END FROM (SELECT websearch_to_tsquery('simple', lower(",
        );
        sql.push_bind(text.clone())
            .push(" COLLATE \"und-x-icu\"))::text AS words, ")
            .push_bind(typed)
            .push(" AS typed) q)");
    }
}

/// Continues after the last task of the page before.
fn place(sql: &mut QueryBuilder<Postgres>, query: &TaskQuery, reach: Reach) {
    let Some(after) = &query.after else {
        return;
    };
    let beyond = if query.sort.descending { ") < (" } else { ") > (" };
    sql.push(" AND (").push(columns(query.sort, reach).join(", ")).push(beyond);
    match after {
        Place::Time(time, id) => {
            sql.push("coalesce(").push_bind(*time).push(", ").push(no_date(query.sort)).push("), ").push_bind(*id);
        }
        Place::Number(key, number) if reach == Reach::Organization => {
            sql.push_bind(key.clone()).push(", ").push_bind(*number);
        }
        Place::Number(_, number) => {
            sql.push_bind(*number);
        }
    }
    sql.push(")");
}

fn order(sql: &mut QueryBuilder<Postgres>, sort: Sort, reach: Reach) {
    let direction = if sort.descending { " DESC" } else { "" };
    let mut before = " ORDER BY ";
    for column in columns(sort, reach) {
        sql.push(before).push(column).push(direction);
        before = ", ";
    }
}

/// What the list is ordered by, ending in what is unique.
fn columns(sort: Sort, reach: Reach) -> &'static [&'static str] {
    match (sort.key, reach) {
        (SortKey::CreatedAt, _) => &["t.created_at", "t.id"],
        (SortKey::UpdatedAt, _) => &["t.updated_at", "t.id"],
        (SortKey::DueDate, _) if sort.descending => &["coalesce(t.due_date, '-infinity'::timestamptz)", "t.id"],
        (SortKey::DueDate, _) => &["coalesce(t.due_date, 'infinity'::timestamptz)", "t.id"],
        (SortKey::TaskId, Reach::Project) => &["t.number"],
        (SortKey::TaskId, Reach::Organization) => &["p.key", "t.number"],
    }
}

/// Where tasks without a date stand: last, whichever the direction.
fn no_date(sort: Sort) -> &'static str {
    if sort.descending { "'-infinity'::timestamptz" } else { "'infinity'::timestamptz" }
}
