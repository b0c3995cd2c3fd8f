//! Invitations to an organization.

use async_graphql::{Context, ID, Object};
use trellis_proto::org::v1::{AcceptInvitationRequest, CreateInvitationRequest, RevokeInvitationRequest};

use crate::graphql::{
    Refusal, Viewer,
    types::{Invitation, Organization, Role},
};

crate::payload! {
    /// What inviting someone gives back.
    pub struct CreateInvitationPayload {
        /// The new invitation.
        invitation: Option<Invitation>,
        /// What it is accepted with; shown this once.
        token: Option<String>,
    }
}

crate::payload! {
    /// What revoking an invitation gives back.
    pub struct RevokeInvitationPayload {}
}

crate::payload! {
    /// What accepting an invitation gives back.
    pub struct AcceptInvitationPayload {
        /// The organization that was joined.
        organization: Option<Organization>,
    }
}

#[derive(Default)]
pub struct InvitationMutations;

#[Object]
impl InvitationMutations {
    /// Invites an e-mail address; for ADMINs. The token fits that address alone, once, for 7 days.
    async fn create_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization.")] org_slug: String,
        #[graphql(desc = "Who is invited.")] email: String,
        #[graphql(desc = "What they may do; `MEMBER` where not given.")] role: Option<Role>,
    ) -> Option<CreateInvitationPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let role = role.map(|role| role.as_str().to_owned());
            let request = viewer.request(ctx, CreateInvitationRequest { org: org_slug, email, role })?;
            let creation = viewer.limits().invite(viewer.user()?.id)?;
            let answer = viewer.clients().org.clone().create_invitation(request).await;
            creation.settle(&answer);
            let mut invitation = answer?.into_inner().invitation.unwrap_or_default();
            let token = std::mem::take(&mut invitation.token);
            Ok::<_, Refusal>((Some(Invitation(invitation)), Some(token)))
        };
        Some(outcome.await.into())
    }

    /// Revokes an invitation; for ADMINs.
    async fn revoke_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization.")] org_slug: String,
        #[graphql(desc = "The invitation.")] id: ID,
    ) -> Option<RevokeInvitationPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let request = viewer.user()?.request(RevokeInvitationRequest { org: org_slug, id: id.0 });
            viewer.clients().org.clone().revoke_invitation(request).await?;
            Ok::<_, Refusal>(())
        };
        Some(outcome.await.into())
    }

    /// Accepts an invitation. One that is wrong, expired, revoked, used or for another address is not found, alike.
    async fn accept_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the invitation came with.", secret)] token: String,
    ) -> Option<AcceptInvitationPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let request = viewer.request(ctx, AcceptInvitationRequest { token })?;
            let answer = viewer.clients().org.clone().accept_invitation(request).await?.into_inner();
            Ok::<_, Refusal>((Some(Organization(answer.organization.unwrap_or_default())),))
        };
        Some(outcome.await.into())
    }
}
