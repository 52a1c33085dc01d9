use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request};

use super::Settings;
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
pub(super) fn start(settings: &Settings, deadline: Deadline, answer: SyncSender<Finding>) {
    let (server, transport) = (settings.endpoint.to_string(), Arc::clone(&settings.transport));
    let sent = SystemTime::now();
    let request = request(settings, sent);
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

fn request(settings: &Settings, now: SystemTime) -> Request<Bytes> {
    let report = Losses::default().report(now);
    let mut request = Request::new(report_envelope(&dsn_text(&settings.dsn), now, &report));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = settings.endpoint.clone();
    *request.headers_mut() = settings.headers.clone();
    request
}
