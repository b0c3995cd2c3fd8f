//! Operations, from a request to a response: checked, run, and told in one shape of errors. HTTP and sockets alike.

use std::panic::AssertUnwindSafe;

use async_graphql::{
    Request, Response, ServerError, Value,
    parser::{self, parse_query, types::OperationType},
};
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use trellis_rpc::Code;

use super::{
    Viewer,
    inline::inline,
    limits::MOST_ERRORS,
    loaders::{Loaders, Loads},
    rules::Ran,
    schema::GraphQl,
    shape::Shape,
    tokens,
};

/// Runs operations.
#[derive(Clone)]
pub struct Executor {
    schema: GraphQl,
    introspection: bool,
}

/// An operation that is within every limit, parsed.
pub struct Prepared {
    request: Request,
    shape: Shape,
    pub kind: OperationType,
}

/// What came of an operation.
pub struct Executed {
    pub response: Response,
    /// Nothing was run: the operation is not valid, or exceeds a limit.
    pub refused: bool,
}

impl Executor {
    pub fn new(schema: GraphQl, introspection: bool) -> Self {
        Self { schema, introspection }
    }

    pub fn introspection(&self) -> bool {
        self.introspection
    }

    /// Everything that can be said of a request without the schema, before any work.
    pub fn prepare(&self, mut request: Request) -> Result<Prepared, Box<Response>> {
        let refused = |error: ServerError| Box::new(coded(Response::from_errors(vec![error])));
        tokens::check(&request.query).map_err(|exceeded| refused(ServerError::new(exceeded.to_string(), None)))?;
        let document = parse_query(tokens::unescaped(&request.query)).map_err(|error| refused(syntax(error)))?;
        let ready = inline(document, request.operation_name.as_deref(), &request.variables, self.introspection)
            .map_err(refused)?;
        // Conditions (`@include`) are looked up here alone, without the defaults of variables.
        for (name, default) in ready.defaults {
            request.variables.entry(name).or_insert(default);
        }
        request.set_parsed_query(ready.document);
        Ok(Prepared { request, shape: ready.shape, kind: ready.kind })
    }

    pub async fn execute(&self, viewer: Viewer, request: Request) -> Executed {
        match self.prepare(request) {
            Ok(prepared) => self.run(viewer, prepared).await,
            Err(response) => Executed { response: *response, refused: true },
        }
    }

    /// Runs a query or a mutation.
    pub async fn run(&self, viewer: Viewer, prepared: Prepared) -> Executed {
        if prepared.kind == OperationType::Subscription {
            let about =
                "Subscriptions come over WebSocket: at this address, with the subprotocol graphql-transport-ws.";
            let response = coded(Response::from_errors(vec![ServerError::new(about, None)]));
            return Executed { response, refused: true };
        }
        let ran = Ran::default();
        let (request, loads) = with_data(viewer, prepared.request, prepared.kind);
        let request = request.data(ran.clone());
        let running = AssertUnwindSafe(loads.drive(self.schema.execute(request))).catch_unwind();
        let response = told(&prepared.shape, running.await.unwrap_or_else(|_| panicked()));
        Executed { response, refused: !ran.get() }
    }

    /// Runs any operation: queries and mutations give one response, subscriptions as many as there are events. One that
    /// is refused gives one without data.
    pub fn stream(&self, viewer: Viewer, request: Request) -> BoxStream<'static, Response> {
        match self.prepare(request) {
            Ok(prepared) => {
                let (request, loads) = with_data(viewer, prepared.request, prepared.kind);
                let responses = loads.drive_stream(self.schema.execute_stream(request));
                let responses = AssertUnwindSafe(responses).catch_unwind();
                let shape = prepared.shape;
                responses.map(move |response| told(&shape, response.unwrap_or_else(|_| panicked()))).boxed()
            }
            Err(response) => stream::once(async { *response }).boxed(),
        }
    }
}

/// What the parser expected, in one line; its own message shows the document again.
fn syntax(error: parser::Error) -> ServerError {
    let mut error = ServerError::from(error);
    if let Some((_, expected)) = error.message.rsplit_once("\n  = ") {
        error.message = format!("Syntax error: {expected}.");
    }
    error
}

fn with_data(viewer: Viewer, request: Request, kind: OperationType) -> (Request, Loads) {
    let (loaders, loads) = Loaders::driven(&viewer, kind);
    (request.data(viewer).data(loaders), loads)
}

/// The panic itself was logged by whoever hooks panics; nobody else is told.
fn panicked() -> Response {
    tracing::error!("a resolver panicked");
    let mut error = ServerError::new("Something went wrong on our side.", None);
    error.extensions.get_or_insert_default().set("code", Code::Internal.as_str());
    Response::from_errors(vec![error])
}

/// As it was asked for.
fn told(shape: &Shape, response: Response) -> Response {
    let mut response = coded(response);
    shape.give(&mut response.data);
    response
}

/// Gives every error a code. Those of resolvers have theirs; the others say that the request was not right.
fn coded(mut response: Response) -> Response {
    if response.data == Value::Null {
        response.errors.truncate(MOST_ERRORS);
    }
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", Code::InvalidRequest.as_str());
        }
    }
    response
}

#[cfg(test)]
#[path = "execute_tests.rs"]
mod tests;
