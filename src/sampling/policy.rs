use std::cell::{Cell, OnceCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::trace::SpanData;

use super::rule::Rule;
use crate::mapping::{RootTitle, is_failure};
use crate::segment::Segment;

/// One line of the settings: segments of this kind are kept, or dropped.
#[derive(Clone)]
pub(super) enum Policy {
    KeepErrors,
    KeepSlowerThan(Duration),
    Keep(Rule),
    Drop(Rule),
    KeepIf(Arc<dyn Fn(&Segment) -> bool + Send + Sync>),
}

/// A segment, and what was found out about it on the way.
pub(super) struct Subject<'a> {
    segment: &'a Segment,
    root: &'a SpanData,
    title: OnceCell<RootTitle>,
    /// Whether a closure that was asked about it panicked.
    has_panicked: Cell<bool>,
}

impl Policy {
    /// What this policy does with the segments that it is about.
    pub(super) fn keeps(&self) -> bool {
        !matches!(self, Self::Drop(_))
    }

    /// The rule that tells which segments this policy is about.
    pub(super) fn rule(&self) -> Option<&Rule> {
        match self {
            Self::Keep(rule) | Self::Drop(rule) => Some(rule),
            Self::KeepErrors | Self::KeepSlowerThan(_) | Self::KeepIf(_) => None,
        }
    }

    /// Whether the policy is about this segment; one that panics keeps it.
    pub(super) fn matches(&self, subject: &Subject<'_>) -> bool {
        let look = AssertUnwindSafe(|| match self {
            Self::KeepErrors => subject.segment.spans.iter().any(is_failure),
            Self::KeepSlowerThan(limit) => subject.duration() > *limit,
            Self::Keep(rule) | Self::Drop(rule) => rule.matches(subject.root, || subject.title()),
            Self::KeepIf(is_kept) => is_kept(subject.segment),
        });
        catch_unwind(look).unwrap_or_else(|_| {
            subject.has_panicked.set(true);
            self.keeps()
        })
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeepErrors => f.write_str("KeepErrors"),
            Self::KeepSlowerThan(limit) => f.debug_tuple("KeepSlowerThan").field(limit).finish(),
            Self::Keep(rule) => f.debug_tuple("Keep").field(rule).finish(),
            Self::Drop(rule) => f.debug_tuple("Drop").field(rule).finish(),
            Self::KeepIf(_) => f.write_str("KeepIf"),
        }
    }
}

impl<'a> Subject<'a> {
    /// None for a segment without any span.
    pub(super) fn new(segment: &'a Segment) -> Option<Self> {
        let root = segment.root()?;
        Some(Self { segment, root, title: OnceCell::new(), has_panicked: Cell::new(false) })
    }

    pub(super) fn has_panicked(&self) -> bool {
        self.has_panicked.get()
    }

    pub(super) fn root(&self) -> &'a SpanData {
        self.root
    }

    fn duration(&self) -> Duration {
        self.root.end_time.duration_since(self.root.start_time).unwrap_or_default()
    }

    fn title(&self) -> &RootTitle {
        self.title.get_or_init(|| RootTitle::of(self.root))
    }
}
