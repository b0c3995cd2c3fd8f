//! Task numbers under concurrency.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use serde_json::json;
use trellis_tests::Api;

#[tokio::test]
async fn five_hundred_at_once_get_one_to_five_hundred_and_deleted_numbers_do_not_come_back() {
    let _alone = crate::alone().await;
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;

    let ids: BTreeSet<String> = stream::iter(0..500)
        .map(|n| {
            let (ada, org) = (ada.clone(), org.clone());
            async move { ada.task(&org, "WEB", &format!("Task {n}")).await["task_id"].as_str().unwrap().to_owned() }
        })
        .buffer_unordered(500)
        .collect()
        .await;
    let wanted: BTreeSet<String> = (1..=500).map(|n| format!("WEB-{n}")).collect();
    assert_eq!(ids, wanted);

    ada.delete(&format!("/organizations/{org}/tasks/WEB-500")).await.expect(204);
    ada.delete(&format!("/organizations/{org}/tasks/WEB-7")).await.expect(204);
    assert_eq!(ada.task(&org, "WEB", "After the deletions").await["task_id"], "WEB-501");
    let project = ada.get(&format!("/organizations/{org}/projects/WEB")).await.expect(200);
    assert_eq!(project["task_count"], 499);
}

#[tokio::test]
async fn two_projects_of_one_name_in_two_organizations_do_not_meet() {
    let _alone = crate::alone().await;
    let api = Api::shared();
    let (ada, eve) = (api.register("Ada").await, api.register("Eve").await);
    let (one, two) = (ada.organization().await, eve.organization().await);
    for (person, org) in [(&ada, &one), (&eve, &two)] {
        person.project(org, json!({"name": "Website", "key": "WEB"})).await;
        assert_eq!(person.task(org, "WEB", &format!("Of {org}")).await["task_id"], "WEB-1");
    }
    for (person, org) in [(&ada, &one), (&eve, &two)] {
        let task = person.get(&format!("/organizations/{org}/tasks/WEB-1")).await.expect(200);
        assert_eq!(task["title"], format!("Of {org}"));
        let all = person.get(&format!("/organizations/{org}/tasks")).await.expect(200);
        assert_eq!(all["items"].as_array().unwrap().len(), 1);
    }
    ada.get(&format!("/organizations/{two}/tasks/WEB-1")).await.problem(404, "not_found");
}
