use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, SystemTime};

use super::Destination;
use super::inbox::Deadline;
use crate::check::Finding;
use crate::dsn::dsn_text;
use crate::protocol::report_envelope;
use crate::transport::{Losses, TransportError};

/// What is kept of the time for telling that it is over.
const KEPT: Duration = Duration::from_millis(50);

/// Asks the server whether it takes envelopes, past all queues and limits, and tells.
///
/// The probe reports that nothing was lost, so that nothing of it is to be seen in Sentry.
pub(super) fn start(to: Option<&Destination>, deadline: Deadline, answer: SyncSender<Finding>) {
    let Some(to) = to else { return drop(answer.try_send(Finding::Disabled)) };
    let (server, transport) = (to.endpoint.to_string(), Arc::clone(&to.transport));
    let sent = SystemTime::now();
    let report = Losses::default().report(sent);
    let request = to.request(report_envelope(&dsn_text(&to.dsn), sent, &report));
    let left = deadline.left().saturating_sub(KEPT);
    let sending = async move { tokio::time::timeout(left, transport.send(request)).await };
    // A task of its own, because a transport that panics ends it.
    let sending = tokio::spawn(sending);
    tokio::spawn(async move {
        let finding = match sending.await {
            Ok(Ok(answer)) => Finding::of(&answer, &server, sent, SystemTime::now()),
            Ok(Err(_)) => Finding::TimedOut { after: deadline.timeout },
            Err(_) => {
                let error = Err(TransportError::new("the transport panicked"));
                Finding::of(&error, &server, sent, SystemTime::now())
            }
        };
        // Whoever gave up waiting has dropped the other end.
        let _ = answer.try_send(finding);
    });
}
