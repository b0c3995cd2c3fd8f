//! The OpenAPI document, made from the code, and the page that shows it.

use std::sync::{Arc, LazyLock};

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use trellis_rpc::Code;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, Components, Content, HeaderBuilder, Object, OpenApi as Document, RefOr, Required, ResponseBuilder,
        Schema, Type,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, serve};

use crate::{json, problem, problem::Problem, rest, well_known};

/// Where the document is.
const DOCUMENT: &str = "/api/v1/openapi.json";

const ABOUT: &str = "Objects are snake_case JSON, ids UUIDv7, times RFC 3339 in UTC. What a request sends that is not \
    known is refused, never ignored. What is asked for too often is refused with 429 and `Retry-After`; \
    `RateLimit-Policy` and `RateLimit` say what is left of limits of a route, and of any that refuses. Live events come \
    over the WebSocket at `/api/v1/live`.";

#[derive(OpenApi)]
#[openapi(
    info(title = "Trellis", description = ABOUT, license(name = "Apache-2.0", identifier = "Apache-2.0")),
    paths(
        rest::sessions::register, rest::sessions::login, rest::sessions::refresh, rest::sessions::logout,
        rest::me::show, rest::me::update, rest::me::change_password, rest::organizations::mine,
        rest::my_sessions::list, rest::my_sessions::revoke, rest::my_sessions::revoke_others,
        rest::organizations::list, rest::organizations::create, rest::organizations::show,
        rest::organizations::update, rest::organizations::delete, rest::audit::list,
        rest::members::list, rest::members::update, rest::members::remove,
        rest::invitations::list, rest::invitations::create, rest::invitations::revoke, rest::invitations::accept,
        rest::projects::list, rest::projects::create, rest::projects::show, rest::projects::update,
        rest::projects::delete,
        rest::tasks::list, rest::tasks::list_of_project, rest::tasks::create, rest::tasks::show,
        rest::tasks::update, rest::tasks::delete, rest::activity::list,
        rest::comments::list, rest::comments::create, rest::comments::update, rest::comments::delete,
        rest::notifications::list, rest::notifications::read, rest::notifications::read_all,
        rest::notifications::preferences, rest::notifications::update_preferences,
        rest::watching::show, rest::watching::watch, rest::watching::unwatch,
        document, page, asset, well_known::jwks, well_known::health, well_known::ready,
    ),
    components(schemas(problem::Shown, problem::FieldError, json::ProjectStatus, json::TaskStatus, json::Role,
        json::JoinPolicy)),
    security(("bearer" = [])),
    modifiers(&Conventions),
    tags(
        (name = "auth", description = "How a session begins, goes on and ends"),
        (name = "me", description = "One's own account"),
        (name = "organizations", description = "The tenants"),
        (name = "members", description = "Who belongs to an organization"),
        (name = "invitations", description = "Who may come to belong to one"),
        (name = "projects"), (name = "tasks"), (name = "comments"),
        (name = "notifications", description = "What one should see, and what one watches"),
        (name = "service", description = "For machines"),
    ),
)]
struct Described;

/// The document as text, as it is committed and served.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let mut text = Described::openapi().to_pretty_json().expect("a document made of maps and texts");
        text.push('\n');
        text
    });
    &TEXT
}

/// This document
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "service", operation_id = "getOpenApi",
    responses((status = 200, body = Object)), security(()))]
pub async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], text()).into_response()
}

/// A page to read this and try it
#[utoipa::path(get, path = "/docs", tag = "service", operation_id = "getDocs",
    responses((status = 200, content_type = "text/html", body = String)), security(()))]
pub async fn page() -> Response {
    file("index.html")
}

/// What the page is made of
#[utoipa::path(get, path = "/docs/{file}", tag = "service", operation_id = "getDocsFile",
    responses((status = 200, content_type = "application/octet-stream", body = String)), security(()))]
pub async fn asset(Path(name): Path<String>) -> Response {
    file(&name)
}

/// Nothing is loaded from anywhere else, which the browser holds us to.
const OWN_ASSETS: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'",
);

fn file(name: &str) -> Response {
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
        // The validator is another host's.
        Arc::new(Config::new([DOCUMENT]).validator_url("none").use_base_layout().persist_authorization(false))
    });
    match serve(name, Arc::clone(&CONFIG)) {
        Ok(Some(file)) => {
            let bytes = if name == "index.html" { from_root(&file.bytes) } else { file.bytes.into_owned() };
            let mut response = bytes.into_response();
            let headers = response.headers_mut();
            if let Ok(kind) = HeaderValue::from_str(&file.content_type) {
                headers.insert(header::CONTENT_TYPE, kind);
            }
            headers.insert(header::CONTENT_SECURITY_POLICY, OWN_ASSETS);
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            response
        }
        Ok(None) => Problem::status(StatusCode::NOT_FOUND).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page of the documentation cannot be made");
            Problem::internal().into_response()
        }
    }
}

/// The page is at `/docs`, without a slash at the end, so that its relative addresses would miss its files.
fn from_root(page: &[u8]) -> Vec<u8> {
    let page = String::from_utf8_lossy(page);
    let page = page.replace("\"./", "\"/docs/").replace("\"index.css", "\"/docs/index.css");
    page.replace("<title>Swagger UI</title>", "<title>Trellis API</title>").into_bytes()
}

/// What holds for every operation, said once.
struct Conventions;

impl Modify for Conventions {
    fn modify(&self, document: &mut Document) {
        env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        list_codes(components);
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in operations(item) {
                let parameters = operation.parameters.get_or_insert_default();
                // What a handler's arguments say of the path would be said twice.
                parameters.retain(|known| !matches!(known, RefOr::T(known) if known.parameter_in == ParameterIn::Path));
                parameters.splice(0..0, path_parameters(path));
                describe(path, method, operation);
            }
        }
    }
}

/// Says which codes there are, and under which status each comes.
fn list_codes(components: &mut Components) {
    let of_http = [405, 408, 413, 415, 431].into_iter().filter_map(|status| StatusCode::from_u16(status).ok());
    let problems = Code::ALL.into_iter().map(|code| Problem::of(code, "")).chain(of_http.map(Problem::status));
    let mut codes: Vec<_> =
        problems.map(|problem| format!("`{}` ({})", problem.code(), problem.http_status().as_u16())).collect();
    codes.sort_by_key(|told| told.split_once(" (").map(|(_, status)| status.to_owned()));
    let Some(RefOr::T(Schema::Object(shown))) = components.schemas.get_mut("Problem") else { return };
    if let Some(RefOr::T(Schema::Object(code))) = shown.properties.get_mut("code") {
        code.description = Some(format!("A stable snake_case word; there may be more. {}.", codes.join(", ")));
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, put, post, patch, delete, .. } = item;
    [("get", get), ("put", put), ("post", post), ("patch", patch), ("delete", delete)]
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn path_parameters(path: &str) -> impl Iterator<Item = RefOr<Parameter>> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        let about = match name {
            "org" => "The organization's slug.",
            "project" => "The project's slug or key.",
            "task_id" => "`WEB-1`, in any case.",
            _ => "",
        };
        let parameter = parameter(name, ParameterIn::Path, about);
        parameter.required(Required::True).build().into()
    })
}

fn parameter(name: &str, place: ParameterIn, about: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .description((!about.is_empty()).then_some(about))
        .schema(Some(Object::with_type(Type::String)))
}

/// Headers and refusals, by the rules that the handlers follow.
fn describe(path: &str, method: &str, operation: &mut Operation) {
    let one_object = ["/{org}", "/projects/{project}", "/tasks/{task_id}"].iter().any(|end| path.ends_with(end));
    let in_a_project = (path.contains("/{org}/projects/") || path.contains("/tasks/") || path.contains("/comments"))
        && !path.ends_with("/watch");
    let reflects_my_order = path.contains("/me/notifications");
    let api = path.starts_with("/api/v1/") && path != DOCUMENT;
    let parameters = operation.parameters.get_or_insert_default();
    if one_object && matches!(method, "patch" | "delete") {
        let about = "Entity tags; the change is only made where one of them is current, else 412.";
        parameters.push(parameter("If-Match", ParameterIn::Header, about).required(Required::False).build().into());
    }
    let keyed = api && method == "post" && !path.contains("/auth/");
    if keyed {
        let about = "1–64 visible ASCII characters: the work is done once per user and key for 24 h. \
                     Sent again meanwhile, a request waits for the first answer \
                     (5 s, then 409 `idempotency_in_flight` or 503).";
        parameters
            .push(parameter("Idempotency-Key", ParameterIn::Header, about).required(Required::False).build().into());
    }
    if parameters.is_empty() {
        operation.parameters = None;
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else {
            continue;
        };
        if response.description.is_empty() {
            let done = if status == "204" { "Done; there is nothing to say" } else { "Done" };
            done.clone_into(&mut response.description);
        }
        let mut header = |name: &str, about: &str| {
            let header =
                HeaderBuilder::new().schema(Some(Object::with_type(Type::String))).description(Some(about)).build();
            response.headers.insert(name.to_owned(), header.into());
        };
        if status == "201" {
            header("Location", "Where the new object is.");
        }
        if keyed && status.starts_with('2') {
            header("Idempotent-Replayed", "`true` where this is the first answer once more.");
        }
        let versioned = one_object
            || ["/organizations", "/projects", "/projects/{project}/tasks"]
                .iter()
                .any(|end| method == "post" && path.ends_with(end));
        if versioned && method != "delete" {
            header("ETag", "The object's version.");
        }
        if in_a_project || path.ends_with("/projects") && method == "post" {
            header("Trellis-Cursor", "The place in the project's order of events that the answer reflects.");
        }
        if reflects_my_order {
            header(
                "Trellis-Cursor",
                "The place in my own order of events (the topic `notifications`) that it reflects.",
            );
        }
    }
    if api || path == "/readyz" || path.contains("jwks") {
        let refusal = ResponseBuilder::new()
            .description("Any refusal")
            .content("application/problem+json", Content::new(Some(openapi::Ref::from_schema_name("Problem"))))
            .build();
        operation.responses.responses.insert("default".to_owned(), refusal.into());
    }
}
