//! What there is to write to, and what is written next.

use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};
use uuid::Uuid;

use crate::world::World;

/// A task that writers know of.
#[derive(Clone)]
pub struct Known {
    pub organization: usize,
    pub id: Uuid,
    pub task_id: String,
    /// Some that are there from the start are watched by sockets, and stay.
    pub stays: bool,
    /// Somebody changes it.
    pub taken: bool,
}

/// What there is to write to, as far as it was acknowledged.
#[derive(Default)]
pub struct Board {
    pub tasks: Vec<Known>,
    /// Organization, comment, author.
    pub comments: Vec<(usize, Uuid, usize)>,
}

/// One thing to write.
pub struct Deed {
    pub organization: usize,
    pub person: usize,
    /// By GraphQL.
    pub graph: bool,
    pub kind: DeedKind,
}

pub enum DeedKind {
    Task { project: usize, assignee: Option<usize>, mention: Option<usize> },
    Comment { task: Known, mention: Option<usize> },
    Edit { task: Known },
    DeleteTask { task: Known },
    DeleteComment { comment: Uuid },
}

impl Board {
    /// What is there from the start.
    pub fn of(world: &World) -> Self {
        let mut board = Board::default();
        for (organization, of) in world.organizations.iter().enumerate() {
            for task in of.projects.iter().flat_map(|project| &project.tasks) {
                let (id, task_id) = (task.id, task.task_id.clone());
                board.tasks.push(Known { organization, id, task_id, stays: true, taken: false });
            }
        }
        board
    }

    /// The next one, by chance.
    pub fn draw(&mut self, random: &mut StdRng, world: &World) -> Deed {
        let organization = random.random_range(0..world.organizations.len());
        let of = &world.organizations[organization];
        let person = random.random_range(0..of.people.len());
        let mention = random.random_bool(0.15).then(|| random.random_range(0..of.people.len()));
        let mut indices: Vec<usize> =
            (0..self.tasks.len()).filter(|index| self.tasks[*index].organization == organization).collect();
        let any = *indices.choose(random).expect("tasks of the start stay");
        let mut kind = match random.random_range(0..100) {
            0..20 => {
                let assignee = random.random_bool(0.3).then(|| random.random_range(0..of.people.len()));
                DeedKind::Task { project: random.random_range(0..of.projects.len()), assignee, mention }
            }
            20..32 => {
                indices.retain(|index| !self.tasks[*index].taken);
                match indices.choose(random) {
                    Some(index) => {
                        self.tasks[*index].taken = true;
                        DeedKind::Edit { task: self.tasks[*index].clone() }
                    }
                    None => DeedKind::Comment { task: self.tasks[any].clone(), mention },
                }
            }
            32..37 => {
                indices.retain(|index| !self.tasks[*index].taken && !self.tasks[*index].stays);
                match indices.choose(random) {
                    Some(index) => DeedKind::DeleteTask { task: self.tasks.swap_remove(*index) },
                    None => DeedKind::Comment { task: self.tasks[any].clone(), mention },
                }
            }
            37..42 => match self.comments.pop_if(|comment| comment.0 == organization) {
                Some((_, comment, author)) => {
                    let kind = DeedKind::DeleteComment { comment };
                    return Deed { organization, person: author, graph: false, kind };
                }
                None => DeedKind::Comment { task: self.tasks[any].clone(), mention },
            },
            _ => DeedKind::Comment { task: self.tasks[any].clone(), mention },
        };
        if let DeedKind::Comment { task, .. } = &mut kind
            && random.random_bool(0.6)
            && let Some(watched) =
                self.tasks.iter().filter(|known| known.organization == organization).find(|known| known.stays)
        {
            // Most is said where most listen.
            *task = watched.clone();
        }
        Deed { organization, person, graph: random.random_bool(0.4), kind }
    }
}
