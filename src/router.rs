use std::fmt;
use std::sync::Arc;

use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;

use crate::segment::Segment;

/// Which of several projects a segment is sent to, see
/// [`with_router`](crate::SentrySpanExporterBuilder::with_router).
///
/// A route is a name and the DSN of a project. What no route is for goes to the DSN of
/// [`with_dsn`](crate::SentrySpanExporterBuilder::with_dsn). A segment, which is a local root with
/// all below it, goes to one project with all its parts and errors.
///
/// ```
/// use opentelemetry_sentry::Router;
///
/// let router = Router::by_resource_attribute(
///     "service.name",
///     [
///         ("shop", "https://<key>@o1.ingest.sentry.io/42"),
///         ("billing", "https://<key>@o1.ingest.sentry.io/43"),
///     ],
/// );
/// # let _ = router;
/// ```
#[derive(Clone)]
#[must_use = "settings do nothing until they are given to `with_router`"]
pub struct Router {
    by: By,
    routes: Vec<Route>,
    drops_unknown: bool,
}

/// A name, and the DSN of the project that it stands for.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) dsn: String,
}

/// What names the route of a segment.
#[derive(Clone)]
enum By {
    Resource(Key),
    Root(Key),
    Closure(Arc<Choose>),
}

type Choose = dyn Fn(&Segment, &Resource) -> Option<String> + Send + Sync;

impl Router {
    /// Names the route by an attribute of the resource, for providers that share an exporter.
    ///
    /// Errors that leave before their root, and panics outside of all spans, go to the same
    /// project as the rest.
    pub fn by_resource_attribute<N: Into<String>, D: Into<String>>(
        key: impl Into<Key>,
        routes: impl IntoIterator<Item = (N, D)>,
    ) -> Self {
        Self::by(By::Resource(key.into()), routes)
    }

    /// Names the route by an attribute of the segment's root span, such as `tenant.id`.
    ///
    /// Errors wait for the root of their segment, because nobody else knows their project.
    ///
    /// ```
    /// use opentelemetry_sentry::{Router, SentrySpanExporter};
    ///
    /// let tenants = [
    ///     ("acme", "https://<key>@o1.ingest.sentry.io/42"),
    ///     ("globex", "https://<key>@o1.ingest.sentry.io/43"),
    /// ];
    /// let builder =
    ///     SentrySpanExporter::builder().with_router(Router::by_attribute("tenant.id", tenants));
    /// # let _ = builder;
    /// ```
    pub fn by_attribute<N: Into<String>, D: Into<String>>(
        key: impl Into<Key>,
        routes: impl IntoIterator<Item = (N, D)>,
    ) -> Self {
        Self::by(By::Root(key.into()), routes)
    }

    /// Names the route by a closure, which is given the segment and the resource of its provider.
    ///
    /// It runs on the exporter's thread. If it panics, the segment goes to
    /// [`with_dsn`](crate::SentrySpanExporterBuilder::with_dsn), if there is one, which is said once. Errors wait for the root of their segment, as with
    /// [`by_attribute`](Self::by_attribute).
    ///
    /// ```
    /// use opentelemetry_sentry::Router;
    ///
    /// let router = Router::new(
    ///     |segment, _resource| {
    ///         let root = segment.root()?;
    ///         root.name.starts_with("nightly ").then_some("jobs")
    ///     },
    ///     [("jobs", "https://<key>@o1.ingest.sentry.io/44")],
    /// );
    /// # let _ = router;
    /// ```
    pub fn new<C: Into<String>, N: Into<String>, D: Into<String>>(
        choose: impl Fn(&Segment, &Resource) -> Option<C> + Send + Sync + 'static,
        routes: impl IntoIterator<Item = (N, D)>,
    ) -> Self {
        let choose =
            move |segment: &Segment, resource: &Resource| choose(segment, resource).map(Into::into);
        Self::by(By::Closure(Arc::new(choose)), routes)
    }

    /// Drops what no route is for, in place of sending it to the DSN of
    /// [`with_dsn`](crate::SentrySpanExporterBuilder::with_dsn); it is counted as
    /// [`Unrouted`](crate::DropReason::Unrouted), and its errors with it. Without that DSN this is
    /// so in any case.
    pub fn with_unknown_dropped(mut self) -> Self {
        self.drops_unknown = true;
        self
    }

    fn by<N: Into<String>, D: Into<String>>(
        by: By,
        routes: impl IntoIterator<Item = (N, D)>,
    ) -> Self {
        let route = |(name, dsn): (N, D)| Route { name: name.into(), dsn: dsn.into() };
        Self { by, routes: routes.into_iter().map(route).collect(), drops_unknown: false }
    }

    pub(crate) fn routes(&self) -> &[Route] {
        &self.routes
    }

    pub(crate) fn drops_unknown(&self) -> bool {
        self.drops_unknown
    }

    /// Whether the resource alone names the route.
    pub(crate) fn is_by_resource(&self) -> bool {
        matches!(self.by, By::Resource(_))
    }

    /// The name that a resource gives to everything of its provider.
    pub(crate) fn name_by_resource(&self, resource: &Resource) -> Option<String> {
        match &self.by {
            By::Resource(key) => resource.get_ref(key).map(|value| value.as_str().into_owned()),
            By::Root(_) | By::Closure(_) => None,
        }
    }

    /// The name of the route of a segment. What the application does in it may panic.
    pub(crate) fn name(&self, segment: &Segment, resource: &Resource) -> Option<String> {
        match &self.by {
            By::Resource(_) => self.name_by_resource(resource),
            By::Root(key) => {
                let is_it = |entry: &&KeyValue| entry.key == *key;
                // The last one given counts.
                let found = segment.root()?.attributes.iter().rev().find(is_it)?;
                Some(found.value.as_str().into_owned())
            }
            By::Closure(choose) => choose(segment, resource),
        }
    }
}

impl Route {
    /// The name for errors; one that looks like an address may hold a key.
    pub(crate) fn shown(&self) -> &str {
        if self.name.contains(['@', '/']) { "[Filtered]" } else { &self.name }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match &self.by {
            By::Resource(key) => format!("the resource's {key}"),
            By::Root(key) => format!("the root's {key}"),
            By::Closure(_) => "a closure".to_owned(),
        };
        let routes: Vec<_> = self.routes.iter().map(Route::shown).collect();
        f.debug_struct("Router")
            .field("by", &by)
            .field("routes", &routes)
            .field("drops_unknown", &self.drops_unknown)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_dsn_is_shown_even_where_it_stands_in_the_place_of_a_name() {
        let dsn = "https://secret@sentry.example/42";
        let router = Router::by_attribute("tenant", [("shop", dsn), (dsn, "shop")]);
        let text = format!("{router:?}");
        assert!(text.contains("tenant") && text.contains("\"shop\", \"[Filtered]\""), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
