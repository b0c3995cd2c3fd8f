//! Who waits for a connection, as a gauge shows it.

/// One that waits; counted until it is dropped, so that a cancelled wait is not counted for ever.
pub(crate) struct Waits(&'static str);

impl Waits {
    pub(crate) fn at(gauge: &'static str) -> Self {
        metrics::gauge!(gauge).increment(1.0);
        Self(gauge)
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        metrics::gauge!(self.0).decrement(1.0);
    }
}
