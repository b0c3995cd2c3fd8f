//! The services, as generated clients over channels that fail over. Cheap to clone, which each call does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use prost::Name;
use rand::RngExt;
use tonic::{Request, Response, Status};
use trellis_authn::{ServiceKey, User};
use trellis_proto::{
    identity::v1::identity_service_client::IdentityServiceClient, org::v1::org_service_client::OrgServiceClient,
    project::v1::project_service_client::ProjectServiceClient,
};
use trellis_rpc::{Channel, Code, Endpoints, Problem, with_deadline};

/// A list of 100 tasks whose descriptions have the longest text allowed is 8 MiB; tonic would stop at 4.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// Reads do not queue for as long as writes do: who has no answer by then gets none.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// Retries never add more than a tenth to what is asked of a service that is in trouble.
const RETRY_COST: u32 = 10;
const RETRY_BUDGET: u32 = 100 * RETRY_COST;

/// On whose behalf a call is made: a user's, or the gateway's own where nobody is signed in.
pub trait Asker {
    fn sign<M: Name>(&self, message: M) -> Request<M>;
}

impl Asker for User {
    fn sign<M: Name>(&self, message: M) -> Request<M> {
        self.request(message)
    }
}

impl Asker for ServiceKey {
    fn sign<M: Name>(&self, message: M) -> Request<M> {
        self.request(message)
    }
}

/// Everything that the gateway asks.
#[derive(Clone)]
pub struct Clients {
    pub identity: IdentityServiceClient<Channel>,
    pub org: OrgServiceClient<Channel>,
    pub project: ProjectServiceClient<Channel>,
    budget: Arc<AtomicU32>,
}

impl Clients {
    pub fn new(identity: &Endpoints, org: &Endpoints, project: &Endpoints) -> Self {
        Self {
            identity: IdentityServiceClient::new(Channel::new(identity)).max_decoding_message_size(LARGEST_ANSWER),
            org: OrgServiceClient::new(Channel::new(org)).max_decoding_message_size(LARGEST_ANSWER),
            project: ProjectServiceClient::new(Channel::new(project)).max_decoding_message_size(LARGEST_ANSWER),
            budget: Arc::new(AtomicU32::new(RETRY_BUDGET)),
        }
    }

    /// A call that changes nothing: asked once more, a little later, where the service was not reachable and the
    /// budget allows it.
    pub async fn read<C, M, T, F>(
        &self,
        client: &C,
        asker: &impl Asker,
        message: M,
        call: impl Fn(C, Request<M>) -> F,
    ) -> Result<Response<T>, Status>
    where
        C: Clone,
        M: Clone + Name,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        match with_deadline(READ_WITHIN, call(client.clone(), asker.sign(message.clone()))).await {
            Ok(answer) => {
                self.earn();
                Ok(answer)
            }
            Err(status) if may_retry(&status) && self.spend() => {
                let pause = rand::rng().random_range(10..60);
                tokio::time::sleep(Duration::from_millis(pause)).await;
                call(client.clone(), asker.sign(message)).await
            }
            Err(status) => Err(status),
        }
    }

    fn earn(&self) {
        // Losing a race here loses one tenth of a retry.
        let left = self.budget.load(Ordering::Relaxed);
        if left < RETRY_BUDGET {
            self.budget.store(left + 1, Ordering::Relaxed);
        }
    }

    fn spend(&self) -> bool {
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(RETRY_COST)).is_ok()
    }
}

/// Not where the time is up: asking again would only be late.
fn may_retry(status: &Status) -> bool {
    status.code() != tonic::Code::DeadlineExceeded && Problem::from(status).code == Code::Unavailable
}
