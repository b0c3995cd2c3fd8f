//! Clients, and people who use them.

use std::net::SocketAddr;

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use trellis_proto::org::v1::{
    AcceptInvitationRequest, AuditEntry, CheckAccessRequest, CheckAccessResponse, CreateInvitationRequest,
    CreateOrganizationRequest, DeleteOrganizationRequest, GetOrganizationRequest, Invitation, ListAuditRequest,
    ListInvitationsRequest, ListMembersRequest, Member, Organization, Page, RemoveMemberRequest,
    RevokeInvitationRequest, UpdateMemberRequest, UpdateOrganizationRequest, org_service_client::OrgServiceClient,
};
use uuid::Uuid;

/// Sends one `authorization` with every call.
#[derive(Clone)]
pub struct Signed(MetadataValue<Ascii>);

impl Interceptor for Signed {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

pub type Client = OrgServiceClient<InterceptedService<Channel, Signed>>;

pub async fn client(address: SocketAddr, header: &MetadataValue<Ascii>) -> Client {
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    OrgServiceClient::with_interceptor(channel, Signed(header.clone()))
}

/// A signed-in user.
#[derive(Clone)]
pub struct Person {
    pub id: Uuid,
    pub email: String,
    pub org: Client,
}

pub fn new_organization(slug: &str) -> CreateOrganizationRequest {
    CreateOrganizationRequest {
        name: format!("The {slug}"),
        slug: slug.to_owned(),
        contact_email: format!("office@{slug}.example"),
    }
}

impl Person {
    pub fn new(id: Uuid, email: &str, org: Client) -> Self {
        Self { id, email: email.to_owned(), org }
    }

    pub async fn create(&self, slug: &str) -> Result<Organization, Status> {
        let answer = self.org.clone().create_organization(new_organization(slug)).await?;
        Ok(answer.into_inner().organization.unwrap())
    }

    pub async fn get(&self, org: &str) -> Result<Organization, Status> {
        let answer = self.org.clone().get_organization(GetOrganizationRequest { org: org.to_owned() }).await?;
        Ok(answer.into_inner().organization.unwrap())
    }

    pub async fn update(&self, request: UpdateOrganizationRequest) -> Result<Organization, Status> {
        let answer = self.org.clone().update_organization(request).await?;
        Ok(answer.into_inner().organization.unwrap())
    }

    pub async fn open(&self, org: &str) -> Organization {
        let join_policy = Some("OPEN".to_owned());
        let request = UpdateOrganizationRequest { org: org.to_owned(), join_policy, ..Default::default() };
        self.update(request).await.unwrap()
    }

    pub async fn set_policy(&self, org: &str, policy: &str) -> Result<Organization, Status> {
        let request =
            UpdateOrganizationRequest { org: org.to_owned(), join_policy: given(policy), ..Default::default() };
        self.update(request).await
    }

    pub async fn delete(&self, org: &str) -> Result<(), Status> {
        let request = DeleteOrganizationRequest { org: org.to_owned(), expected_version: None };
        self.org.clone().delete_organization(request).await.map(|_| ())
    }

    pub async fn members(&self, org: &str) -> Result<Vec<Member>, Status> {
        let request = ListMembersRequest { org: org.to_owned(), page: None };
        Ok(self.org.clone().list_members(request).await?.into_inner().members)
    }

    pub async fn set_role(&self, org: &str, user: Uuid, role: &str) -> Result<Member, Status> {
        let request =
            UpdateMemberRequest { org: org.to_owned(), user_id: user.to_string(), role: Some(role.to_owned()) };
        Ok(self.org.clone().update_member(request).await?.into_inner().member.unwrap())
    }

    pub async fn remove(&self, org: &str, user: Uuid) -> Result<(), Status> {
        let request = RemoveMemberRequest { org: org.to_owned(), user_id: user.to_string() };
        self.org.clone().remove_member(request).await.map(|_| ())
    }

    pub async fn leave(&self, org: &str) -> Result<(), Status> {
        self.remove(org, self.id).await
    }

    pub async fn invite(&self, org: &str, email: &str, role: &str) -> Result<Invitation, Status> {
        let request = CreateInvitationRequest { org: org.to_owned(), email: email.to_owned(), role: given(role) };
        Ok(self.org.clone().create_invitation(request).await?.into_inner().invitation.unwrap())
    }

    pub async fn invitations(&self, org: &str) -> Result<Vec<Invitation>, Status> {
        let request = ListInvitationsRequest { org: org.to_owned(), page: None };
        Ok(self.org.clone().list_invitations(request).await?.into_inner().invitations)
    }

    pub async fn revoke(&self, org: &str, id: &str) -> Result<(), Status> {
        let request = RevokeInvitationRequest { org: org.to_owned(), id: id.to_owned() };
        self.org.clone().revoke_invitation(request).await.map(|_| ())
    }

    pub async fn accept(&self, token: &str) -> Result<Organization, Status> {
        let request = AcceptInvitationRequest { token: token.to_owned() };
        Ok(self.org.clone().accept_invitation(request).await?.into_inner().organization.unwrap())
    }

    pub async fn audit(&self, org: &str, page: Page) -> Result<Vec<AuditEntry>, Status> {
        let request = ListAuditRequest { org: org.to_owned(), page: Some(page) };
        Ok(self.org.clone().list_audit(request).await?.into_inner().entries)
    }

    pub async fn access(&self, org: &str) -> Result<CheckAccessResponse, Status> {
        let request = CheckAccessRequest { org: org.to_owned() };
        Ok(self.org.clone().check_access(request).await?.into_inner())
    }
}

/// What a client leaves out is written "" in these tests.
pub fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
