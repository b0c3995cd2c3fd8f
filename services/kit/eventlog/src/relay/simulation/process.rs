//! A process that may be held, as SIGSTOP does: nothing in it moves, and then it does not know that time has passed.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Sleep, sleep_until};

use super::world::World;

/// Something that runs in a process.
pub(super) struct Held<F> {
    world: World,
    process: usize,
    life: u64,
    until: Option<Pin<Box<Sleep>>>,
    inner: Pin<Box<F>>,
}

impl<F: Future> Held<F> {
    pub(super) fn new(world: &World, process: usize, life: u64, inner: F) -> Self {
        Self { world: world.clone(), process, life, until: None, inner: Box::pin(inner) }
    }
}

impl<F: Future> Future for Held<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let held = self.world.lock().is_held(self.process, self.life);
        if let Some(until) = held {
            let mut sleep = Box::pin(sleep_until(until));
            if sleep.as_mut().poll(context).is_pending() {
                self.until = Some(sleep);
                return Poll::Pending;
            }
        }
        self.until = None;
        self.inner.as_mut().poll(context)
    }
}
