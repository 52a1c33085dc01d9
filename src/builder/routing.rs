//! Which project something is sent to, where there are several.

use std::collections::HashMap;
use std::sync::Arc;

use super::SentrySpanExporterBuilder;
use super::destination::destination;
use crate::client::ClientSettings;
use crate::dsn::parse_dsn;
use crate::error::BuildError;
use crate::propagation::{Continuation, Origin};
use crate::router::{Route, Router};
use crate::transport::Transport;
use crate::worker::{Destination, Routing, Way};

const SETTING: &str = "with_router";

impl SentrySpanExporterBuilder {
    /// Sends segments to several projects: each to that which the router names. Default: none, and
    /// all goes to [`with_dsn`](Self::with_dsn), as does what the router names no project for.
    ///
    /// Each project has an equal share of [`with_queue_bytes`](Self::with_queue_bytes), at least
    /// 1 MiB, and of [`with_max_in_flight`](Self::with_max_in_flight), so that one that cannot be
    /// reached, or wants a pause, does not hold up the others. Routes with the same DSN share a
    /// project. A DSN that cannot work is an error of [`build`](Self::build) that names its route,
    /// an empty one too. It cannot be combined with a spool yet.
    ///
    /// ```no_run
    /// use opentelemetry_sentry::{Router, SentrySpanExporter};
    ///
    /// let exporter = SentrySpanExporter::builder()
    ///     .with_router(Router::by_resource_attribute(
    ///         "service.name",
    ///         [
    ///             ("shop", "https://<key>@o1.ingest.sentry.io/42"),
    ///             ("billing", "https://<key>@o1.ingest.sentry.io/43"),
    ///         ],
    ///     ))
    ///     .build()?;
    /// # Ok::<(), opentelemetry_sentry::BuildError>(())
    /// ```
    pub fn with_router(mut self, router: Router) -> Self {
        self.router = Some(router);
        self
    }
}

/// Checks all routes; from then on the default project has an origin of its own, as all others.
pub(super) fn routing(
    router: Router,
    default: &mut Option<Destination>,
    transport: Option<&(&'static str, Arc<dyn Transport>)>,
    client: &ClientSettings,
    continuation: &Continuation,
) -> Result<Routing, BuildError> {
    if router.routes().is_empty() {
        return Err(fault("it has no routes".into(), "give it pairs of a name and a DSN"));
    }
    let mut ways = HashMap::new();
    let mut others: Vec<Destination> = Vec::new();
    for route in router.routes() {
        let dsn = parse_dsn(SETTING, &route.dsn).map_err(|error| of_route(error, route))?;
        let is_default = default.as_ref().is_some_and(|to| to.dsn == dsn);
        let known = others.iter().position(|to| to.dsn == dsn).map(Way::other);
        let way = known
            .or(is_default.then_some(Way::DEFAULT))
            .unwrap_or_else(|| Way::other(others.len()));
        if way == Way::other(others.len()) {
            // Clients know nothing of a DSN but where it leads to.
            let mut before = default.iter().chain(&others);
            let same =
                before.find(|to| to.dsn.scheme() == dsn.scheme() && to.dsn.host() == dsn.host());
            let shared = same.map(|to| (SETTING, Arc::clone(&to.transport)));
            let transport = transport.cloned().or(shared);
            let to = destination(SETTING, &route.dsn, transport, client);
            let mut to = to.map_err(|error| of_route(error, route))?;
            to.origin = Some(Origin::of(&dsn, continuation.clone()));
            others.push(to);
        }
        if ways.insert(route.name.clone(), way).is_some() {
            let reason = format!("the route `{}` is there twice", route.shown());
            return Err(fault(reason, "give each route a name of its own"));
        }
    }
    if let Some(default) = default {
        default.origin = Some(Origin::of(&default.dsn, continuation.clone()));
    }
    Ok(Routing::new(router, ways, others, default.is_some()))
}

/// Why a router and a spool do not go together.
pub(super) fn no_spool() -> BuildError {
    fault("it cannot be combined with with_spool yet".into(), "leave one of the two out")
}

/// Why a router and errors of logs do not: of these nobody knows the root that says the way.
#[cfg(feature = "logs")]
pub(super) fn no_log_errors() -> BuildError {
    let remedy = "leave one of the two out";
    fault("it cannot be combined with with_log_errors yet".into(), remedy)
}

fn fault(reason: String, remedy: &'static str) -> BuildError {
    BuildError::InvalidSetting { setting: SETTING, reason, remedy }
}

/// Names the route in what is wrong with its DSN.
fn of_route(error: BuildError, route: &Route) -> BuildError {
    match error {
        BuildError::InvalidSetting { setting: SETTING, reason, remedy } => {
            fault(format!("the DSN of the route `{}`: {reason}", route.shown()), remedy)
        }
        other => other,
    }
}
