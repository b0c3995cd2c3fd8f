//! Ending the session of the access token that is shown.

use trellis_authn::Caller;

use super::Ops;
use crate::error::Error;

impl Ops {
    #[tracing::instrument(skip_all)]
    pub async fn logout(&self, caller: &Caller) -> Result<(), Error> {
        let user = caller.user()?;
        // Ended by someone else at the same moment: that is what was asked for.
        self.end_session(user.session, Some(user.id)).await?;
        Ok(())
    }
}
