//! Every route on one page.
//!
//! A route is its method, its path, the query parameters it takes, and its handler. What stands behind a gate is
//! written inside of it, so that no route below an organization can be reached past the check of membership.

use axum::{
    Router,
    handler::Handler,
    middleware::from_fn_with_state,
    routing::{MethodFilter, any, on},
};
use http::StatusCode;

use crate::{
    app::App,
    auth, docs, edge,
    problem::Problem,
    query::{NONE, NOTIFICATIONS, PAGE, TASKS},
    rest::{
        activity, audit, comments, invitations, me, members, my_sessions, notifications, organizations, projects,
        sessions, tasks, watching,
    },
    well_known,
};

/// The collection whose members' paths are gated.
pub const ORGANIZATIONS: &str = "/api/v1/organizations";

fn routes(app: &App) -> Routes {
    Routes::default()
        // Open to everyone; a token that is shown is looked at by the list of organizations alone.
        .post("/api/v1/auth/register", NONE, sessions::register)
        .post("/api/v1/auth/login", NONE, sessions::login)
        .post("/api/v1/auth/refresh", NONE, sessions::refresh)
        .get("/api/v1/organizations", PAGE, organizations::list)
        .get("/api/v1/openapi.json", NONE, docs::document)
        .get("/docs", NONE, docs::page)
        .get("/docs/{file}", NONE, docs::asset)
        .get("/.well-known/jwks.json", NONE, well_known::jwks)
        .get("/healthz", NONE, well_known::health)
        .get("/readyz", NONE, well_known::ready)
        .merge(signed_in(app))
        .nest("/api/v1/organizations/{org}", organization(app))
}

/// For users.
fn signed_in(app: &App) -> Routes {
    Routes::default()
        .post("/api/v1/auth/logout", NONE, sessions::logout)
        .get("/api/v1/me", NONE, me::show)
        .patch("/api/v1/me", NONE, me::update)
        .post("/api/v1/me/password", NONE, me::change_password)
        .get("/api/v1/me/sessions", PAGE, my_sessions::list)
        .delete("/api/v1/me/sessions", NONE, my_sessions::revoke_others)
        .delete("/api/v1/me/sessions/{id}", NONE, my_sessions::revoke)
        .get("/api/v1/me/organizations", PAGE, organizations::mine)
        .get("/api/v1/me/notifications", NOTIFICATIONS, notifications::list)
        .post("/api/v1/me/notifications/{id}/read", NONE, notifications::read)
        .post("/api/v1/me/notifications/read-all", NONE, notifications::read_all)
        .get("/api/v1/me/notification-preferences", NONE, notifications::preferences)
        .patch("/api/v1/me/notification-preferences", NONE, notifications::update_preferences)
        .post("/api/v1/organizations", NONE, organizations::create)
        .post("/api/v1/invitations/accept", NONE, invitations::accept)
        .gate(|router| router.route_layer(from_fn_with_state(app.clone(), auth::signed_in)))
}

/// For members of the organization in the path. Whatever else is asked for below it meets the gate as well.
fn organization(app: &App) -> Routes {
    Routes::default()
        .get("/", NONE, organizations::show)
        .patch("/", NONE, organizations::update)
        .delete("/", NONE, organizations::delete)
        .get("/members", PAGE, members::list)
        .patch("/members/{user_id}", NONE, members::update)
        .delete("/members/{user_id}", NONE, members::remove)
        .get("/invitations", PAGE, invitations::list)
        .post("/invitations", NONE, invitations::create)
        .delete("/invitations/{id}", NONE, invitations::revoke)
        .get("/audit", PAGE, audit::list)
        .get("/projects", PAGE, projects::list)
        .post("/projects", NONE, projects::create)
        .get("/projects/{project}", NONE, projects::show)
        .patch("/projects/{project}", NONE, projects::update)
        .delete("/projects/{project}", NONE, projects::delete)
        .get("/projects/{project}/tasks", TASKS, tasks::list_of_project)
        .post("/projects/{project}/tasks", NONE, tasks::create)
        .get("/tasks", TASKS, tasks::list)
        .get("/tasks/{task_id}", NONE, tasks::show)
        .patch("/tasks/{task_id}", NONE, tasks::update)
        .delete("/tasks/{task_id}", NONE, tasks::delete)
        .get("/tasks/{task_id}/comments", PAGE, comments::list)
        .post("/tasks/{task_id}/comments", NONE, comments::create)
        .patch("/comments/{id}", NONE, comments::update)
        .delete("/comments/{id}", NONE, comments::delete)
        .get("/tasks/{task_id}/activity", PAGE, activity::list)
        .get("/tasks/{task_id}/watch", NONE, watching::show)
        .put("/tasks/{task_id}/watch", NONE, watching::watch)
        .delete("/tasks/{task_id}/watch", NONE, watching::unwatch)
        .gate(|router| router.fallback(nothing_here).layer(from_fn_with_state(app.clone(), auth::organization)))
}

/// What a nested router leaves to the outer one: its own path with a slash at the end.
fn organization_with_slash(app: &App) -> Router<App> {
    let nothing = any(nothing_here).layer(from_fn_with_state(app.clone(), auth::organization));
    Router::new().route("/api/v1/organizations/{org}/", nothing)
}

/// The whole gateway; `live` serves the sockets, and the graph, which knows of live events.
pub fn router(app: &App, live: Router) -> Router {
    routes(app)
        .router
        .merge(organization_with_slash(app))
        .fallback(nothing_here)
        .with_state(app.clone())
        .merge(live)
        .layer(from_fn_with_state(app.clone(), edge::edge))
}

/// What the router answers to, for the test of the OpenAPI document.
pub fn listed(app: &App) -> Vec<Route> {
    routes(app).listed
}

async fn nothing_here() -> Problem {
    Problem::status(StatusCode::NOT_FOUND)
}

/// One method of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub method: &'static str,
    pub path: String,
    pub query: &'static [&'static str],
}

/// A router that knows what is in it.
#[derive(Default)]
struct Routes {
    router: Router<App>,
    listed: Vec<Route>,
}

impl Routes {
    fn get<T: 'static>(self, path: &str, query: &'static [&'static str], handler: impl Handler<T, App>) -> Self {
        self.on(MethodFilter::GET, "get", path, query, handler)
    }

    fn post<T: 'static>(self, path: &str, query: &'static [&'static str], handler: impl Handler<T, App>) -> Self {
        self.on(MethodFilter::POST, "post", path, query, handler)
    }

    fn put<T: 'static>(self, path: &str, query: &'static [&'static str], handler: impl Handler<T, App>) -> Self {
        self.on(MethodFilter::PUT, "put", path, query, handler)
    }

    fn patch<T: 'static>(self, path: &str, query: &'static [&'static str], handler: impl Handler<T, App>) -> Self {
        self.on(MethodFilter::PATCH, "patch", path, query, handler)
    }

    fn delete<T: 'static>(self, path: &str, query: &'static [&'static str], handler: impl Handler<T, App>) -> Self {
        self.on(MethodFilter::DELETE, "delete", path, query, handler)
    }

    fn on<T: 'static>(
        mut self,
        filter: MethodFilter,
        method: &'static str,
        path: &str,
        query: &'static [&'static str],
        handler: impl Handler<T, App>,
    ) -> Self {
        let handler = on(filter, handler).route_layer(from_fn_with_state(query, crate::query::check));
        self.router = self.router.route(path, handler);
        self.listed.push(Route { method, path: path.to_owned(), query });
        self
    }

    fn gate(mut self, gate: impl FnOnce(Router<App>) -> Router<App>) -> Self {
        self.router = gate(self.router);
        self
    }

    fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.listed.extend(other.listed);
        self
    }

    fn nest(mut self, prefix: &str, inner: Self) -> Self {
        self.router = self.router.nest(prefix, inner.router);
        self.listed.extend(
            inner
                .listed
                .into_iter()
                .map(|route| Route { path: format!("{prefix}{}", route.path.trim_end_matches('/')), ..route }),
        );
        self
    }
}
