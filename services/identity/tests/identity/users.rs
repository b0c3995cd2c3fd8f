//! Turning ids and e-mails into users.

use trellis_proto::identity::v1::BatchGetUsersRequest;

use crate::world::{World, as_user, code};

#[tokio::test(flavor = "multi_thread")]
async fn those_that_are_there_are_found_once() {
    let world = World::start().await;
    let ann = world.register("Ann@example.com").await.unwrap().user.unwrap();
    let bob = world.register("bob@example.com").await.unwrap().user.unwrap();
    world.register("eve@example.com").await.unwrap();
    world.execute("UPDATE users SET pending_since = now() WHERE email = 'eve@example.com'").await;
    let find = |ids: &[&str], emails: &[&str]| {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let request = world.as_gateway(BatchGetUsersRequest { ids: own(ids), emails: own(emails) });
        let mut client = world.client.clone();
        async move {
            let mut users = client.batch_get_users(request).await.unwrap().into_inner().users;
            users.sort_by(|a, b| a.email.cmp(&b.email));
            users
        }
    };
    let both = [ann.clone(), bob.clone()];
    assert_eq!(find(&[&ann.id, &bob.id], &[]).await, both);
    assert_eq!(find(&[], &["ANN@example.com", " bob@example.com "]).await, both);
    assert_eq!(find(&[&ann.id], &["ann@example.com", "bob@example.com"]).await, both);
    assert_eq!(find(&[&ann.id.to_uppercase(), "no id"], &["a\0@b.de", "", "eve@example.com"]).await, [ann]);
    assert!(find(&[], &[]).await.is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_services_look_users_up_and_not_too_many() {
    let world = World::start().await;
    let tokens = world.register("ann@example.com").await.unwrap();
    let mut client = world.client.clone();
    let status = client.batch_get_users(as_user(&tokens, BatchGetUsersRequest::default())).await.unwrap_err();
    assert_eq!(code(&status), "forbidden");
    let many = |ids, emails| {
        let text = |count| vec!["x".to_owned(); count];
        world.as_gateway(BatchGetUsersRequest { ids: text(ids), emails: text(emails) })
    };
    assert!(client.batch_get_users(many(250, 250)).await.is_ok());
    assert_eq!(code(&client.batch_get_users(many(250, 251)).await.unwrap_err()), "invalid_request");
    world.end().await;
}
