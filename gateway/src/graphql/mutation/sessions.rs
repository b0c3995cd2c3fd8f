//! How a session begins, goes on and ends. A token that the request brings is never looked at by what needs none.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use trellis_proto::identity::v1::{self as proto, LoginRequest, LogoutRequest, RefreshRequest, RegisterRequest};
use trellis_rpc::Code;

use super::{input::given, me::own};
use crate::graphql::{Refusal, Viewer, types::User};

/// A new user, who joins an organization.
#[derive(InputObject)]
pub struct RegisterUserInput {
    /// Unique; the login name.
    email: String,
    /// 8 to 128 characters, and not among the common ones.
    #[graphql(secret)]
    password: String,
    /// 1 to 100 characters.
    name: String,
    /// The organization to join.
    organization_slug: String,
    /// Needed for an organization that is not open.
    #[graphql(secret)]
    invitation_token: Option<String>,
}

/// A new user.
#[derive(InputObject)]
pub struct RegisterInput {
    /// Unique; the login name.
    email: String,
    /// 8 to 128 characters, and not among the common ones.
    #[graphql(secret)]
    password: String,
    /// 1 to 100 characters.
    name: String,
    /// An organization to join.
    organization_slug: Option<String>,
    /// Needed for an organization that is not open.
    #[graphql(secret)]
    invitation_token: Option<String>,
}

/// E-mail and password.
#[derive(InputObject)]
pub struct LoginUserInput {
    /// In any case.
    email: String,
    /// The password.
    #[graphql(secret)]
    password: String,
}

/// E-mail and password.
#[derive(InputObject)]
pub struct LoginInput {
    /// In any case.
    email: String,
    /// The password.
    #[graphql(secret)]
    password: String,
}

/// The tokens of a session.
#[derive(SimpleObject)]
pub struct Tokens {
    /// For `Authorization: Bearer …`.
    access_token: String,
    /// `Bearer`
    token_type: String,
    /// Seconds until the access token expires.
    expires_in: u32,
    /// Good for one `refresh`.
    refresh_token: String,
    /// Whose session it is.
    user: User,
}

crate::payload! {
    /// What registering gives back.
    pub struct RegisterUserPayload {
        /// The new user.
        user: Option<User>,
        /// An access token that lasts: it takes no refreshing.
        token: Option<String>,
    }
}

crate::payload! {
    /// What logging in gives back.
    pub struct LoginUserPayload {
        /// Who is logged in.
        user: Option<User>,
        /// An access token that lasts: it takes no refreshing.
        token: Option<String>,
    }
}

crate::payload! {
    /// What registering gives back.
    pub struct RegisterPayload {
        /// The tokens of the new session.
        tokens: Option<Tokens>,
    }
}

crate::payload! {
    /// What logging in gives back.
    pub struct LoginPayload {
        /// The tokens of the new session.
        tokens: Option<Tokens>,
    }
}

crate::payload! {
    /// What refreshing gives back.
    pub struct RefreshPayload {
        /// The next tokens of the session.
        tokens: Option<Tokens>,
    }
}

crate::payload! {
    /// What logging out gives back.
    pub struct LogoutPayload {}
}

#[derive(Default)]
pub struct SessionMutations;

#[Object]
impl SessionMutations {
    /// Registers a user in an organization and logs in with a token that lasts.
    async fn register_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user.")] input: RegisterUserInput,
    ) -> Option<RegisterUserPayload> {
        let viewer = Viewer::of(ctx);
        let message = RegisterRequest {
            email: input.email,
            password: input.password,
            name: input.name,
            // Even an empty one: it is no organization's.
            organization_slug: Some(input.organization_slug),
            invitation_token: given(input.invitation_token),
            client: Some(viewer.client()),
            long_lived: true,
        };
        let tokens = register(viewer, message).await.map(Tokens::lasting);
        Some(tokens.into())
    }

    /// Logs in with a token that lasts.
    async fn login_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who logs in.")] input: LoginUserInput,
    ) -> Option<LoginUserPayload> {
        let LoginUserInput { email, password } = input;
        let tokens = login_for_long(Viewer::of(ctx), email, password).await;
        let tokens = tokens.map_err(|refusal| match refusal.code() {
            // What can be nobody's e-mail address or password is a wrong one.
            Code::ValidationFailed => Refusal::new(Code::InvalidCredentials, "Invalid credentials"),
            _ => refusal,
        });
        Some(tokens.map(|tokens| Tokens::of(Viewer::of(ctx), tokens).lasting()).into())
    }

    /// Registers a user.
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user.")] input: RegisterInput,
    ) -> Option<RegisterPayload> {
        let viewer = Viewer::of(ctx);
        let message = RegisterRequest {
            email: input.email,
            password: input.password,
            name: input.name,
            organization_slug: given(input.organization_slug),
            invitation_token: given(input.invitation_token),
            client: Some(viewer.client()),
            long_lived: false,
        };
        Some(register(viewer, message).await.map(|tokens| (Some(tokens),)).into())
    }

    /// Logs in.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who logs in.")] input: LoginInput,
    ) -> Option<LoginPayload> {
        let viewer = Viewer::of(ctx);
        let LoginInput { email, password } = input;
        let message = LoginRequest { email, password, client: Some(viewer.client()), long_lived: false };
        let tokens = login(viewer, message).await.map(|tokens| (Some(Tokens::of(viewer, tokens)),));
        Some(tokens.into())
    }

    /// Gives the next tokens of a session. The refresh token is spent by it.
    async fn refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refresh token of the last answer.", secret)] refresh_token: String,
    ) -> Option<RefreshPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let message = RefreshRequest { refresh_token, client: Some(viewer.client()) };
            let request = viewer.gateway().service_key.request(message);
            let answer = viewer.clients().identity.clone().refresh(request).await?;
            let tokens = answer.into_inner().tokens.unwrap_or_default();
            Ok::<_, Refusal>((Some(Tokens::of(viewer, tokens)),))
        };
        Some(outcome.await.into())
    }

    /// Ends the session of the token, everywhere within a second.
    async fn logout(&self, ctx: &Context<'_>) -> Option<LogoutPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let request = viewer.user()?.request(LogoutRequest {});
            viewer.clients().identity.clone().logout(request).await?;
            Ok::<_, Refusal>(())
        };
        Some(outcome.await.into())
    }
}

impl Tokens {
    fn of(viewer: &Viewer, tokens: proto::Tokens) -> Self {
        Self {
            user: own(viewer, tokens.user),
            access_token: tokens.access_token,
            token_type: "Bearer".to_owned(),
            expires_in: tokens.expires_in,
            refresh_token: tokens.refresh_token,
        }
    }

    /// What a client that cannot refresh is given of them.
    fn lasting(self) -> (Option<User>, Option<String>) {
        (Some(self.user), Some(self.access_token))
    }
}

async fn register(viewer: &Viewer, message: RegisterRequest) -> Result<Tokens, Refusal> {
    let creation = viewer.limits().register(&viewer.client())?;
    let request = viewer.gateway().service_key.request(message);
    let answer = viewer.clients().identity.clone().register(request).await;
    creation.settle(&answer);
    Ok(Tokens::of(viewer, answer?.into_inner().tokens.unwrap_or_default()))
}

async fn login(viewer: &Viewer, message: LoginRequest) -> Result<proto::Tokens, Refusal> {
    let attempt = viewer.limits().login(&viewer.client(), &message.email)?;
    let request = viewer.gateway().service_key.request(message);
    let answer = viewer.clients().identity.clone().login(request).await;
    attempt.settle(&answer);
    Ok(answer?.into_inner().tokens.unwrap_or_default())
}

/// With a token that lasts.
pub(super) async fn login_for_long(viewer: &Viewer, email: String, password: String) -> Result<proto::Tokens, Refusal> {
    login(viewer, LoginRequest { email, password, client: Some(viewer.client()), long_lived: true }).await
}
