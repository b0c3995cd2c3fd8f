//! Ending one's sessions.

use async_graphql::{Context, ID, Object};
use trellis_proto::identity::v1::{RevokeOtherSessionsRequest, RevokeSessionRequest};

use crate::graphql::{Refusal, Viewer};

crate::payload! {
    /// What ending a session gives back.
    pub struct RevokeSessionPayload {}
}

crate::payload! {
    /// What ending all other sessions gives back.
    pub struct RevokeOtherSessionsPayload {
        /// How many that were.
        ended: Option<u32>,
    }
}

#[derive(Default)]
pub struct MySessionMutations;

#[Object]
impl MySessionMutations {
    /// Ends one of one's own sessions, everywhere within a second; also the one of the token, which is logging out.
    async fn revoke_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session's UUID.")] id: ID,
    ) -> Option<RevokeSessionPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let request = viewer.user()?.request(RevokeSessionRequest { id: id.0 });
            viewer.clients().identity.clone().revoke_session(request).await?;
            Ok::<_, Refusal>(())
        };
        Some(outcome.await.into())
    }

    /// Ends all of one's own sessions but the one of the token, everywhere within a second.
    async fn revoke_other_sessions(&self, ctx: &Context<'_>) -> Option<RevokeOtherSessionsPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let request = viewer.user()?.request(RevokeOtherSessionsRequest {});
            let answer = viewer.clients().identity.clone().revoke_other_sessions(request).await?.into_inner();
            Ok::<_, Refusal>((Some(answer.ended),))
        };
        Some(outcome.await.into())
    }
}
