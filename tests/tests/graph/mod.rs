//! GraphQL beyond the original: the graph, its mutations, subscriptions, what it costs and what it refuses.

mod account;
mod cost;
mod docs;
mod documents;
mod graphiql;
mod limits;
mod lists;
mod mutations;
mod organizations;
mod resume;
mod socket;
mod subscriptions;

use serde_json::{Value, json};
use trellis_tests::{Api, Session};

const NO_ACCESS: &str = "You don't have access to this organization";
const NO_PERMISSION: &str = "You do not have permission to perform this action";

/// An organization with project `website` (`WEB`) and task `WEB-1`.
struct World {
    api: Api,
    org: String,
    /// ADMIN.
    ada: Session,
    /// MEMBER.
    ben: Session,
}

async fn world() -> World {
    let api = Api::shared();
    let ada = api.register("Ada").await;
    let org = ada.organization().await;
    let ben = ada.invite(&org, "Ben", "MEMBER").await;
    ada.project(&org, json!({"name": "Website", "key": "WEB"})).await;
    ada.task(&org, "WEB", "One").await;
    World { api, org, ada, ben }
}

impl World {
    /// By Ada on WEB-1, over REST; gives the comment and the position of the write.
    async fn comment(&self, content: &str) -> (Value, String) {
        let path = format!("/organizations/{}/tasks/WEB-1/comments", self.org);
        let answer = self.ada.post(&path, json!({"content": content})).await;
        let cursor = answer.cursor();
        (answer.expect(201), cursor)
    }
}

/// `member` of each item of a list.
fn each(list: &Value, member: &str) -> Vec<String> {
    let items = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    items.iter().map(|item| item[member].as_str().unwrap_or_else(|| panic!("no {member}: {item}")).to_owned()).collect()
}
