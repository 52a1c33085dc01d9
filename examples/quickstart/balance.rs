//! Compares what the services sent with what arrived, so that a span lost on
//! the way cannot go unnoticed.

use std::fmt::{Display, Formatter, Result};

use opentelemetry_sentry::Stats;

use crate::common::arrivals::Arrivals;
use crate::common::receiver::Inbox;
use crate::requests;
use crate::telemetry::Summary;

/// The closing line of a run.
pub struct Balance<'a> {
    pub summaries: &'a [Summary],
    pub inbox: &'a Inbox,
    pub arrivals: &'a Arrivals,
}

impl Balance<'_> {
    /// What is wrong, one sentence each.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.inbox.refusals.clone();
        let (ended, arrived) = (self.ended(), self.arrived());
        if ended != arrived {
            problems.push(format!("{ended} spans ended, {arrived} arrived"));
        }
        for issue in &self.arrivals.issues {
            if self.arrivals.span_of(issue).is_none() {
                problems.push(format!("no span arrived for {:?}", issue.chain));
            }
        }
        for transaction in requests::FAILING {
            if !self.has_issue_in(transaction) {
                problems.push(format!("no issue arrived for {transaction}"));
            }
        }
        problems.extend(self.summaries.iter().filter_map(Summary::problem));
        problems
    }

    fn has_issue_in(&self, transaction: &str) -> bool {
        let issues = self.arrivals.issues.iter();
        issues
            .filter_map(|issue| self.arrivals.span_of(issue))
            .any(|span| span.transaction == transaction)
    }

    fn ended(&self) -> u64 {
        self.summaries.iter().map(|summary| summary.ended).sum()
    }

    fn arrived(&self) -> u64 {
        self.arrivals.spans.len() as u64
    }
}

impl Display for Balance<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let (ended, arrived) = (self.ended(), self.arrived());
        write!(
            out,
            "spans ended {ended} {} arrived {arrived} · issues {} · \
             envelopes {} · {} bytes on the wire",
            sign(ended, arrived),
            self.arrivals.issues.len(),
            self.inbox.envelopes.len(),
            self.inbox.wire_bytes,
        )
    }
}

impl Display for Summary {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let Stats { spans_delivered, transactions_delivered, events_delivered, .. } = self.stats;
        write!(
            out,
            "{:<10} spans ended {} {} delivered {spans_delivered} · \
             transactions {transactions_delivered} · issues {events_delivered}",
            self.service,
            self.ended,
            sign(self.ended, spans_delivered),
        )
    }
}

impl Summary {
    /// Holds the exporter's own count against the independent one.
    pub fn problem(&self) -> Option<String> {
        let Self { service, ended, .. } = self;
        let delivered = self.stats.spans_delivered;
        if delivered != *ended {
            Some(format!("{service}: {ended} spans ended, {delivered} delivered"))
        } else if self.stats.events_delivered == 0 {
            Some(format!("{service}: its error was not delivered"))
        } else {
            None
        }
    }
}

fn sign(ended: u64, arrived: u64) -> char {
    if ended == arrived { '=' } else { '≠' }
}
