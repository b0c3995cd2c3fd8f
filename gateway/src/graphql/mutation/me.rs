//! One's own account.

use async_graphql::{Context, InputObject, Object};
use trellis_proto::identity::v1::{self as proto, ChangePasswordRequest, UpdateMeRequest};

use crate::graphql::{Refusal, Viewer, types::User};

/// Changes of one's own account: only what is given is changed.
#[derive(InputObject)]
pub struct UpdateMeInput {
    /// 1 to 100 characters.
    name: Option<String>,
}

/// The password that is, and the one that is to be.
#[derive(InputObject)]
pub struct ChangePasswordInput {
    /// The password until now.
    #[graphql(secret)]
    current_password: String,
    /// 8 to 128 characters, and not among the common ones.
    #[graphql(secret)]
    new_password: String,
}

crate::payload! {
    /// What changing one's own account gives back.
    pub struct UpdateMePayload {
        /// The account as it is now.
        user: Option<User>,
    }
}

crate::payload! {
    /// What changing one's own password gives back.
    pub struct ChangePasswordPayload {}
}

#[derive(Default)]
pub struct MeMutations;

#[Object]
impl MeMutations {
    /// Changes one's own account.
    async fn update_me(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateMeInput,
    ) -> Option<UpdateMePayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let request = viewer.user()?.request(UpdateMeRequest { name: input.name });
            let answer = viewer.clients().identity.clone().update_me(request).await?.into_inner();
            Ok::<_, Refusal>((Some(own(viewer, answer.user)),))
        };
        Some(outcome.await.into())
    }

    /// Changes one's own password. All other sessions end.
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The passwords.")] input: ChangePasswordInput,
    ) -> Option<ChangePasswordPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let ChangePasswordInput { current_password, new_password } = input;
            let request = viewer.request(ctx, ChangePasswordRequest { current_password, new_password })?;
            let attempt = viewer.limits().change_password(&viewer.client(), viewer.user()?.id)?;
            let answer = viewer.clients().identity.clone().change_password(request).await;
            attempt.settle(&answer);
            answer?;
            Ok::<_, Refusal>(())
        };
        Some(outcome.await.into())
    }
}

/// An account as the source has just told it, which is taken note of.
pub(super) fn own(viewer: &Viewer, user: Option<proto::User>) -> User {
    let me = User::from(user.unwrap_or_default());
    viewer.gateway().people.remember(me.person.clone());
    me
}
