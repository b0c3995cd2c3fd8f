//! Who is told of what, and that it is once.

use trellis_proto::{
    org::v1::Role,
    project::v1::{
        CreateCommentRequest, CreateTaskRequest, Notification, NotificationKind, Nullable, UpdateCommentRequest,
        UpdateNotificationPreferencesRequest, UpdateTaskRequest,
    },
};
use uuid::Uuid;

use crate::{
    harness::{Harness, Person},
    tasks::patch,
    watching::{unwatch, watch},
};

/// What a person was told, oldest first: kind, task and who did it.
async fn told(it: &Harness, person: &Person) -> Vec<(NotificationKind, String, String)> {
    it.settled().await;
    let mut list = it.notifications(person).await.notifications;
    list.reverse();
    let show = |one: Notification| (one.kind(), one.task.unwrap_or_default().task_id, one.actor_id);
    list.into_iter().map(show).collect()
}

async fn kinds(it: &Harness, person: &Person) -> Vec<NotificationKind> {
    told(it, person).await.into_iter().map(|(kind, ..)| kind).collect()
}

async fn comment(it: &Harness, person: &Person, content: &str) -> String {
    let request = CreateCommentRequest { org: "acme".into(), task_id: "WEB-1".into(), content: content.into() };
    it.client().create_comment(person.ask(request)).await.unwrap().into_inner().comment.unwrap().id
}

async fn edit(it: &Harness, person: &Person, id: &str, content: &str) {
    let request = UpdateCommentRequest { org: "acme".into(), id: id.into(), content: Some(content.into()) };
    it.client().update_comment(person.ask(request)).await.unwrap();
}

/// Another member of acme.
fn member(it: &Harness, email: &str, name: &str) -> Person {
    let person = Person::new();
    it.world.add_named(person.id, email, name);
    it.world.add_member("acme", person.id, Role::Member, None);
    person
}

fn new(assignee: Option<Uuid>, description: &str) -> CreateTaskRequest {
    CreateTaskRequest {
        org: "acme".into(),
        project: "web".into(),
        title: "Title".into(),
        description: description.into(),
        assignee_id: assignee.map(|id| id.to_string()),
        ..Default::default()
    }
}

use NotificationKind::{Assigned, Commented, Mentioned};

#[tokio::test(flavor = "multi_thread")]
async fn who_is_given_a_task_is_told_by_others_alone() {
    let it = Harness::start().await;
    it.project("Web").await;
    it.client().create_task(it.ada.ask(new(Some(it.bob.id), "@bob, please"))).await.unwrap();
    it.client().create_task(it.bob.ask(new(Some(it.bob.id), "@bob"))).await.unwrap();
    it.client().create_task(it.ada.ask(new(None, ""))).await.unwrap();
    let assign = |task_id: &str, to: Option<Uuid>| UpdateTaskRequest {
        assignee_id: Some(Nullable { value: to.map(|id| id.to_string()) }),
        title: Some("New title".into()),
        ..patch(task_id)
    };
    it.client().update_task(it.ada.ask(assign("WEB-3", Some(it.bob.id)))).await.unwrap();
    // As it is already, to nobody, and something else.
    it.client().update_task(it.ada.ask(assign("WEB-3", Some(it.bob.id)))).await.unwrap();
    it.client().update_task(it.ada.ask(assign("WEB-3", None))).await.unwrap();
    it.client().update_task(it.bob.ask(assign("WEB-3", Some(it.bob.id)))).await.unwrap();
    let retitled = UpdateTaskRequest { title: Some("Another".into()), ..patch("WEB-1") };
    it.client().update_task(it.ada.ask(retitled)).await.unwrap();

    let by_ada = |kind, task: &str| (kind, task.to_owned(), it.ada.id.to_string());
    assert_eq!(told(&it, &it.bob).await, [by_ada(Assigned, "WEB-1"), by_ada(Assigned, "WEB-3")]);
    assert_eq!(told(&it, &it.ada).await, []);
    let list = it.notifications(&it.bob).await;
    assert_eq!(list.unread_count, 2);
    let one = &list.notifications[1];
    let task = one.task.clone().unwrap();
    assert_eq!((task.title.as_str(), one.excerpt.as_str()), ("Title", "@bob, please"), "as it was then");
    let organization = one.organization.clone().unwrap();
    assert_eq!(organization.id, it.acme.to_string());
    assert_eq!((organization.slug.as_str(), organization.name.as_str()), ("acme", "The acme"));
    assert!(one.created_at.is_some() && one.read_at.is_none() && one.comment_id.is_empty() && one.role.is_empty());
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_a_task_is_told_of_comments() {
    let it = Harness::start().await;
    it.project("Web").await;
    let (cid, dan, fay) = (
        member(&it, "cid@example.org", "Cid"),
        member(&it, "dan@example.org", "Dan"),
        member(&it, "fay@example.org", "Fay"),
    );
    // By ada, for bob; dan watches, cid comments, fay has nothing to do with it.
    it.client().create_task(it.ada.ask(new(Some(it.bob.id), ""))).await.unwrap();
    watch(&it, &dan, "WEB-1").await;
    watch(&it, &fay, "WEB-1").await;
    unwatch(&it, &fay, "WEB-1").await;
    let first = comment(&it, &cid, "first").await;
    comment(&it, &it.bob, "second, @ada").await;
    edit(&it, &cid, &first, "changed").await;
    assert_eq!(kinds(&it, &it.ada).await, [Commented, Mentioned]);
    assert_eq!(kinds(&it, &it.bob).await, [Assigned, Commented]);
    assert_eq!(kinds(&it, &cid).await, [Commented], "of the second, not of one's own");
    assert_eq!(kinds(&it, &dan).await, [Commented, Commented]);
    assert_eq!(kinds(&it, &fay).await, []);
    let one = it.notifications(&it.bob).await.notifications.remove(0);
    assert_eq!((one.comment_id, one.excerpt, one.actor_id), (first, "first".into(), cid.id.to_string()));
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_a_task_is_who_did_when_the_comment_was_made() {
    let it = Harness::start().await;
    it.project("Web").await;
    let cid = member(&it, "cid@example.org", "Cid");
    it.client().create_task(it.ada.ask(new(Some(it.bob.id), ""))).await.unwrap();
    it.settled().await;
    // The worker comes later than all of this.
    it.world.set_away(true);
    comment(&it, &it.ada, "first").await;
    let nobody = UpdateTaskRequest { assignee_id: Some(Nullable { value: None }), ..patch("WEB-1") };
    it.client().update_task(it.ada.ask(nobody)).await.unwrap();
    comment(&it, &it.ada, "second").await;
    watch(&it, &cid, "WEB-1").await;
    it.world.set_away(false);
    it.settled().await;
    let excerpts = async |person: &Person| {
        let list = it.notifications(person).await.notifications;
        list.into_iter().map(|one| one.excerpt).collect::<Vec<_>>()
    };
    assert_eq!(excerpts(&it.bob).await, ["first", ""], "the task, and the comment on it while it was bob's");
    assert_eq!(excerpts(&cid).await, Vec::<String>::new());
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_mentioned_is_a_member_and_told_once() {
    let it = Harness::start().await;
    it.project("Web").await;
    let cid = member(&it, "Cid.O'Hara@example.org", "Cid O'Hara-Ángel");
    let other = member(&it, "other@example.org", "cid o'hara-ángel");
    // Of another organization, and nobody at all.
    it.client().create_task(it.ada.ask(new(None, "@eve @eve@example.org @nobody `@bob`"))).await.unwrap();
    let describe = |text: &str| UpdateTaskRequest { description: Some(text.into()), ..patch("WEB-1") };
    it.client().update_task(it.ada.ask(describe("@CID O'HARA-A\u{301}NGEL!"))).await.unwrap();
    it.client().update_task(it.ada.ask(describe("Again: @cid.o'hara@EXAMPLE.org, @bob"))).await.unwrap();
    assert_eq!(kinds(&it, &cid).await, [Mentioned], "the description named cid before, too");
    assert_eq!(kinds(&it, &other).await, [Mentioned], "of the same name");
    assert_eq!(kinds(&it, &it.bob).await, [Mentioned]);
    assert_eq!(kinds(&it, &it.eve).await, []);

    let id = comment(&it, &it.ada, "@bob").await;
    edit(&it, &it.ada, &id, "@bob and @other@example.org").await;
    edit(&it, &it.ada, &id, "@ada, @other@example.org and @bob").await;
    edit(&it, &it.ada, &id, "nobody").await;
    edit(&it, &it.ada, &id, "@bob @cid.o'hara@example.org").await;
    assert_eq!(kinds(&it, &it.bob).await, [Mentioned, Mentioned]);
    assert_eq!(kinds(&it, &other).await, [Mentioned, Mentioned]);
    assert_eq!(kinds(&it, &cid).await, [Mentioned, Mentioned]);
    assert_eq!(kinds(&it, &it.ada).await, []);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_does_not_want_is_not_told_but_for_another_reason() {
    let it = Harness::start().await;
    it.project("Web").await;
    it.client().create_task(it.bob.ask(new(None, ""))).await.unwrap();
    let prefer = |mentioned, commented| UpdateNotificationPreferencesRequest {
        mentioned: Some(mentioned),
        commented: Some(commented),
        ..Default::default()
    };
    for (mentioned, commented, expected) in [
        (true, true, vec![Mentioned]),
        (false, true, vec![Commented]),
        (false, false, vec![]),
        (true, false, vec![Mentioned]),
    ] {
        let before = kinds(&it, &it.bob).await.len();
        it.client().update_notification_preferences(it.bob.ask(prefer(mentioned, commented))).await.unwrap();
        comment(&it, &it.ada, "@bob").await;
        assert_eq!(kinds(&it, &it.bob).await.split_off(before), expected);
    }
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_and_doing_it_again_tell_everybody_once() {
    let mut it = Harness::start().await;
    it.project("Web").await;
    it.client().create_task(it.ada.ask(new(None, ""))).await.unwrap();
    let mut second = it.add_replica().await;
    for number in 0..40 {
        let content = format!("@bob {number}");
        let request = CreateCommentRequest { org: "acme".into(), task_id: "WEB-1".into(), content };
        if number % 2 == 0 {
            second.create_comment(it.ada.ask(request)).await.unwrap();
        } else {
            it.client().create_comment(it.ada.ask(request)).await.unwrap();
        }
    }
    assert_eq!(kinds(&it, &it.bob).await, vec![Mentioned; 40]);
    // As after a crash between the notifications and the end of the claim.
    let again = "INSERT INTO undigested (organization_id, scope, seq)
                 SELECT $1, e.scope, e.seq FROM event_log e JOIN projects p ON p.id = e.scope WHERE e.kind LIKE 'comment%'";
    sqlx::query(again).bind(it.acme).execute(&it.db).await.unwrap();
    it.settled().await;
    assert_eq!(it.notifications(&it.bob).await.unread_count, 40);
    let events = it.events(&it.bob.id.to_string()).await;
    assert!(events.len() == 40 && events.iter().all(|event| event.kind == "notification.created"));
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_a_worker_that_is_gone_or_silent_is_given_back() {
    let it = Harness::start().await;
    it.project("Web").await;
    it.client().create_task(it.ada.ask(new(None, ""))).await.unwrap();
    it.world.set_away(true);
    comment(&it, &it.ada, "@bob").await;
    // Somebody else has it, and says nothing any more.
    let mut silent = it.db.begin().await.unwrap();
    sqlx::query("SET LOCAL idle_in_transaction_session_timeout = '1s'").execute(&mut *silent).await.unwrap();
    let claimed = sqlx::query("SELECT FROM undigested FOR UPDATE").fetch_all(&mut *silent).await.unwrap();
    assert_eq!(claimed.len(), 1);
    it.world.set_away(false);
    comment(&it, &it.ada, "@bob again").await;
    assert_eq!(kinds(&it, &it.bob).await, [Mentioned, Mentioned]);
    assert!(silent.commit().await.is_err());
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_org_and_identity_are_away_it_waits_and_nothing_is_lost() {
    let it = Harness::start().await;
    it.project("Web").await;
    it.client().create_task(it.ada.ask(new(None, ""))).await.unwrap();
    it.settled().await;
    it.world.set_away(true);
    for number in 0..3 {
        comment(&it, &it.ada, &format!("@bob {number}")).await;
    }
    crate::harness::eventually("it was tried", async || {
        it.count("SELECT count(*) FROM undigested WHERE due_at > queued_at").await > 0
    })
    .await;
    assert_eq!(it.notifications(&it.bob).await.unread_count, 0);
    it.world.set_away(false);
    assert_eq!(kinds(&it, &it.bob).await, vec![Mentioned; 3]);
    it.end().await;
}
