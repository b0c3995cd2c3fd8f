//! Tasks that run beside the server and end after it.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// For the relay to drain and the other tasks to end, after the last call.
const WIND_DOWN: Duration = Duration::from_secs(8);

#[derive(Clone, Default)]
pub(crate) struct Background {
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the last call is done.
    pub(crate) shutdown: CancellationToken,
}

impl Background {
    pub(crate) async fn end(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        if timeout(WIND_DOWN, self.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "background tasks did not end in time");
        }
    }
}
