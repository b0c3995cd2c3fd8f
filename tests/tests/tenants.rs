//! The shape of the tables that organizations share: read from the catalogue, so that a new table is judged, too.

use sqlx::{Connection as _, PgConnection, migrate::Migrator};
use trellis_local::testing;

/// Tables that belong to no organization, and why.
const SHARED: [(&str, &str); 13] = [
    ("_sqlx_migrations", "what was migrated"),
    ("log_epoch", "one row about the database"),
    ("scopes", "the numbers of events; by an id that only a check of access gives away"),
    ("event_log", "events; by their scope"),
    ("outbox", "what is yet to be published: scopes and numbers"),
    ("relay_stream", "one row about NATS"),
    ("republish", "what is to be published again: scopes and numbers"),
    ("idempotency_keys", "by user, whose first answers they are"),
    ("org_feed", "one row: how far org's feed was read"),
    ("leavings", "ids of deleted organizations whose rows are yet to go"),
    ("undigested", "events that notifications are yet to be made from: scopes and numbers"),
    ("notifications", "by user, whose they are; a list goes across organizations"),
    ("notification_preferences", "by user, whose they are"),
];

#[tokio::test]
async fn every_table_of_an_organization_says_so_and_no_foreign_key_leaves_it() {
    for service in ["org", "project"] {
        let database = tokio::task::spawn_blocking(move || testing::database(service)).await.unwrap().unwrap();
        let mut owner = PgConnection::connect(&database.owner_url).await.unwrap();
        let migrations = trellis_local::root().join("services").join(service).join("migrations");
        Migrator::new(migrations).await.unwrap().run(&mut owner).await.unwrap();

        let without: Vec<String> = sqlx::query_scalar(
            "SELECT relname::text FROM pg_class c
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT EXISTS (
                 SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND a.attnotnull
             )",
        )
        .fetch_all(&mut owner)
        .await
        .unwrap();
        for table in without {
            let known = SHARED.iter().any(|(name, _)| *name == table);
            assert!(known, "{service}: table {table} has no `org_id`, and no reason why");
        }

        // Each foreign key between tables of organizations takes `org_id` along, to `org_id`.
        let keys: Vec<(String, bool)> = sqlx::query_as(
            "SELECT k.conrelid::regclass || ': ' || pg_get_constraintdef(k.oid), EXISTS (
                 SELECT FROM unnest(k.conkey, k.confkey) AS pair (here, there)
                 JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = here AND a.attname = 'org_id'
                 JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = there AND b.attname = 'org_id'
             )
             FROM pg_constraint k
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attname = 'org_id'
             JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attname = 'org_id'
             WHERE k.contype = 'f'",
        )
        .fetch_all(&mut owner)
        .await
        .unwrap();
        assert!(keys.len() >= 3, "{service}: {keys:?}");
        for (key, composite) in keys {
            assert!(composite, "{service}: {key} can lead into another organization");
        }

        // The same of what rows are found by: a key without `org_id` is one that two organizations share.
        let unique: Vec<String> = sqlx::query_scalar(
            "SELECT i.indexrelid::regclass::text FROM pg_index i
             JOIN pg_attribute o ON o.attrelid = i.indrelid AND o.attname = 'org_id'
             JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace
             WHERE i.indisunique AND NOT o.attnum = ANY (i.indkey::int2[])",
        )
        .fetch_all(&mut owner)
        .await
        .unwrap();
        // Organizations have one set of names; an invitation is found by its id alone, before its organization is known.
        let known = ["organizations_slug", "organizations_name", "organizations_contact_email", "invitations_id"];
        let unknown: Vec<_> = unique.iter().filter(|name| !known.contains(&name.as_str())).collect();
        assert!(unknown.is_empty(), "{service}: unique across organizations: {unknown:?}");
        owner.close().await.unwrap();
    }
}
