//! Draws what arrived, without times and ids that are others in each run.
//!
//! `▸` stands before a transaction, `!` before an issue, `→` before a link.

use std::fmt::{Display, Formatter, Result};

use super::arrivals::{Arrivals, Issue, Span};

const LABEL: usize = 60;

/// Spans below their parents, with their links and issues.
pub struct Outline<'a> {
    arrivals: &'a Arrivals,
    has_frames: bool,
}

impl<'a> Outline<'a> {
    pub fn of(arrivals: &'a Arrivals) -> Self {
        Self { arrivals, has_frames: false }
    }

    /// Tells the files that errors come from, which depends on the build and on `RUST_BACKTRACE`.
    pub fn with_frames(self) -> Self {
        Self { has_frames: true, ..self }
    }
}

impl Display for Outline<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        for (depth, span) in self.arrivals.traces().into_iter().flatten() {
            self.span(out, &"  ".repeat(depth), span)?;
        }
        let is_lost = |issue: &&Issue| self.arrivals.span_of(issue).is_none();
        self.arrivals.issues.iter().filter(is_lost).try_for_each(|issue| self.issue(out, "", issue))
    }
}

impl Outline<'_> {
    fn span(&self, out: &mut Formatter<'_>, indent: &str, span: &Span) -> Result {
        let sign = if span.is_root { "▸ " } else { "" };
        let label = format!("{indent}{sign}{}", span.label());
        writeln!(out, "{label:<LABEL$} {}", span.status)?;
        let indent = format!("{indent}{}    ", if span.is_root { "  " } else { "" });
        let knows = |id: &String| self.arrivals.spans.iter().any(|span| span.id == *id);
        if let Some(parent) = span.parent.as_ref().filter(|parent| !knows(parent)) {
            writeln!(out, "{indent}below {parent} of another service")?;
        }
        for link in &span.links {
            let linked = self.arrivals.spans.iter().find(|span| span.id == *link);
            let label = linked.map_or_else(|| link.clone(), Span::label);
            writeln!(out, "{indent}→ {label}")?;
        }
        let is_here = |issue: &&Issue| issue.trace == span.trace && issue.span == span.id;
        self.arrivals
            .issues
            .iter()
            .filter(is_here)
            .try_for_each(|issue| self.issue(out, &indent, issue))
    }

    fn issue(&self, out: &mut Formatter<'_>, indent: &str, issue: &Issue) -> Result {
        let title = issue.chain.first().cloned();
        let causes = issue.chain.iter().skip(1).map(|title| format!("caused by {title}"));
        let message = issue.message.iter().map(|message| format!("{message:?}"));
        for (depth, text) in title.into_iter().chain(causes).chain(message).enumerate() {
            writeln!(out, "{indent}{} {text}", if depth == 0 { "!" } else { " " })?;
        }
        if issue.level != "error" {
            let handled = if issue.is_handled { "handled" } else { "not handled" };
            writeln!(out, "{indent}  {}, {handled}", issue.level)?;
        }
        match issue.frames.iter().find(|frame| self.has_frames && frame.in_app) {
            Some(frame) => writeln!(out, "{indent}  in {}", file_name(&frame.location)),
            None => Ok(()),
        }
    }
}

fn file_name(location: &str) -> &str {
    let path = location.split(':').next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}
