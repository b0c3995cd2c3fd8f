//! Organizations.

use async_graphql::{Context, InputObject, Object};
use trellis_authn::ClientAddress;
use trellis_proto::org::v1::{CreateOrganizationRequest, DeleteOrganizationRequest, UpdateOrganizationRequest};

use crate::graphql::{
    Refusal, Viewer,
    types::{JoinPolicy, Organization},
};

/// A new organization. Name, slug and contact e-mail are unique.
#[derive(InputObject)]
pub struct OrganizationInput {
    /// 1 to 100 characters.
    name: String,
    /// Lower-case letters, digits and single hyphens, at most 50.
    slug: String,
    /// An e-mail address.
    contact_email: String,
}

/// Changes of an organization: only what is given is changed.
#[derive(InputObject)]
pub struct UpdateOrganizationInput {
    /// 1 to 100 characters.
    name: Option<String>,
    /// Lower-case letters, digits and single hyphens, at most 50.
    slug: Option<String>,
    /// An e-mail address.
    contact_email: Option<String>,
    /// Who may join.
    join_policy: Option<JoinPolicy>,
    /// Refuses the change (`version_mismatch`) where the organization is not of this version.
    expected_version: Option<u64>,
}

crate::payload! {
    /// What creating an organization gives back.
    pub struct CreateOrganizationPayload {
        /// The new organization.
        organization: Option<Organization>,
    }
}

crate::payload! {
    /// What changing an organization gives back.
    pub struct UpdateOrganizationPayload {
        /// The organization as it is now.
        organization: Option<Organization>,
    }
}

crate::payload! {
    /// What deleting an organization gives back.
    pub struct DeleteOrganizationPayload {}
}

#[derive(Default)]
pub struct OrganizationMutations;

#[Object]
impl OrganizationMutations {
    /// Creates an organization. Who is signed in becomes its ADMIN; without anyone it has no member, and the first who
    /// registers with its slug becomes ADMIN.
    async fn create_organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization.")] input: OrganizationInput,
    ) -> Option<CreateOrganizationPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let OrganizationInput { name, slug, contact_email } = input;
            let message = CreateOrganizationRequest { name, slug, contact_email };
            let user = viewer.anyone()?;
            let request = if user.is_some() {
                viewer.request(ctx, message)?
            } else {
                let mut request = viewer.gateway().service_key.request(message);
                ClientAddress(viewer.client().ip.parse().ok()).attach(&mut request);
                request
            };
            let creation = viewer.limits().create_organization(&viewer.client(), user.map(|user| user.id))?;
            let answer = viewer.clients().org.clone().create_organization(request).await;
            creation.settle(&answer);
            Ok::<_, Refusal>((Some(Organization(answer?.into_inner().organization.unwrap_or_default())),))
        };
        Some(outcome.await.into())
    }

    /// Changes an organization; for its ADMINs.
    async fn update_organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization.")] org_slug: String,
        #[graphql(desc = "What changes.")] input: UpdateOrganizationInput,
    ) -> Option<UpdateOrganizationPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let message = UpdateOrganizationRequest {
                org: org_slug,
                name: input.name,
                slug: input.slug,
                contact_email: input.contact_email,
                join_policy: input.join_policy.map(|policy| policy.as_str().to_owned()),
                expected_version: input.expected_version,
            };
            let request = viewer.user()?.request(message);
            let answer = viewer.clients().org.clone().update_organization(request).await?.into_inner();
            Ok::<_, Refusal>((Some(Organization(answer.organization.unwrap_or_default())),))
        };
        Some(outcome.await.into())
    }

    /// Deletes an organization with everything in it; for its ADMINs.
    async fn delete_organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The organization.")] org_slug: String,
        #[graphql(desc = "Refuses it (`version_mismatch`) where the organization is not of this version.")]
        expected_version: Option<u64>,
    ) -> Option<DeleteOrganizationPayload> {
        let outcome = async {
            let viewer = Viewer::of(ctx);
            let request = viewer.user()?.request(DeleteOrganizationRequest { org: org_slug, expected_version });
            viewer.clients().org.clone().delete_organization(request).await?;
            Ok::<_, Refusal>(())
        };
        Some(outcome.await.into())
    }
}
