//! Members of an organization.

use async_graphql::{Context, ID, Object};
use trellis_proto::org::v1::{RemoveMemberRequest, UpdateMemberRequest};

use crate::graphql::{
    Refusal, Viewer,
    types::{OrganizationMember, Role},
};

crate::payload! {
    /// What changing a member's role gives back.
    pub struct UpdateMemberPayload {
        /// The member as it is now.
        member: Option<OrganizationMember>,
    }
}

crate::payload! {
    /// What removing a member gives back.
    pub struct RemoveMemberPayload {}
}

#[derive(Default)]
pub struct MemberMutations;

#[Object]
impl MemberMutations {
    /// Changes a member's role; for ADMINs. The last ADMIN cannot be demoted.
    async fn update_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization.")] org_slug: String,
        #[graphql(desc = "The member's user.")] user_id: ID,
        #[graphql(desc = "What the member may do.")] role: Role,
    ) -> Option<UpdateMemberPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let role = Some(role.as_str().to_owned());
            let message = UpdateMemberRequest { org: org_slug.clone(), user_id: user_id.0, role };
            let request = viewer.user()?.request(message);
            let answer = viewer.clients().org.clone().update_member(request).await?.into_inner();
            let member = OrganizationMember { org: org_slug.into(), member: answer.member.unwrap_or_default() };
            Ok::<_, Refusal>((Some(member),))
        };
        Some(outcome.await.into())
    }

    /// Removes a member, or leaves; for ADMINs, and for everyone as to themselves. The last ADMIN must stay.
    async fn remove_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization.")] org_slug: String,
        #[graphql(desc = "The member's user.")] user_id: ID,
    ) -> Option<RemoveMemberPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let request = viewer.user()?.request(RemoveMemberRequest { org: org_slug, user_id: user_id.0 });
            viewer.clients().org.clone().remove_member(request).await?;
            Ok::<_, Refusal>(())
        };
        Some(outcome.await.into())
    }
}
