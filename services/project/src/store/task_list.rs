//! Lists of tasks: filters, orders and pages by key. The statement is put together from fixed pieces, so that each
//! shape has a plan of its own; what came from a client is bound, never written into it.

use futures_util::StreamExt;
use sqlx::{FromRow, Postgres, QueryBuilder, Row, postgres::PgRow};
use trellis_eventlog::Reader;
use uuid::Uuid;

use super::{
    bounded::{self, Of, Parent, ReadError, Room},
    rows::TaskRow,
};
use crate::domain::{AssigneeFilter, Place, Sort, SortKey, Task, TaskQuery};

const COLUMNS: &str = "t.id, t.number, t.title, t.description, t.status, t.assignee_id, t.due_date, t.comment_count, \
                       t.created_by, t.created_at, t.updated_at, t.version";
const PROJECT_COLUMNS: &str =
    "p.id AS project_id, p.slug AS project_slug, p.key AS project_key, p.name AS project_name";

/// Of which projects.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// By slug or key.
    Named(&'a str),
    Ids(&'a [Uuid]),
}

/// A page of each project's tasks, read in the direction of the window; one task more than the page has, which says
/// whether there is a next one. Projects that are not there have no list.
#[tracing::instrument(name = "db.task_list.of_projects", skip_all)]
pub async fn of_projects(
    conn: &mut Reader,
    org_id: Uuid,
    projects: Which<'_>,
    query: &TaskQuery,
) -> Result<Vec<Of<Task>>, ReadError> {
    // The outer join gives a list without tasks one row, so that its position is there.
    let mut sql = QueryBuilder::<Postgres>::new("SELECT s.last_seq, ");
    sql.push(PROJECT_COLUMNS).push(", ").push(COLUMNS);
    sql.push(" FROM projects p JOIN scopes s ON s.id = p.id LEFT JOIN LATERAL (SELECT ").push(COLUMNS);
    sql.push(" FROM tasks t WHERE t.project_id = p.id AND t.org_id = ").push_bind(org_id);
    filter(&mut sql, query);
    place(&mut sql, query, Reach::Project);
    sql.push(" ORDER BY ");
    order(&mut sql, query, Reach::Project);
    sql.push(" LIMIT ").push_bind(query.window.rows());
    sql.push(") t ON true WHERE p.org_id = ").push_bind(org_id);
    match projects {
        Which::Named(word) => {
            sql.push(" AND (p.slug = ").push_bind(word).push(" OR p.key = ").push_bind(word).push(")");
        }
        Which::Ids(ids) => {
            sql.push(" AND p.id = ANY (").push_bind(ids).push(")");
        }
    }
    sql.push(" ORDER BY p.id, ");
    order(&mut sql, query, Reach::Project);

    let rows = sql.build().fetch(&mut **conn).map(|row| {
        let row = row?;
        let id = row.try_get("project_id")?;
        let parent = Parent { id, scope: id, last_seq: row.try_get("last_seq")? };
        let is_task = row.try_get::<Option<Uuid>, _>("id")?.is_some();
        Ok((parent, if is_task { Some(read(&row)?) } else { None }))
    });
    let read = bounded::lists(rows, Room::of_list(&query.window)).await;
    bounded::end(conn, read)
}

/// Tasks of a whole organization, in the same way.
#[tracing::instrument(name = "db.task_list.of_organization", skip_all)]
pub async fn of_organization(conn: &mut Reader, org_id: Uuid, query: &TaskQuery) -> Result<Vec<Task>, ReadError> {
    let mut sql = QueryBuilder::<Postgres>::new("SELECT ");
    sql.push(PROJECT_COLUMNS).push(", ").push(COLUMNS);
    sql.push(" FROM tasks t JOIN projects p ON p.org_id = t.org_id AND p.id = t.project_id WHERE t.org_id = ");
    sql.push_bind(org_id);
    filter(&mut sql, query);
    place(&mut sql, query, Reach::Organization);
    sql.push(" ORDER BY ");
    order(&mut sql, query, Reach::Organization);
    sql.push(" LIMIT ").push_bind(query.window.rows());
    let rows = sql.build().fetch(&mut **conn).map(|row| read(&row?));
    let read = bounded::list(rows, Room::of_list(&query.window)).await;
    bounded::end(conn, read)
}

/// Of what a list is: it decides what the order by task id goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Project,
    Organization,
}

fn read(row: &PgRow) -> sqlx::Result<Task> {
    TaskRow::from_row(row)?.try_into()
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

/// Begins beyond the place of the window.
fn place(sql: &mut QueryBuilder<Postgres>, query: &TaskQuery, reach: Reach) {
    let Some(from) = &query.window.from else {
        return;
    };
    let beyond = if falls(query) { ") < (" } else { ") > (" };
    sql.push(" AND (").push(columns(query.sort, reach).join(", ")).push(beyond);
    match from {
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

fn order(sql: &mut QueryBuilder<Postgres>, query: &TaskQuery, reach: Reach) {
    let direction = if falls(query) { " DESC" } else { "" };
    let mut columns = sql.separated(", ");
    for column in self::columns(query.sort, reach) {
        columns.push(column).push_unseparated(direction);
    }
}

/// Whether rows are read from the greatest to the least. Where tasks without a date stand goes by the order of the list
/// alone, so that a walk backward finds them where one forward does.
fn falls(query: &TaskQuery) -> bool {
    query.sort.descending != query.window.backward
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
