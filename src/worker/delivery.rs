use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::AbortHandle;

use super::inbox::{Delivery, Failure, Inbox, Message};
use crate::transport::{Transport, TransportError, TransportErrorKind};

/// Tells the worker how a request ended, even if the transport panics.
#[derive(Debug)]
struct Watch {
    inbox: Inbox,
    delivery: Option<Box<Delivery>>,
}

impl Delivery {
    /// What its envelope holds in memory, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.queued.as_ref().map_or(0, |queued| queued.envelope.len())
    }

    /// Sends the request on a task of its own; its end comes back as a message.
    pub(super) fn start(
        self: Box<Self>,
        request: http::Request<Bytes>,
        transport: Arc<dyn Transport>,
        inbox: Inbox,
        limit: Duration,
    ) -> AbortHandle {
        let mut watch = Watch { inbox, delivery: Some(self) };
        let task = tokio::spawn(async move {
            let answer = tokio::time::timeout(limit, transport.send(request)).await;
            let answer = answer.unwrap_or_else(|_| Err(endless()));
            watch.tell(answer.map_err(Failure::Transport));
        });
        task.abort_handle()
    }
}

/// What a transport without a limit of its own would never have said.
fn endless() -> TransportError {
    TransportError::new("the transport did not come to an end")
        .with_kind(TransportErrorKind::Timeout)
}

impl Watch {
    fn tell(&mut self, answer: Result<http::Response<Bytes>, Failure>) {
        if let Some(delivery) = self.delivery.take() {
            // No worker, nobody to tell.
            let _ = self.inbox.send(Message::Answered(delivery, answer));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let is_panic = std::thread::panicking();
        self.tell(Err(if is_panic { Failure::Panicked } else { Failure::Cut }));
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use http::{Request, Response};

    use super::super::arrivals::Arrivals;
    use super::*;

    /// Has no limit of its own.
    #[derive(Debug)]
    struct Endless;

    #[async_trait]
    impl Transport for Endless {
        async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_never_ends_is_given_up_as_one_without_an_answer() {
        let (inbox, mut told) = Arrivals::channel();
        let request = Request::new(Bytes::new());
        let limit = Duration::from_secs(60);
        Box::<Delivery>::default().start(request, Arc::new(Endless), inbox, limit);
        let Some(Message::Answered(_, Err(Failure::Transport(error)))) = told.next(false).await
        else {
            panic!("it ended in another way");
        };
        assert_eq!((error.kind, error.is_unsent()), (TransportErrorKind::Timeout, false));
    }
}
