//! Any method of any service, asked in JSON: what the descriptors tell is enough.

use std::sync::{Arc, OnceLock};

use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, SerializeOptions};
use serde_json::Value;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};
use trellis_proto::error::v1::Problem;

use crate::{
    matrix::{Answer, Call, Outcome},
    world::{Credentials, Names, World},
};

/// In place of a scheme: nothing is shown, headers only claim who asks.
pub const CLAIMED: &str = "claimed";

/// All services, as they describe themselves.
pub fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::decode(trellis_proto::DESCRIPTORS).unwrap())
}

/// Every method of every service: "trellis.org.v1.OrgService/Join".
pub fn methods() -> Vec<String> {
    let name = |method: MethodDescriptor| format!("{}/{}", method.parent_service().full_name(), method.name());
    pool().services().flat_map(|service| service.methods().map(name).collect::<Vec<_>>()).collect()
}

/// The method that a row asks; what stands after it tells one row from another.
pub fn method_of(row: &str) -> &str {
    row.split(' ').next().unwrap_or(row)
}

fn method(name: &str) -> MethodDescriptor {
    let (service, method) = name.split_once('/').unwrap();
    let service = pool().get_service_by_name(service).unwrap_or_else(|| panic!("there is no {name}"));
    service.methods().find(|each| each.name() == method).unwrap_or_else(|| panic!("there is no {name}"))
}

/// Asks; the answer as JSON.
pub async fn ask(world: &World, name: &str, who: &Credentials, message: &Value) -> Result<Value, Status> {
    let method = method(name);
    let mut request = Request::new(
        DynamicMessage::deserialize(method.input(), message).unwrap_or_else(|error| panic!("{name}: {error}")),
    );
    match (who.scheme, &who.token) {
        (CLAIMED, Some(user)) => {
            for name in ["x-user-id", "x-forwarded-user", "x-authenticated-userid", "trellis-user", "trellis-user-id"] {
                request.metadata_mut().insert(name, user.parse().unwrap());
            }
            request.metadata_mut().insert("trellis-role", "ADMIN".parse().unwrap());
            request.metadata_mut().insert("trellis-service", "gateway".parse().unwrap());
        }
        _ => {
            if let Some(header) = who.header() {
                request.metadata_mut().insert("authorization", header.parse().unwrap());
            }
        }
    }
    let mut client = Grpc::new(world.proxies.channel(name)).max_decoding_message_size(32 << 20);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::try_from(format!("/{name}")).unwrap();
    let answer = client.unary(request, path, Dynamic(method.output())).await?.into_inner();
    let options = SerializeOptions::new().skip_default_fields(false);
    Ok(answer.serialize_with_options(serde_json::value::Serializer, &options).unwrap())
}

/// One call of a row.
pub async fn send(call: Call, name: &'static str, template: Arc<Value>) -> Answer {
    let who = Credentials { scheme: call.scheme, token: call.token };
    judge(ask(&call.world, name, &who, &call.names.fill_json(&template)).await)
}

pub fn judge(answer: Result<Value, Status>) -> Answer {
    match answer {
        Ok(message) => Answer { outcome: Outcome::Success, seen: message.to_string() },
        Err(status) => {
            let problem = told(&status);
            let outcome = match status.code() {
                Code::Unauthenticated => Outcome::Unauthenticated,
                Code::PermissionDenied => Outcome::Forbidden,
                Code::NotFound => Outcome::NotFound,
                code => Outcome::Other(format!("{code:?}")),
            };
            Answer { outcome, seen: format!("{:?} {:?} {problem:?}", status.code(), status.message()) }
        }
    }
}

/// What the details of a status say.
fn told(status: &Status) -> Vec<Problem> {
    /// `google.rpc.Status`, as far as it is needed here.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Details {
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct Any {
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    let details = Details::decode(status.details()).unwrap_or_default().details;
    details.iter().filter_map(|any| Problem::decode(any.value.as_slice()).ok()).collect()
}

/// Whether a method refuses a user's token as such.
pub async fn is_unauthenticated(world: &World, name: &str, token: &str) -> bool {
    let message = match name {
        "trellis.project.v1.ProjectService/ListProjects" => serde_json::json!({"org": Names::absent().get("org")}),
        _ => serde_json::json!({}),
    };
    let answer = ask(world, name, &Credentials::user(token.to_owned()), &message).await;
    answer.is_err_and(|status| status.code() == Code::Unauthenticated)
}

/// Messages of a type that is known while the test runs.
struct Dynamic(MessageDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self(self.0.clone())
    }

    fn decoder(&mut self) -> Self {
        Self(self.0.clone())
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let message = DynamicMessage::decode(self.0.clone(), buffer);
        message.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
