//! `@name` and `@e-mail`: who is meant.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trellis_tests::{Session, unique};

use super::{World, told, until, until_added, until_told, world};

/// People of whom some share parts of a name, or all of it; by a word for each.
async fn people(w: &World) -> BTreeMap<&'static str, Session> {
    let mut people = BTreeMap::new();
    for (word, name) in [
        ("eve", "Eve"),
        ("eve lovelace", "Eve Lovelace"),
        ("élodie", "Élodie Ångström"),
        ("twin", "Sam Twin"),
        ("other twin", "sam twin"),
        ("o'neil", "Pat O'Neil-Jones"),
    ] {
        let session = w.ada.invite(&w.org, name, "MEMBER").await;
        until_added(&session).await;
        people.insert(word, session);
    }
    people
}

/// Who was told of the comment with this id, by word; after everybody was told of the last one.
async fn mentioned(people: &BTreeMap<&'static str, Session>, last: &Value) -> BTreeMap<String, Vec<&'static str>> {
    let mut of: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for (word, session) in people {
        until(&format!("{word} is told of the last"), async || {
            told(session).await.iter().any(|item| item["comment_id"] == *last)
        })
        .await;
        for item in told(session).await {
            assert_eq!(item["kind"], "mentioned", "{word}: {item}");
            of.entry(item["comment_id"].as_str().unwrap_or("description").to_owned()).or_default().push(word);
        }
    }
    of
}

#[tokio::test]
async fn who_is_meant() {
    let w = world().await;
    let people = people(&w).await;
    let stranger = w.api.register("Stranger").await;
    let email = |word: &str| people[word].email().to_owned();
    let cases: Vec<(String, Vec<&'static str>)> = vec![
        ("@Eve".into(), vec!["eve"]),
        ("@Eve, look".into(), vec!["eve"]),
        ("(@eve)".into(), vec!["eve"]),
        ("line\n@EVE\nline".into(), vec!["eve"]),
        // The longest name that fits, where it ends.
        ("@Eve Lovelace".into(), vec!["eve lovelace"]),
        ("@eve LOVELACE's".into(), vec!["eve lovelace"]),
        ("@Eve Lovelaces".into(), vec!["eve"]),
        ("@Evelyn".into(), vec![]),
        ("@Eve2".into(), vec![]),
        // In any case of any script.
        ("@élodie ångström!".into(), vec!["élodie"]),
        ("@ÉLODIE ÅNGSTRÖM".into(), vec!["élodie"]),
        ("@Élodie".into(), vec![]),
        ("@Pat O'Neil-Jones.".into(), vec!["o'neil"]),
        // All of one name.
        ("@Sam Twin".into(), vec!["other twin", "twin"]),
        // Several, and one several times.
        ("@Eve @Eve @Eve Lovelace and @eve".into(), vec!["eve", "eve lovelace"]),
        ("@Eve@Eve".into(), vec!["eve"]),
        // Addresses.
        (format!("@{}", email("eve")), vec!["eve"]),
        (format!("@{} and", email("twin").to_uppercase()), vec!["twin"]),
        (format!("<@{}>, @{}.", email("eve"), email("élodie")), vec!["eve", "élodie"]),
        (format!("write to {}", email("eve")), vec![]),
        // Code mentions nobody.
        ("`@Eve`".into(), vec![]),
        ("```\n@Eve\n``` and `@Eve`, but @Sam Twin".into(), vec!["other twin", "twin"]),
        // No beginning, nobody, nothing.
        ("x@Eve".into(), vec![]),
        ("7@Eve".into(), vec![]),
        ("é@Eve".into(), vec![]),
        ("@ Eve".into(), vec![]),
        ("@".into(), vec![]),
        ("@@".into(), vec![]),
        ("@@Eve".into(), vec!["eve"]),
        ("@Nobody of that name".into(), vec![]),
        (format!("@{}", stranger.email()), vec![]),
        (format!("@{}@example.test", unique("nobody")), vec![]),
        ("@Stranger".into(), vec![]),
        ("Eve".into(), vec![]),
    ];
    let mut wanted = BTreeMap::new();
    for (content, who) in &cases {
        let comment = w.comment(&w.ada, "WEB-1", content).await;
        wanted.insert(comment["id"].as_str().unwrap().to_owned(), (content, who.clone()));
    }
    let everybody = people.values().map(|session| format!("@{}", session.email())).collect::<Vec<_>>().join(" ");
    let last = w.comment(&w.ada, "WEB-1", &everybody).await["id"].clone();

    let mut of = mentioned(&people, &last).await;
    assert_eq!(of.remove(last.as_str().unwrap()).map(|who| who.len()), Some(people.len()));
    let mut wrong = Vec::new();
    for (id, (content, mut who)) in wanted {
        who.sort_unstable();
        let mut got = of.remove(&id).unwrap_or_default();
        got.sort_unstable();
        if got != who {
            wrong.push(format!("{content:?}: wanted {who:?}, got {got:?}"));
        }
    }
    assert!(wrong.is_empty() && of.is_empty(), "{wrong:#?} {of:?}");
    assert_eq!(told(&stranger).await, Vec::<Value>::new());
    assert_eq!(told(&w.ada).await, Vec::<Value>::new(), "nobody else has said anything");
}

#[tokio::test]
async fn an_edited_comment_tells_those_alone_whom_it_has_not_told() {
    let w = world().await;
    let comment = w.comment(&w.ada, "WEB-1", "@Ben").await;
    let path = w.at(&format!("/comments/{}", comment["id"].as_str().unwrap()));
    for content in ["@Ben @Cid", "@Cid", "@Ben and @Cid once more", "nobody"] {
        w.ada.patch(&path, json!({"content": content})).await.expect(200);
    }
    let last = w.comment(&w.ada, "WEB-1", "@Ben @Cid, the last").await;
    for (person, excerpt) in [(&w.ben, "@Ben"), (&w.cid, "@Ben @Cid")] {
        until_told(person, 2).await;
        let told = told(person).await;
        let ids: Vec<_> = told.iter().map(|item| (&item["comment_id"], &item["kind"])).collect();
        let mentioned = json!("mentioned");
        assert_eq!(ids, [(&last["id"], &mentioned), (&comment["id"], &mentioned)]);
        assert_eq!(told[1]["excerpt"], excerpt);
    }
}

#[tokio::test]
async fn a_description_tells_those_whom_it_did_not_name_before() {
    let w = world().await;
    let new = json!({"title": "Two", "description": "For @Ben"});
    let task = w.ada.post(&w.at("/projects/WEB/tasks"), new).await.expect(201);
    let path = w.at("/tasks/WEB-2");
    for change in [
        json!({"description": "For @Ben and @Cid"}),
        json!({"title": "Three"}),
        json!({"description": "For @Cid and @Ben"}),
        json!({"description": "For nobody"}),
    ] {
        w.ada.patch(&path, change).await.expect(200);
    }
    let last = w.comment(&w.ada, "WEB-1", "@Ben @Cid").await;
    for (person, excerpt, title) in [(&w.ben, "For @Ben", "Two"), (&w.cid, "For @Ben and @Cid", "Two")] {
        until_told(person, 2).await;
        let told = told(person).await;
        assert_eq!(told.len(), 2, "{told:#?}");
        assert_eq!(told[0]["comment_id"], last["id"]);
        assert_eq!((&told[1]["kind"], &told[1]["excerpt"]), (&json!("mentioned"), &json!(excerpt)));
        assert_eq!(told[1]["comment_id"], Value::Null);
        assert_eq!(told[1]["task"], json!({"id": task["id"], "task_id": "WEB-2", "title": title}));
    }
    // Named once more after nobody was: that is new.
    w.ada.patch(&path, json!({"description": "For @Ben after all"})).await.expect(200);
    until_told(&w.ben, 3).await;
    assert_eq!(told(&w.ben).await[0]["excerpt"], "For @Ben after all");
}
