//! What users see and change of themselves.

use tonic::Request;
use trellis_proto::identity::v1::{GetMeRequest, UpdateMeRequest};
use trellis_rpc::Problem;

use crate::world::{World, as_user, code, fields};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_changed_and_nothing_else() {
    let world = World::start().await;
    let tokens = world.register("ann@example.com").await.unwrap();
    let mut client = world.client.clone();
    let rename = |name: Option<&str>| as_user(&tokens, UpdateMeRequest { name: name.map(Into::into) });
    let renamed = client.update_me(rename(Some(" Änne "))).await.unwrap().into_inner().user.unwrap();
    assert_eq!(renamed.name, "Änne");
    let before = tokens.user.clone().unwrap();
    assert_eq!((&renamed.id, &renamed.email, renamed.created_at), (&before.id, &before.email, before.created_at));
    let same = client.update_me(rename(None)).await.unwrap().into_inner().user.unwrap();
    assert_eq!(same, renamed);
    let me = client.get_me(as_user(&tokens, GetMeRequest {})).await.unwrap().into_inner().user.unwrap();
    assert_eq!(me, renamed);
    for (name, why) in [("", "required"), ("  ", "blank"), ("a\0b", "invalid"), (&"x".repeat(101), "too_long")] {
        let problem = Problem::from(client.update_me(rename(Some(name))).await.unwrap_err());
        assert_eq!(fields(&problem), [("name", why)]);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_me() {
    let world = World::start().await;
    let tokens = world.register("ann@example.com").await.unwrap();
    let mut client = world.client.clone();
    let mut broken = tokens.clone();
    // In the middle of the signature: the last character has bits that mean nothing.
    let at = broken.access_token.len() - 20;
    let other = if broken.access_token.as_bytes()[at] == b'A' { "B" } else { "A" };
    broken.access_token.replace_range(at..=at, other);
    let requests =
        [Request::new(GetMeRequest {}), world.as_gateway(GetMeRequest {}), as_user(&broken, GetMeRequest {})];
    for request in requests {
        assert_eq!(code(&client.get_me(request).await.unwrap_err()), "unauthenticated");
    }
    // Of a user that is no more.
    world.execute("DELETE FROM users").await;
    assert!(!world.is_signed_in(&tokens).await);
    world.end().await;
}
