//! What requests name: placeholders, and what stands behind them in one organization or in none.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use trellis_tests::unique;
use uuid::Uuid;

/// What requests name, by placeholder.
///
/// `org`, `org_id`; `project` (its key), `project_slug`, `project_id`; `task_id` ("WEB-1"), `task_uuid`; `comment`;
/// `notification` (one of the ADMIN's); `invitation`, `invitation_token`; `user_id` (the member), `other_member_id`, `admin_id`, `stranger_id` (nobody), `member_email`,
/// `admin_email`, `invitee_email`; `session` (another one of the ADMIN's) and `refresh_token` (of that session). `fresh` is a word that
/// nobody else uses, for what is created.
#[derive(Debug, Clone)]
pub struct Names(pub BTreeMap<&'static str, String>);

impl Names {
    /// The same shape with nothing behind it.
    pub fn absent() -> Self {
        let id = || Uuid::now_v7().to_string();
        Self(BTreeMap::from([
            ("org_id", id()),
            ("org", unique("org")),
            ("project", "NIL".to_owned()),
            ("project_slug", "nothing".to_owned()),
            ("project_id", id()),
            ("task_id", "NIL-1".to_owned()),
            ("task_uuid", id()),
            ("comment", id()),
            ("notification", id()),
            ("invitation", id()),
            ("invitation_token", BASE64.encode(Sha256::digest(id()))),
            ("user_id", id()),
            ("admin_id", id()),
            ("member_email", format!("{}@example.test", unique("member"))),
            ("admin_email", format!("{}@example.test", unique("admin"))),
            ("other_member_id", id()),
            ("stranger_id", id()),
            ("invitee_email", format!("{}@example.test", unique("invitee"))),
            ("session", id()),
            ("refresh_token", BASE64.encode(Sha256::digest(id()))),
            ("fresh", unique("fresh")),
        ]))
    }

    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("there is no name for {name}"))
    }

    /// The same names but this one, for what names something twice or of another world.
    #[must_use]
    pub fn with(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut names = self.clone();
        names.0.insert(name, value.into());
        names
    }

    /// With each `{name}` in its place.
    pub fn fill(&self, template: &str) -> String {
        self.0.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    /// With each `{name}` in every string in its place.
    pub fn fill_json(&self, template: &Value) -> Value {
        match template {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(items) => items.iter().map(|item| self.fill_json(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.fill_json(value))).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }

    /// With each value that a request may have named taken out again.
    pub fn hide(&self, text: &str) -> String {
        let mut names: Vec<_> = self.0.iter().collect();
        names.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        names.into_iter().fold(text.to_owned(), |text, (name, value)| text.replace(value, &format!("{{{name}}}")))
    }
}
