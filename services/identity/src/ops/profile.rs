//! What users see and change of themselves.

use trellis_authn::Caller;
use trellis_rpc::Violations;

use super::Ops;
use crate::{
    domain::{Name, User},
    error::Error,
    store::users,
};

impl Ops {
    #[tracing::instrument(skip_all)]
    pub async fn me(&self, caller: &Caller) -> Result<User, Error> {
        let user = caller.user()?;
        users::signed_in(&mut *self.log.connection().await?, user.id, user.session).await?.ok_or(Error::Unauthenticated)
    }

    #[tracing::instrument(skip_all)]
    pub async fn rename_me(&self, caller: &Caller, name: Option<&str>) -> Result<User, Error> {
        let user = caller.user()?;
        let Some(name) = name else {
            return self.me(caller).await;
        };
        let mut violations = Violations::new();
        let name = violations.check("name", Name::parse(name));
        violations.finish()?;
        let name = name.ok_or_else(|| Error::Unexpected("a name was refused without a word".into()))?;
        let mut tx = self.log.begin_unlogged().await?;
        let renamed = users::rename(tx.conn(), user.id, user.session, &name).await?;
        let renamed = renamed.ok_or(Error::Unauthenticated)?;
        tx.commit().await?;
        Ok(renamed)
    }
}
