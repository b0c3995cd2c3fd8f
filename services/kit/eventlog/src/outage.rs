//! Which errors of the database pass by themselves.

/// Whether the database is away or at its limits, so that trying again makes sense.
pub fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        // A connection that was cut while it was being made: an answer that is none.
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_passing(&code)),
        _ => false,
    }
}

/// Connections (08), resources (53), cancelled or shut down (57), deadlock and serialization (40), lock not free
/// (55P03), a transaction that was ended for idling (25P03), a standby that was told to write (25006).
fn is_passing(code: &str) -> bool {
    ["08", "53", "57", "40"].iter().any(|class| code.starts_with(class)) || matches!(code, "55P03" | "25P03" | "25006")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_is_wrong() {
        for code in ["08006", "53300", "57P01", "57014", "40001", "40P01", "55P03", "25P03", "25006"] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["23505", "42P01", "22001", "25001", "55000", ""] {
            assert!(!is_passing(code), "{code}");
        }
        assert!(is_outage(&sqlx::Error::PoolTimedOut));
        assert!(is_outage(&sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".to_owned())));
        assert!(!is_outage(&sqlx::Error::RowNotFound));
    }
}
