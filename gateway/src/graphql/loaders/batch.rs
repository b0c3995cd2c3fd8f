//! Keys, put together into as few calls as it takes.

use std::{collections::HashMap, hash::Hash};

use futures_util::future::join_all;
use tonic::{Code, Status};
use trellis_rpc::Problem;

use super::Loaded;
use crate::graphql::Refusal;

/// As many ids as services take at once.
pub const LARGEST: usize = 1_000;

/// Asks for every group of keys at the same time. `split` says which group a key belongs to and its id there, `ask`
/// finds ids of a group, and `missing` stands for what it leaves out. A group that is refused spoils no other.
pub async fn grouped<K, G, T, F>(
    keys: &[K],
    split: impl Fn(&K) -> (G, String),
    missing: impl Fn() -> Loaded<T>,
    ask: impl Fn(G, Vec<String>) -> F,
) -> HashMap<K, Loaded<T>>
where
    K: Hash + Eq + Clone,
    G: Hash + Eq + Clone,
    T: Clone,
    F: Future<Output = Result<Vec<(String, T)>, Status>>,
{
    let mut groups: HashMap<G, Vec<(String, K)>> = HashMap::new();
    for key in keys {
        let (group, id) = split(key);
        groups.entry(group).or_default().push((id, key.clone()));
    }
    let answers = groups.into_iter().map(|(group, keys)| {
        let (ask, missing) = (&ask, &missing);
        async move {
            let ids: Vec<String> = keys.iter().map(|(id, _)| id.clone()).collect();
            match in_parts(&ids, |part| ask(group.clone(), part)).await {
                Ok(found) => {
                    let found: HashMap<String, T> = found.into_iter().collect();
                    let value = |id: String| found.get(&id).map_or_else(missing, |value| Ok(value.clone()));
                    keys.into_iter().map(|(id, key)| (key, value(id))).collect::<Vec<_>>()
                }
                Err(status) => {
                    let refusal = Refusal::from(status);
                    keys.into_iter().map(|(_, key)| (key, Err(refusal.clone()))).collect()
                }
            }
        }
    });
    join_all(answers).await.into_iter().flatten().collect()
}

/// Whether the answer is larger than what a service gives, or the gateway takes, at once (long texts, many rows). A
/// service then has no parameter to blame.
fn too_large(status: &Status) -> bool {
    match status.code() {
        Code::OutOfRange => true,
        Code::InvalidArgument => Problem::from(status).fields.is_empty(),
        _ => false,
    }
}

/// One call for all ids if it can be: in parts where there are too many, and in ever smaller ones where the answer would
/// be too large.
async fn in_parts<T, F>(ids: &[String], ask: impl Fn(Vec<String>) -> F) -> Result<Vec<T>, Status>
where
    F: Future<Output = Result<Vec<T>, Status>>,
{
    let mut found = Vec::new();
    let mut parts: Vec<&[String]> = ids.chunks(LARGEST).collect();
    while let Some(part) = parts.pop() {
        match ask(part.to_vec()).await {
            Ok(values) => found.extend(values),
            Err(status) if too_large(&status) && part.len() > 1 => {
                let (one, other) = part.split_at(part.len() / 2);
                parts.extend([one, other]);
            }
            Err(status) => return Err(status),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn parts_are_as_large_as_they_can_be() {
        let ids: Vec<String> = (0..2_500).map(|id| id.to_string()).collect();
        let asked = Mutex::new(Vec::new());
        let mut found = in_parts(&ids, |part: Vec<String>| {
            asked.lock().unwrap().push(part.len());
            std::future::ready(if part.contains(&"2400".to_owned()) && part.len() > 200 {
                Err(Status::from(Problem::new(trellis_rpc::Code::InvalidRequest, "too much")))
            } else {
                Ok(part)
            })
        })
        .await
        .unwrap();
        found.sort_by_key(|id| id.parse::<u32>().unwrap());
        assert_eq!(found, ids);
        assert_eq!(asked.into_inner().unwrap(), [500, 250, 125, 125, 250, 1000, 1000]);
    }

    #[tokio::test]
    async fn a_group_that_is_refused_spoils_no_other() {
        let values = grouped(
            &[1_u8, 2, 3, 5],
            |key| (key % 2, key.to_string()),
            || Err(Problem::not_found("task").into()),
            async |group, ids: Vec<String>| match group {
                0 => Err(Problem::not_found("organization").into()),
                _ => Ok(ids.into_iter().filter(|id| id != "5").map(|id| (id.clone(), format!("{id}!"))).collect()),
            },
        )
        .await;
        assert_eq!(values[&1].as_deref().ok(), Some("1!"));
        assert_eq!(values[&3].as_deref().ok(), Some("3!"));
        assert!(values[&2].as_ref().is_err_and(|refusal| refusal.is_missing("organization")));
        assert!(values[&5].as_ref().is_err_and(|refusal| refusal.is_missing("task")));
    }
}
