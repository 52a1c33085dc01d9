use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;

use super::Destination;
use super::inbox::Deadline;
use crate::check::Finding;
use crate::dsn::dsn_text;
use crate::protocol::{Letterhead, Protocol, report_envelope};
use crate::transport::{Losses, TransportError};

/// What is kept of the time for telling that it is over.
const KEPT: Duration = Duration::from_millis(50);

/// Asks each server whether it takes envelopes, past all queues and limits, and tells what the
/// first of them says that does not, or else the first.
///
/// The probe reports that nothing was lost, so that nothing of it is to be seen in Sentry.
pub(super) fn start<'a>(
    to: impl Iterator<Item = &'a Destination>,
    protocol: Protocol,
    deadline: Deadline,
    answer: SyncSender<Finding>,
) {
    let asked: Vec<_> = to.map(|to| ask(to, protocol, deadline)).collect();
    tokio::spawn(async move {
        let mut told = None;
        for finding in asked {
            let Ok(finding) = finding.await else { continue };
            if told.as_ref().is_none_or(Finding::is_ok) && !(told.is_some() && finding.is_ok()) {
                told = Some(finding);
            }
        }
        // Whoever gave up waiting has dropped the other end.
        let _ = answer.try_send(told.unwrap_or(Finding::Disabled));
    });
}

/// Asks one of them.
fn ask(to: &Destination, protocol: Protocol, deadline: Deadline) -> JoinHandle<Finding> {
    let (server, transport) = (to.endpoint.to_string(), Arc::clone(&to.transport));
    let sent = SystemTime::now();
    let report = Losses::default().report(sent);
    let begin = Letterhead::of(&dsn_text(&to.dsn)).dated(sent);
    let request = to.request(report_envelope(&begin, &report));
    let left = deadline.left().saturating_sub(KEPT);
    let sending = async move { tokio::time::timeout(left, transport.send(request)).await };
    // A task of its own, because a transport that panics ends it.
    let sending = tokio::spawn(sending);
    tokio::spawn(async move {
        match sending.await {
            Ok(Ok(answer)) => Finding::of(&answer, (&server, protocol), sent, SystemTime::now()),
            Ok(Err(_)) => Finding::TimedOut { after: deadline.timeout },
            Err(_) => {
                let error = Err(TransportError::new("the transport panicked"));
                Finding::of(&error, (&server, protocol), sent, SystemTime::now())
            }
        }
    })
}
