//! Reads lists row by row, no more than an answer may hold: what was asked for may be of any size.

use std::pin::pin;

use futures_util::{Stream, TryStreamExt};
use trellis_eventlog::Reader;
use uuid::Uuid;

use crate::domain::{Activity, Comment, LONGEST_LIST, Project, Task, Window};

/// The gateway takes answers of up to 32 MiB.
const LARGEST_ANSWER: usize = 24 << 20;
/// Ids, times, numbers and the cursor of a row, about.
const ROW: usize = 400;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("more than an answer may hold")]
    TooMuch,
}

/// The list of one parent, with the place in its project's order that it reflects.
pub struct Of<T> {
    pub parent: Parent,
    pub rows: Vec<T>,
}

/// What a list belongs to: a project or a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    pub id: Uuid,
    /// The project, which is the scope of the events.
    pub scope: Uuid,
    pub last_seq: i64,
}

/// How much room is left in an answer.
pub struct Room {
    rows: usize,
    bytes: usize,
}

impl Room {
    /// For pages: their limits count the rows.
    pub fn of_pages() -> Self {
        Self { rows: usize::MAX, bytes: LARGEST_ANSWER }
    }

    pub fn of_list<C>(window: &Window<C>) -> Self {
        if window.is_whole() { Self { rows: LONGEST_LIST as usize, ..Self::of_pages() } } else { Self::of_pages() }
    }

    fn take(&mut self, row: &impl Size) -> Result<(), ReadError> {
        self.rows = self.rows.checked_sub(1).ok_or(ReadError::TooMuch)?;
        self.bytes = self.bytes.checked_sub(ROW + row.size()).ok_or(ReadError::TooMuch)?;
        Ok(())
    }
}

/// How many bytes of an answer an object's texts take.
pub trait Size {
    fn size(&self) -> usize;
}

impl Size for Project {
    fn size(&self) -> usize {
        self.name.len() + self.description.len()
    }
}

impl Size for Task {
    fn size(&self) -> usize {
        self.title.len() + self.description.len() + self.project.name.len()
    }
}

impl Size for Comment {
    fn size(&self) -> usize {
        self.content.len()
    }
}

impl Size for Activity {
    fn size(&self) -> usize {
        self.changes.iter().map(|change| change.from.to_string().len() + change.to.to_string().len()).sum()
    }
}

/// Rows of one list.
pub async fn list<T: Size>(rows: impl Stream<Item = sqlx::Result<T>>, mut room: Room) -> Result<Vec<T>, ReadError> {
    let mut rows = pin!(rows);
    let mut read = Vec::new();
    while let Some(row) = rows.try_next().await? {
        room.take(&row)?;
        read.push(row);
    }
    Ok(read)
}

/// Rows of many lists, one after the other; a parent with an empty list has one row without an item.
pub async fn lists<T: Size>(
    rows: impl Stream<Item = sqlx::Result<(Parent, Option<T>)>>,
    mut room: Room,
) -> Result<Vec<Of<T>>, ReadError> {
    let mut rows = pin!(rows);
    let mut read: Vec<Of<T>> = Vec::new();
    while let Some((parent, row)) = rows.try_next().await? {
        if read.last().is_none_or(|last| last.parent.id != parent.id) {
            read.push(Of { parent, rows: Vec::new() });
        }
        if let (Some(row), Some(last)) = (row, read.last_mut()) {
            room.take(&row)?;
            last.rows.push(row);
        }
    }
    Ok(read)
}

/// Ends a read, also one that stopped halfway.
pub fn end<T>(conn: &mut Reader, read: Result<T, ReadError>) -> Result<T, ReadError> {
    if matches!(read, Err(ReadError::TooMuch)) {
        conn.leave_unread();
    }
    read
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    struct Bytes(usize);

    impl Size for Bytes {
        fn size(&self) -> usize {
            self.0
        }
    }

    fn rows(count: usize, bytes: usize) -> impl Stream<Item = sqlx::Result<Bytes>> {
        stream::iter((0..count).map(move |_| Ok(Bytes(bytes))))
    }

    #[tokio::test]
    async fn an_answer_ends_at_its_rows_and_at_its_bytes() {
        let whole = || Room { rows: 10, ..Room::of_pages() };
        assert_eq!(list(rows(10, 0), whole()).await.map(|rows| rows.len()).ok(), Some(10));
        assert!(matches!(list(rows(11, 0), whole()).await, Err(ReadError::TooMuch)));
        let half = LARGEST_ANSWER / 2 - ROW;
        assert_eq!(list(rows(2, half), Room::of_pages()).await.map(|rows| rows.len()).ok(), Some(2));
        assert!(matches!(list(rows(2, half + 1), Room::of_pages()).await, Err(ReadError::TooMuch)));
    }

    #[tokio::test]
    async fn rows_go_to_their_parents_and_fill_one_answer() {
        let parent = |id| Parent { id: Uuid::from_u128(id), scope: Uuid::nil(), last_seq: 1 };
        let rows = |bytes| {
            let rows = [(1, Some(Bytes(bytes))), (1, Some(Bytes(0))), (2, None), (3, Some(Bytes(bytes)))];
            stream::iter(rows.map(|(id, row)| Ok((parent(id), row))))
        };
        let read = lists(rows(0), Room::of_pages()).await.unwrap_or_default();
        let counts: Vec<_> = read.iter().map(|of| (of.parent.id.as_u128(), of.rows.len())).collect();
        assert_eq!(counts, [(1, 2), (2, 0), (3, 1)]);
        assert!(matches!(lists(rows(LARGEST_ANSWER / 2), Room::of_pages()).await, Err(ReadError::TooMuch)));
    }
}
