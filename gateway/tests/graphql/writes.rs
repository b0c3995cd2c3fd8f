//! What a write gives back, and that it is done once.

use serde_json::json;
use trellis_proto::{
    event::v1::Position,
    identity::v1::{ChangePasswordRequest, ChangePasswordResponse},
    org::v1::{CreateInvitationRequest, CreateInvitationResponse, Invitation},
    project::v1::{
        Comment, CreateCommentRequest, CreateCommentResponse, DeleteCommentRequest, DeleteCommentResponse,
        UpdateCommentRequest, UpdateCommentResponse,
    },
};
use uuid::Uuid;

use crate::{
    gateway::ANN,
    world::{World, ann, signed_out},
};

const COMMENT: &str = r#"mutation {
    createTaskComment(orgSlug: "acme", taskId: "web-1", content: "Hi") {
        success errors comment { id content } liveCursor
    }
}"#;

fn position() -> Position {
    Position { epoch: Uuid::from_u128(1).to_string(), scope: Uuid::from_u128(2).to_string(), seq: 7 }
}

fn comment(id: &str, content: String) -> Comment {
    Comment { id: id.into(), content, author_id: ANN.to_string(), ..Comment::default() }
}

#[tokio::test]
async fn a_write_tells_its_place_in_the_order() {
    let world = World::start().await;
    let fake = &world.harness.fake;
    fake.on("ProjectService/CreateComment", |request: CreateCommentRequest, _| {
        assert_eq!((&*request.org, &*request.task_id), ("acme", "web-1"));
        Ok(CreateCommentResponse { comment: Some(comment("c1", request.content)), position: Some(position()) })
    });
    fake.on("ProjectService/UpdateComment", |request: UpdateCommentRequest, _| {
        let comment = comment(&request.id, request.content.unwrap());
        Ok(UpdateCommentResponse { comment: Some(comment), position: Some(position()) })
    });
    fake.on("ProjectService/DeleteComment", |_: DeleteCommentRequest, _| {
        Ok(DeleteCommentResponse { position: Some(position()) })
    });
    let cursor = trellis_gateway::cursor::Cursor::try_from(&position()).unwrap().to_string();

    let created = json!({
        "success": true, "errors": [], "comment": { "id": "c1", "content": "Hi" }, "liveCursor": cursor,
    });
    assert_eq!(world.payload(ann(), COMMENT, json!({})).await, created);
    let update = r#"mutation {
        updateTaskComment(orgSlug: "acme", id: "c1", content: "Ho") { success comment { id content } liveCursor }
    }"#;
    let updated = json!({ "success": true, "comment": { "id": "c1", "content": "Ho" }, "liveCursor": cursor });
    assert_eq!(world.payload(ann(), update, json!({})).await, updated);
    let delete = r#"mutation { deleteTaskComment(orgSlug: "acme", id: "c1") { success errors liveCursor } }"#;
    let deleted = json!({ "success": true, "errors": [], "liveCursor": cursor });
    assert_eq!(world.payload(ann(), delete, json!({})).await, deleted);
}

#[tokio::test]
async fn a_key_travels_with_what_makes_something_new() {
    let world = World::start().await;
    let fake = &world.harness.fake;
    fake.on("ProjectService/CreateComment", |_: CreateCommentRequest, _| Ok(CreateCommentResponse::default()));
    fake.on("IdentityService/ChangePassword", |_: ChangePasswordRequest, _| Ok(ChangePasswordResponse {}));

    world.payload(ann().once("key-1"), COMMENT, json!({})).await;
    world.payload(ann(), COMMENT, json!({})).await;
    let keys: Vec<_> = fake
        .calls("ProjectService/CreateComment")
        .into_iter()
        .map(|call| call.idempotency.map(|kept| (kept.key, kept.operation)))
        .collect();
    assert_eq!(keys, [Some(("key-1".into(), "GRAPHQL createTaskComment".into())), None]);

    let two = r#"mutation {
        first: createTaskComment(orgSlug: "acme", taskId: "WEB-1", content: "1") { success }
        second: createTaskComment(orgSlug: "acme", taskId: "WEB-1", content: "2") { success }
    }"#;
    world.respond(ann().once("key-2"), two, json!({})).await;
    let operations: Vec<_> = fake
        .calls("ProjectService/CreateComment")
        .into_iter()
        .filter_map(|call| call.idempotency.filter(|kept| kept.key == "key-2").map(|kept| kept.operation))
        .collect();
    assert_eq!(operations, ["GRAPHQL first", "GRAPHQL second"]);

    let password = r#"mutation {
        changePassword(input: { currentPassword: "old one", newPassword: "new one!" }) { success errors }
    }"#;
    let payload = world.payload(ann().once("key-3"), password, json!({})).await;
    assert_eq!(payload, json!({ "success": true, "errors": [] }));
    assert!(fake.calls("IdentityService/ChangePassword")[0].idempotency.is_some());
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let world = World::start().await;
    let payload = world.payload(ann().once("not a key"), COMMENT, json!({})).await;
    let refused = json!({
        "success": false, "errors": ["The idempotency key is not right."], "comment": null, "liveCursor": null,
    });
    assert_eq!(payload, refused);
    // Nobody's key is nobody's business.
    let payload = world.payload(signed_out().once("not a key"), COMMENT, json!({})).await;
    assert_eq!(payload["errors"], json!(["You do not have permission to perform this action"]));
}

#[tokio::test]
async fn the_token_of_an_invitation_is_shown_once() {
    let world = World::start().await;
    world.harness.fake.on("OrgService/CreateInvitation", |request: CreateInvitationRequest, _| {
        assert_eq!(request.role, None);
        let invitation =
            Invitation { id: "i1".into(), email: request.email, token: "t0ken".into(), ..Invitation::default() };
        Ok(CreateInvitationResponse { invitation: Some(invitation) })
    });
    let query = r#"mutation {
        createInvitation(orgSlug: "acme", email: "bob@example.org") { success errors invitation { id email } token }
    }"#;
    let expected = json!({
        "success": true, "errors": [], "invitation": { "id": "i1", "email": "bob@example.org" }, "token": "t0ken",
    });
    assert_eq!(world.payload(ann(), query, json!({})).await, expected);
}
