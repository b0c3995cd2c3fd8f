//! Turning ids and e-mails into users, for other services.

use trellis_authn::{Caller, ServiceName};
use trellis_rpc::{Code, Problem};
use uuid::Uuid;

use super::Ops;
use crate::{
    domain::{Email, User},
    error::Error,
    store::users,
};

/// Most ids and e-mails in all.
const MOST: usize = 500;

impl Ops {
    /// Those that there are, each once, in no order. What can be no id or e-mail is simply not there.
    #[tracing::instrument(skip_all)]
    pub async fn find_users(&self, caller: &Caller, ids: &[String], emails: &[String]) -> Result<Vec<User>, Error> {
        caller.service(&[ServiceName::Gateway, ServiceName::Org, ServiceName::Project])?;
        if ids.len() + emails.len() > MOST {
            let detail = format!("At most {MOST} ids and e-mails can be asked for at once.");
            return Err(Problem::new(Code::InvalidRequest, detail).into());
        }
        let ids: Vec<Uuid> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let emails: Vec<String> =
            emails.iter().filter(|email| !email.contains('\0')).map(|email| Email::canonical(email)).collect();
        if ids.is_empty() && emails.is_empty() {
            return Ok(Vec::new());
        }
        Ok(users::find(&mut *self.log.connection().await?, &ids, &emails).await?)
    }
}
