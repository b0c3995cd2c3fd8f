//! A proxy that asks as somebody else takes the authorization out of one method: the rows that need it must turn red.
//! A matrix that stays green over a hole would prove nothing.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt as _, stream};

use crate::{
    attackers::Attack,
    graphql, grpc, grpc_rows,
    matrix::{AT_ONCE, Needs, Outcome, Row},
    rest, sockets,
    world::{self, Victim, World},
};

/// What became of one row: by which method alone it turned red first.
struct Trial {
    row: String,
    red: Option<String>,
    /// Each method alone left it green: more than one of them refuses. All at once turned it red.
    red_together: bool,
    /// The proxies cannot reach what guards it: the gateway refuses before it asks anybody.
    at_the_gateway: bool,
}

/// Who tries it, where the proxies stand in the way: his credentials are his own in each victim, so all rows are
/// tried at once.
fn attacker(row: &Row) -> Option<(Attack, Outcome)> {
    match row.needs {
        Needs::Nobody(_) => None,
        Needs::User => Some((Attack::Expired, Outcome::Unauthenticated)),
        Needs::Own | Needs::Invitee | Needs::Member => Some((Attack::RemovedMember, Outcome::NotFound)),
        Needs::Author | Needs::Admin => Some((Attack::MemberForAdmin, Outcome::Forbidden)),
        Needs::Process(_) => Some((Attack::UserForProcess, Outcome::Forbidden)),
    }
}

async fn try_row(world: &Arc<World>, row: &Row) -> Option<Trial> {
    let (attack, wanted) = attacker(row)?;
    let direct = row.name.starts_with("trellis.");
    let mut trial = Trial { row: row.name.clone(), red: None, red_together: false, at_the_gateway: false };
    if row.needs == Needs::User && !direct {
        trial.at_the_gateway = true;
        return Some(trial);
    }
    let methods: Vec<String> = if direct {
        vec![grpc::method_of(&row.name).to_owned()]
    } else {
        world.calls_of(&row.name)?.into_iter().collect()
    };
    let victim = world.victim(row.needs).await;
    // The check of access that all of a service's methods share comes last: where one's own turns it red, that is told.
    for method in methods.iter().rev() {
        if is_red(world, row, &victim, attack, &wanted, std::slice::from_ref(method)).await {
            trial.red = Some(method.clone());
            return Some(trial);
        }
    }
    trial.red_together = is_red(world, row, &victim, attack, &wanted, &methods).await;
    Some(trial)
}

/// Whether the row tells that these methods ask nobody who he is.
async fn is_red(
    world: &Arc<World>,
    row: &Row,
    victim: &Victim,
    attack: Attack,
    wanted: &Outcome,
    methods: &[String],
) -> bool {
    let attacker = world.credentials(attack, victim, row);
    let (asker, instead) = (attacker.header(), world.who_may(victim, row).header().unwrap());
    for method in methods {
        world.proxies.mutate(method, asker.as_deref(), &instead);
    }
    let answer = row.ask(world, attacker, &victim.names).await;
    let mut reached = false;
    for method in methods {
        reached |= world.proxies.mend(method, asker.as_deref());
    }
    // A call that did not come through proves nothing.
    let lost = matches!(&answer.outcome, Outcome::Other(what) if what.to_lowercase().contains("unavailable"));
    reached && !lost && answer.outcome != *wanted
}

#[test]
fn an_operation_without_authorization_turns_its_rows_red() {
    world::run(|world| async move {
        let mut rows = grpc_rows::rows();
        rows.extend(rest::rows());
        rows.extend(graphql::rows(&world).await);
        rows.extend(sockets::rows(&world).await);
        // Where this test is the first, nobody knows yet which calls a row needs.
        for row in rows.iter().filter(|row| attacker(row).is_some()) {
            if world.calls_of(&row.name).is_none() {
                let wrong = row.control(&world, &world.victim(row.needs).await).await;
                assert_eq!(wrong, None);
            }
        }

        let trials: Vec<Trial> = stream::iter(&rows)
            .map(|row| try_row(&world, row))
            .buffered(AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await;
        let mut red: BTreeMap<&str, usize> = BTreeMap::new();
        for method in trials.iter().flat_map(|trial| &trial.red) {
            *red.entry(method).or_default() += 1;
        }
        let methods = grpc::methods();
        let green_methods: Vec<_> = methods.iter().filter(|method| !red.contains_key(method.as_str())).collect();
        let green_rows: Vec<_> = trials
            .iter()
            .filter(|trial| trial.red.is_none() && !trial.red_together && !trial.at_the_gateway)
            .map(|trial| &trial.row)
            .collect();
        for method in &methods {
            println!("{method}: {} rows turn red", red.get(method.as_str()).unwrap_or(&0));
        }
        let at_the_gateway = trials.iter().filter(|trial| trial.at_the_gateway).count();
        let together = trials.iter().filter(|trial| trial.red_together).count();
        println!(
            "{} mutants, {} rows: {together} need more than one mutant at once; {at_the_gateway} are guarded by the \
             gateway before it asks anybody (`make mutants` tries those)",
            methods.len(),
            trials.len(),
        );
        assert!(
            green_methods.is_empty() && green_rows.is_empty(),
            "without authorization nothing tells of it: methods {green_methods:#?}, rows {green_rows:#?}"
        );
    });
}
