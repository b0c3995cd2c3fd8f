//! `trellis.org.v1.OrgService`: takes calls apart, hands them to the operations, puts answers together.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trellis_authn::{Caller, ClientAddress};
use trellis_proto::org::v1::{
    AcceptInvitationRequest, AcceptInvitationResponse, CheckAccessRequest, CheckAccessResponse, CheckMembersRequest,
    CheckMembersResponse, CreateInvitationRequest, CreateInvitationResponse, CreateOrganizationRequest,
    CreateOrganizationResponse, DeleteOrganizationRequest, DeleteOrganizationResponse, FollowMembershipsRequest,
    FollowMembershipsResponse, GetOrganizationRequest, GetOrganizationResponse, HasMembershipRequest,
    HasMembershipResponse, JoinRequest, JoinResponse, ListAuditRequest, ListAuditResponse, ListInvitationsRequest,
    ListInvitationsResponse, ListMembersRequest, ListMembersResponse, ListOrganizationsRequest,
    ListOrganizationsResponse, RemoveMemberRequest, RemoveMemberResponse, RevokeInvitationRequest,
    RevokeInvitationResponse, UpdateMemberRequest, UpdateMemberResponse, UpdateOrganizationRequest,
    UpdateOrganizationResponse, org_service_server::OrgService,
};
use trellis_rpc::IdempotencyKey;

use crate::{ops::Ops, wire};

type Answered<T> = Result<Response<T>, Status>;

/// The handlers.
pub struct OrgGrpc {
    ops: Arc<Ops>,
}

impl OrgGrpc {
    pub fn new(ops: Arc<Ops>) -> Self {
        Self { ops }
    }
}

/// Who calls, with which key if any, and what they ask.
fn apart<T>(request: Request<T>) -> Result<(Caller, Option<IdempotencyKey>, T), Status> {
    let caller = Caller::of(&request)?;
    let key = IdempotencyKey::of(&request);
    Ok((caller, key, request.into_inner()))
}

#[tonic::async_trait]
impl OrgService for OrgGrpc {
    async fn create_organization(
        &self,
        request: Request<CreateOrganizationRequest>,
    ) -> Answered<CreateOrganizationResponse> {
        let from = ClientAddress::of(&request);
        let (caller, key, asked) = apart(request)?;
        Ok(self.ops.create_organization(&caller, &asked, key, from).await?.into_response())
    }

    async fn get_organization(&self, request: Request<GetOrganizationRequest>) -> Answered<GetOrganizationResponse> {
        let (caller, _, asked) = apart(request)?;
        let organization = self.ops.get_organization(&caller, &asked.org).await?;
        Ok(Response::new(GetOrganizationResponse { organization: Some(wire::organization(organization)) }))
    }

    async fn list_organizations(
        &self,
        request: Request<ListOrganizationsRequest>,
    ) -> Answered<ListOrganizationsResponse> {
        let (caller, _, asked) = apart(request)?;
        let listed = self.ops.list_organizations(&caller, asked.mine, &wire::page(asked.page)).await?;
        Ok(Response::new(ListOrganizationsResponse {
            organizations: listed.items.into_iter().map(wire::organization).collect(),
            next_cursor: wire::next_cursor(listed.next),
            cursors: wire::cursors(&listed.cursors),
        }))
    }

    async fn update_organization(
        &self,
        request: Request<UpdateOrganizationRequest>,
    ) -> Answered<UpdateOrganizationResponse> {
        let (caller, _, asked) = apart(request)?;
        let organization = self.ops.update_organization(&caller, &asked).await?;
        Ok(Response::new(UpdateOrganizationResponse { organization: Some(wire::organization(organization)) }))
    }

    async fn delete_organization(
        &self,
        request: Request<DeleteOrganizationRequest>,
    ) -> Answered<DeleteOrganizationResponse> {
        let (caller, _, asked) = apart(request)?;
        self.ops.delete_organization(&caller, &asked).await?;
        Ok(Response::new(DeleteOrganizationResponse {}))
    }

    async fn list_members(&self, request: Request<ListMembersRequest>) -> Answered<ListMembersResponse> {
        let (caller, _, asked) = apart(request)?;
        let listed = self.ops.list_members(&caller, &asked.org, &wire::page(asked.page)).await?;
        Ok(Response::new(ListMembersResponse {
            members: listed.items.into_iter().map(wire::member).collect(),
            next_cursor: wire::next_cursor(listed.next),
            cursors: wire::cursors(&listed.cursors),
        }))
    }

    async fn update_member(&self, request: Request<UpdateMemberRequest>) -> Answered<UpdateMemberResponse> {
        let (caller, _, asked) = apart(request)?;
        let member = self.ops.update_member(&caller, &asked).await?;
        Ok(Response::new(UpdateMemberResponse { member: Some(wire::member(member)) }))
    }

    async fn remove_member(&self, request: Request<RemoveMemberRequest>) -> Answered<RemoveMemberResponse> {
        let (caller, _, asked) = apart(request)?;
        self.ops.remove_member(&caller, &asked.org, &asked.user_id).await?;
        Ok(Response::new(RemoveMemberResponse {}))
    }

    async fn create_invitation(&self, request: Request<CreateInvitationRequest>) -> Answered<CreateInvitationResponse> {
        let (caller, key, asked) = apart(request)?;
        Ok(self.ops.create_invitation(&caller, &asked, key).await?.into_response())
    }

    async fn list_invitations(&self, request: Request<ListInvitationsRequest>) -> Answered<ListInvitationsResponse> {
        let (caller, _, asked) = apart(request)?;
        let listed = self.ops.list_invitations(&caller, &asked.org, &wire::page(asked.page)).await?;
        Ok(Response::new(ListInvitationsResponse {
            invitations: listed.items.into_iter().map(wire::invitation).collect(),
            next_cursor: wire::next_cursor(listed.next),
            cursors: wire::cursors(&listed.cursors),
        }))
    }

    async fn revoke_invitation(&self, request: Request<RevokeInvitationRequest>) -> Answered<RevokeInvitationResponse> {
        let (caller, _, asked) = apart(request)?;
        self.ops.revoke_invitation(&caller, &asked.org, &asked.id).await?;
        Ok(Response::new(RevokeInvitationResponse {}))
    }

    async fn accept_invitation(&self, request: Request<AcceptInvitationRequest>) -> Answered<AcceptInvitationResponse> {
        let (caller, key, asked) = apart(request)?;
        Ok(self.ops.accept_invitation(&caller, &asked.token, key).await?.into_response())
    }

    async fn list_audit(&self, request: Request<ListAuditRequest>) -> Answered<ListAuditResponse> {
        let (caller, _, asked) = apart(request)?;
        let listed = self.ops.list_audit(&caller, &asked.org, &wire::page(asked.page)).await?;
        Ok(Response::new(ListAuditResponse {
            entries: listed.items.into_iter().map(wire::audit_entry).collect(),
            next_cursor: wire::next_cursor(listed.next),
            cursors: wire::cursors(&listed.cursors),
        }))
    }

    async fn check_access(&self, request: Request<CheckAccessRequest>) -> Answered<CheckAccessResponse> {
        let (caller, _, asked) = apart(request)?;
        Ok(Response::new(self.ops.check_access(&caller, &asked.org).await?))
    }

    async fn check_members(&self, request: Request<CheckMembersRequest>) -> Answered<CheckMembersResponse> {
        let (caller, _, asked) = apart(request)?;
        Ok(Response::new(self.ops.check_members(&caller, &asked).await?))
    }

    async fn join(&self, request: Request<JoinRequest>) -> Answered<JoinResponse> {
        let from = ClientAddress::of(&request);
        let (caller, _, asked) = apart(request)?;
        let (org_id, role) = self.ops.join(&caller, &asked, from).await?;
        Ok(Response::new(JoinResponse { org_id: org_id.to_string(), role: wire::role(role).into() }))
    }

    async fn has_membership(&self, request: Request<HasMembershipRequest>) -> Answered<HasMembershipResponse> {
        let (caller, _, asked) = apart(request)?;
        let member = self.ops.has_membership(&caller, &asked.user_id).await?;
        Ok(Response::new(HasMembershipResponse { member }))
    }

    async fn follow_memberships(
        &self,
        request: Request<FollowMembershipsRequest>,
    ) -> Answered<FollowMembershipsResponse> {
        let (caller, _, asked) = apart(request)?;
        Ok(Response::new(self.ops.follow_memberships(&caller, &asked).await?))
    }
}
