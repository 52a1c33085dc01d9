use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::inbox::{Delivery, Failure, Message};
use crate::protocol::ItemKind;
use crate::stats::Amount;
use crate::transport::Transport;

/// Tells the worker how a request ended, even if the transport panics.
#[derive(Debug)]
struct Watch {
    inbox: UnboundedSender<Message>,
    delivery: Option<Box<Delivery>>,
}

impl Amount {
    pub(super) fn of(kind: ItemKind, spans: u64) -> Self {
        match kind {
            ItemKind::Event => Self { events: 1, ..Self::default() },
            ItemKind::Transaction => Self { spans, transactions: 1, ..Self::default() },
        }
    }
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
        inbox: UnboundedSender<Message>,
        tasks: &mut JoinSet<()>,
    ) {
        let mut watch = Watch { inbox, delivery: Some(self) };
        tasks.spawn(async move {
            let answer = transport.send(request).await.map_err(Failure::Transport);
            watch.tell(answer);
        });
    }
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
