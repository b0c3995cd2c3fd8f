//! Gives events back to the gateways, which asked for their clients' access before.

use std::collections::HashMap;

use trellis_authn::{Caller, ServiceName};
use trellis_eventlog::LogError;
use trellis_proto::project::v1::{ReadEventsRequest, ReadEventsResponse, ReadHeadsRequest, ReadHeadsResponse};
use trellis_rpc::Violations;
use uuid::Uuid;

use super::{Ops, values::all_known};
use crate::{
    domain::Fault,
    error::{Error, Resource},
};

/// Most events of one answer.
const MAX_EVENTS: u32 = 500;
/// Most scopes of one question.
const MAX_SCOPES: usize = 1000;

impl Ops {
    pub async fn read_events(&self, caller: &Caller, request: ReadEventsRequest) -> Result<ReadEventsResponse, Error> {
        caller.service(&[ServiceName::Gateway]).map_err(Error::Caller)?;
        let mut violations = Violations::new();
        let scope = violations.check("scope", scope_id(&request.scope));
        if !(1..=MAX_EVENTS).contains(&request.limit) {
            violations.push("limit", "invalid", format!("must be 1 to {MAX_EVENTS}"));
        }
        all_known(violations)?;
        let page = match self.log.read(scope.unwrap_or_default(), request.after, request.limit).await {
            Err(LogError::NoScope) => return Err(Error::NotFound(Resource::Scope)),
            read => read?,
        };
        Ok(ReadEventsResponse {
            events: page.events,
            epoch: self.log.epoch().to_string(),
            head: page.head,
            oldest: page.oldest,
        })
    }

    pub async fn read_heads(&self, caller: &Caller, request: ReadHeadsRequest) -> Result<ReadHeadsResponse, Error> {
        caller.service(&[ServiceName::Gateway]).map_err(Error::Caller)?;
        let mut violations = Violations::new();
        if request.scopes.len() > MAX_SCOPES {
            violations.push("scopes", "too_long", format!("must be at most {MAX_SCOPES}"));
        }
        let scopes: Result<Vec<_>, _> = request.scopes.iter().map(|scope| scope_id(scope)).collect();
        let scopes = violations.check("scopes", scopes).unwrap_or_default();
        all_known(violations)?;
        let heads = self.log.heads(&scopes).await?;
        Ok(ReadHeadsResponse {
            epoch: self.log.epoch().to_string(),
            heads: heads.into_iter().map(|(scope, head)| (scope.to_string(), head)).collect::<HashMap<_, _>>(),
        })
    }
}

fn scope_id(text: &str) -> Result<Uuid, Fault> {
    Uuid::try_parse(text).map_err(|_| ("invalid", "must be a UUID".to_owned()))
}
