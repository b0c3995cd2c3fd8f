//! Ids of the other organization.

use serde_json::json;

use super::{choices, join, recorded};
use crate::{matrix::Needs, snapshot::Snapshot, world};

#[test]
fn ids_of_another_organization_open_nothing() {
    world::run(|world| async move {
        let (north, south) = (world.victim(Needs::Member).await, world.victim(Needs::Member).await);
        let (mut wrong, mut tried) = (Vec::new(), 0);
        let requests = recorded(&world).await;
        let before = Snapshot::take(&world).await;
        for recorded in &requests {
            for ids in choices(&recorded.ids) {
                wrong.extend(recorded.swap(&world, &north.admin, &north, &south, &ids).await);
                tried += 1;
            }
        }
        wrong.extend(before.changes(&Snapshot::take(&world).await));
        assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
        assert!(requests.len() > 60 && tried > 100, "{} requests, {tried} times", requests.len());
        println!("{} requests, {tried} with ids swapped", requests.len());
    });
}

/// Who may see both is let in by either: nothing but the ids themselves can then tell that they do not belong together.
#[test]
fn who_is_in_both_cannot_mix_them() {
    world::run(|world| async move {
        let (north, mut south) = (world.victim(Needs::Member).await, world.victim(Needs::Member).await);
        let person = &north.admin;
        join(&world, &south, person).await;
        // What he wrote himself he could change, if it were where he says.
        let path = format!("/organizations/{}", south.names.get("org"));
        let comments = format!("{path}/tasks/WEB-1/comments");
        let client = world.client(person);
        let own = client.post(&comments, json!({"content": "Mine"})).await.expect(201);
        south.names = south.names.with("comment", own["id"].as_str().unwrap());
        // An ADMIN there, too.
        let role = format!("{path}/members/{}", person.id);
        world.client(&south.admin).patch(&role, json!({"role": "ADMIN"})).await.expect(200);

        let (mut wrong, mut tried) = (Vec::new(), 0);
        let before = Snapshot::take(&world).await;
        // He himself is in both.
        let all = recorded(&world).await;
        for recorded in all.iter().filter(|recorded| recorded.ids.len() > 1 && !recorded.ids.contains(&"admin_id")) {
            // What names the organization is of one of them, and what is in it of the other one.
            let within: Vec<_> = recorded.ids.iter().copied().filter(|id| *id != "org").collect();
            for (here, there) in [(&north, &south), (&south, &north)] {
                wrong.extend(recorded.swap(&world, person, here, there, &within).await);
                tried += 1;
            }
        }
        wrong.extend(before.changes(&Snapshot::take(&world).await));
        assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
        assert!(tried > 40, "{tried}");

        // The same word for two requests is the same request within one path alone.
        let key = [("idempotency-key", "one-word")];
        let at = |org: &str| format!("/organizations/{org}/tasks/WEB-1/comments");
        for names in [&north.names, &south.names] {
            let body = json!({"content": "Once"});
            let answer = client.send(reqwest::Method::POST, &at(names.get("org")), &key, Some(body)).await;
            assert_eq!(answer.header("idempotent-replayed"), "", "{}", answer.text);
            answer.expect(201);
        }
    });
}

/// What was done with an `Idempotency-Key` is told again to who did it, and not to who may no longer see it.
#[test]
fn what_was_done_once_is_not_told_again_to_a_removed_member() {
    world::run(|world| async move {
        let victim = world.victim(Needs::Member).await;
        let path = format!("/organizations/{}", victim.names.get("org"));
        let (member, admin) = (world.client(&victim.member), world.client(&victim.admin));
        let key = [("idempotency-key", "one-word")];
        let create = "mutation($org: String!) { createTask(input: {organizationSlug: $org, projectSlug: \"website\", title: \"Secret\"}) {
          success errors userErrors { code } task { title } } }";
        let body = json!({"query": create, "variables": {"org": victim.names.get("org")}}).to_string();
        let requests =
            [("/tasks/WEB-1/comments", json!({"content": "Secret"})), ("/projects", json!({"name": "Secret"}))];
        let ask = async |path: &str, body| member.send(reqwest::Method::POST, path, &key, Some(body)).await;
        for (rest, body) in &requests {
            ask(&format!("{path}{rest}"), body.clone()).await.expect(201);
            let again = ask(&format!("{path}{rest}"), body.clone()).await;
            assert_eq!(again.header("idempotent-replayed"), "true", "{}", again.text);
        }
        member.graph().post_with(&key, body.clone()).await.done();
        member.graph().post_with(&key, body.clone()).await.done();
        admin.delete(&format!("{path}/members/{}", victim.member.id)).await.expect(204);
        while member.get(&format!("{path}/projects")).await.status != 404 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        for (rest, body) in &requests {
            ask(&format!("{path}{rest}"), body.clone()).await.problem(404, "not_found");
        }
        let answer = member.graph().post_with(&key, body).await;
        assert!(!answer.text.contains("Secret"), "{}", answer.text);
        answer.failed();
    });
}
