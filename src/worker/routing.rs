//! Which project a segment goes to, where there are several.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use opentelemetry::trace::TraceId;
use opentelemetry_sdk::Resource;

use super::Destination;
use super::inbox::Source;
use super::run::Worker;
use super::way::Way;
use crate::generations::{Generations, Limits, Weight};
use crate::router::Router;
use crate::segment::{Segment, SegmentKind};
use crate::stats::DropReason;

/// A router with what it has to know.
pub(crate) struct Routing {
    router: Router,
    ways: HashMap<String, Way>,
    /// Those of the ways but for the default one, in their order.
    destinations: Vec<Destination>,
    /// Where that goes which nobody names; nowhere if it is dropped.
    unknown: Option<Way>,
    /// Where that goes which was never asked about; nowhere without a default project.
    fallback: Option<Way>,
    sources: HashMap<Source, Resource>,
    /// Where the traces of the last while went.
    recent: Generations<(Source, TraceId), Option<Way>>,
}

/// The application's closure panicked.
#[derive(Debug, PartialEq, Eq)]
struct Panicked;

/// How much is known of traces.
const LIMITS: Limits = Limits::entries(5000);

impl Routing {
    pub(crate) fn new(
        router: Router,
        ways: HashMap<String, Way>,
        destinations: Vec<Destination>,
        has_default: bool,
    ) -> Self {
        let fallback = has_default.then_some(Way::DEFAULT);
        Self {
            unknown: fallback.filter(|_| !router.drops_unknown()),
            fallback,
            router,
            ways,
            destinations,
            sources: HashMap::new(),
            recent: Generations::new(LIMITS),
        }
    }

    pub(super) fn take_destinations(&mut self) -> Vec<Destination> {
        std::mem::take(&mut self.destinations)
    }

    fn note(&mut self, source: Source, resource: Resource) {
        self.sources.insert(source, resource);
    }

    /// Whether the root of a segment, or what is below it, has a say.
    pub(super) fn needs_root(&self) -> bool {
        !self.router.is_by_resource()
    }

    /// Where everything of a source goes, as far as its resource says it.
    fn of_source(&self, source: Source) -> Option<Way> {
        let name = self.sources.get(&source).and_then(|it| self.router.name_by_resource(it));
        self.named(name)
    }

    /// Where a segment goes. One that ended after its root follows the trace it belongs to.
    fn of_segment(&mut self, source: Source, segment: &Segment) -> Result<Option<Way>, Panicked> {
        if !self.needs_root() {
            return Ok(self.of_source(source));
        }
        let trace = segment.root().map(|root| (source, root.span_context.trace_id()));
        let is_rest = segment.kind != SegmentKind::Root;
        if let Some(way) =
            trace.filter(|_| is_rest).and_then(|trace| self.recent.peek(trace).copied())
        {
            return Ok(way);
        }
        let way = self.asked(source, segment);
        if let Some(trace) = trace {
            self.recent.insert(trace, way.as_ref().map_or(self.fallback, |way| *way));
        }
        way
    }

    /// Where a panic goes that went through no span that will come; never nowhere if there is
    /// any place for it.
    fn of_panic(&self, source: Source, alone: &Segment) -> Result<Option<Way>, Panicked> {
        Ok(self.asked(source, alone)?.or(self.fallback))
    }

    fn asked(&self, source: Source, segment: &Segment) -> Result<Option<Way>, Panicked> {
        let nothing = Resource::builder_empty();
        let name = catch_unwind(AssertUnwindSafe(|| match self.sources.get(&source) {
            Some(resource) => self.router.name(segment, resource),
            None => self.router.name(segment, &nothing.build()),
        }));
        name.map(|name| self.named(name)).map_err(|_| Panicked)
    }

    fn named(&self, name: Option<String>) -> Option<Way> {
        let way = name.and_then(|name| self.ways.get(&name));
        way.copied().or(self.unknown)
    }
}

impl Weight for Option<Way> {}

impl Worker {
    pub(super) fn note_resource(&mut self, source: Source, resource: Resource) {
        if let Some(routing) = &mut self.routing {
            routing.note(source, resource);
        }
    }

    /// Where a segment goes, with all its parts; nowhere if no route is for it.
    pub(super) fn way_of(&mut self, source: Source, segment: &Segment) -> Option<Way> {
        let Some(routing) = &mut self.routing else { return Some(Way::DEFAULT) };
        let (way, fallback) = (routing.of_segment(source, segment), routing.fallback);
        way.unwrap_or_else(|_| self.router_panicked(fallback))
    }

    /// The same of a panic that is sent alone.
    pub(super) fn way_of_panic(&mut self, source: Source, alone: &Segment) -> Option<Way> {
        let Some(routing) = &mut self.routing else { return Some(Way::DEFAULT) };
        let (way, fallback) = (routing.of_panic(source, alone), routing.fallback);
        way.unwrap_or_else(|_| self.router_panicked(fallback))
    }

    /// Where that goes of which the source is all that is known.
    pub(super) fn way_of_source(&self, source: Source) -> Option<Way> {
        self.routing.as_ref().map_or(Some(Way::DEFAULT), |routing| routing.of_source(source))
    }

    fn router_panicked(&mut self, fallback: Option<Way>) -> Option<Way> {
        let trouble = "the closure of with_router panicked; what it was given goes to with_dsn, if there is one";
        self.trouble(trouble.to_owned(), DropReason::HookPanicked);
        fallback
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};

    use super::*;
    use crate::mapping::stand_in;

    const SOURCE: Source = Source(1);

    /// A segment of this trace whose first span has this tenant.
    fn segment(trace: u128, kind: SegmentKind, tenant: Option<&'static str>) -> Segment {
        let context = SpanContext::new(
            trace.into(),
            SpanId::from(1),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        let now = std::time::UNIX_EPOCH;
        let event = opentelemetry::trace::Event::new("event", now, Vec::new(), 0);
        let mut segment = Segment::of(stand_in(context, event));
        segment.kind = kind;
        for span in &mut segment.spans {
            span.attributes.extend(tenant.map(|tenant| KeyValue::new("tenant", tenant)));
        }
        segment
    }

    fn routing(router: Router, has_default: bool) -> Routing {
        let ways = [("shop", 0), ("7", 1)].map(|(name, at)| (name.to_owned(), Way::other(at)));
        Routing::new(router, ways.into(), Vec::new(), has_default)
    }

    fn by_tenant(has_default: bool) -> Routing {
        routing(Router::by_attribute("tenant", [("shop", "")]), has_default)
    }

    #[test]
    fn what_ends_after_its_root_follows_it_and_other_traces_do_not() {
        let mut routing = by_tenant(true);
        let mut way =
            |trace, kind, tenant| routing.of_segment(SOURCE, &segment(trace, kind, tenant));
        assert_eq!(way(1, SegmentKind::Root, Some("shop")), Ok(Some(Way::other(0))));
        assert_eq!(way(1, SegmentKind::Late, None), Ok(Some(Way::other(0))));
        assert_eq!(way(1, SegmentKind::Orphan, Some("7")), Ok(Some(Way::other(0))));
        assert_eq!(way(2, SegmentKind::Orphan, Some("7")), Ok(Some(Way::other(1))));
        assert_eq!(way(2, SegmentKind::Late, None), Ok(Some(Way::other(1))));
        assert_eq!(way(3, SegmentKind::Late, None), Ok(Some(Way::DEFAULT)));
        assert_eq!(way(1, SegmentKind::Root, None), Ok(Some(Way::DEFAULT)));
    }

    #[test]
    fn the_unknown_goes_to_the_default_project_or_nowhere() {
        let unknown = segment(1, SegmentKind::Root, Some("other"));
        assert_eq!(by_tenant(true).of_segment(SOURCE, &unknown), Ok(Some(Way::DEFAULT)));
        assert_eq!(by_tenant(false).of_segment(SOURCE, &unknown), Ok(None));
        let router = Router::by_attribute("tenant", [("shop", "")]).with_unknown_dropped();
        let mut dropping = routing(router, true);
        assert_eq!(dropping.of_segment(SOURCE, &unknown), Ok(None));
        assert_eq!(dropping.of_panic(SOURCE, &unknown), Ok(Some(Way::DEFAULT)));
    }

    #[test]
    fn a_resource_decides_for_all_of_its_source_and_numbers_are_names() {
        let mut routing = routing(Router::by_resource_attribute("tenant", [("shop", "")]), true);
        let resource = Resource::builder_empty().with_attribute(KeyValue::new("tenant", 7)).build();
        routing.note(SOURCE, resource);
        let other = segment(1, SegmentKind::Root, Some("shop"));
        assert_eq!(routing.of_segment(SOURCE, &other), Ok(Some(Way::other(1))));
        assert_eq!(routing.of_source(SOURCE), Some(Way::other(1)));
        assert_eq!(routing.of_segment(Source(2), &other), Ok(Some(Way::DEFAULT)));
        assert!(!routing.needs_root());
    }

    #[test]
    fn a_closure_that_panics_names_nothing() {
        let choose = |_: &Segment, _: &Resource| -> Option<String> { panic!("no route") };
        let mut routing = routing(Router::new(choose, [("shop", "")]), true);
        let root = segment(1, SegmentKind::Root, Some("shop"));
        assert_eq!(routing.of_segment(SOURCE, &root), Err(Panicked));
        let late = segment(1, SegmentKind::Late, None);
        assert_eq!(routing.of_segment(SOURCE, &late), Ok(Some(Way::DEFAULT)));
    }
}
