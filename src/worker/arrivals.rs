use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout};

use super::inbox::{Answer, Message};

/// The messages for the thread, in the order in which they came, but that ends of requests come
/// before all others.
///
/// A burst of spans is let pass before work on it begins: what makes spans and what empties the
/// queue of the batch processor need the processors more than this thread does, because spans that
/// find that queue full are lost.
#[derive(Debug)]
pub(super) struct Arrivals {
    inbox: UnboundedReceiver<Message>,
    ends: VecDeque<Message>,
    others: VecDeque<Message>,
    /// Since when a burst is let pass that the first of the others belongs to.
    burst: Option<Instant>,
    is_waited_for: bool,
}

/// A burst is over when nothing comes for so long.
const LULL: Duration = Duration::from_millis(2);

/// How long work waits for the end of a burst.
const MAX_BURST: Duration = Duration::from_millis(200);

impl Arrivals {
    pub(super) fn new(inbox: UnboundedReceiver<Message>) -> Self {
        let (ends, others) = (VecDeque::new(), VecDeque::new());
        Self { inbox, ends, others, burst: None, is_waited_for: false }
    }

    /// Waits for the next message; no burst is let pass while somebody waits for what came before.
    /// Nothing is lost if the wait is given up.
    pub(super) async fn next(&mut self, is_waited_for: bool) -> Option<Message> {
        self.is_waited_for = is_waited_for;
        loop {
            if let Some(message) = self.next_now() {
                return Some(message);
            }
            let came = match self.burst {
                None => Some(self.inbox.recv().await?),
                Some(_) => timeout(LULL, self.inbox.recv()).await.ok().flatten(),
            };
            match came {
                Some(message) => self.sort(message),
                None => self.burst = None,
            }
        }
    }

    /// The next message if it is there already.
    pub(super) fn next_now(&mut self) -> Option<Message> {
        while let Ok(message) = self.inbox.try_recv() {
            self.sort(message);
        }
        self.burst.take_if(|since| self.is_waited_for || since.elapsed() >= MAX_BURST);
        if self.ends.is_empty() && self.burst.is_none() {
            return self.others.pop_front();
        }
        self.ends.pop_front()
    }

    /// Takes no more messages; those that were sent already still come.
    pub(super) fn close(&mut self) {
        self.inbox.close();
    }

    fn sort(&mut self, message: Message) {
        match &message {
            Message::Answered(..) => return self.ends.push_back(message),
            message if !can_wait(message) => self.burst = None,
            Message::Batch { is_burst: true, .. } if self.others.is_empty() => {
                self.burst = Some(Instant::now());
            }
            _ => {}
        }
        self.others.push_back(message);
    }
}

/// Whether nobody waits for what it asks for.
fn can_wait(message: &Message) -> bool {
    match message {
        Message::Batch { answer: Some(Answer::Room(_)), .. } => false,
        Message::Batch { is_burst, answer, .. } => *is_burst || answer.is_none(),
        #[cfg(feature = "logs")]
        Message::Logs { answer, .. } => answer.is_none(),
        Message::Flush(..) | Message::Leave(..) | Message::Shutdown(..) | Message::Check(..) => {
            false
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use super::super::inbox::{Deadline, Failure, Source};
    use super::*;
    use crate::segment::Batch;

    fn arrivals() -> (UnboundedSender<Message>, Arrivals) {
        let (sender, inbox) = unbounded_channel();
        (sender, Arrivals::new(inbox))
    }

    fn batch(is_burst: bool, answer: Option<Answer>) -> Message {
        let batch = Batch::of(Vec::new());
        Message::Batch { source: Source::default(), batch, is_burst, answer }
    }

    fn flush() -> Message {
        Message::Flush(Deadline::after(Duration::from_secs(1)), mpsc::sync_channel(1).0)
    }

    /// How long it took until the first message came, and how many came by then.
    async fn first(arrivals: &mut Arrivals) -> (Duration, usize) {
        let started = Instant::now();
        assert!(arrivals.next(false).await.is_some());
        (started.elapsed(), 1 + arrivals.others.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_pass_before_work_on_it_begins() {
        let (sender, mut arrivals) = arrivals();
        let burst = tokio::spawn(async move {
            for _ in 0..10 {
                sender.send(batch(true, None)).unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            sender
        });
        let (took, came) = first(&mut arrivals).await;
        assert_eq!(came, 10);
        assert!((Duration::from_millis(11)..Duration::from_millis(14)).contains(&took), "{took:?}");
        assert_eq!(std::iter::from_fn(|| arrivals.next_now()).count(), 9, "in their order");
        drop(burst.await);
        assert!(arrivals.next(false).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn work_on_a_burst_without_an_end_begins_all_the_same() {
        let (sender, mut arrivals) = arrivals();
        let burst = tokio::spawn(async move {
            while sender.send(batch(true, None)).is_ok() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let (took, _) = first(&mut arrivals).await;
        assert!(took >= MAX_BURST && took < MAX_BURST + LULL * 2, "{took:?}");
        burst.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_burst_and_what_somebody_waits_for_comes_at_once() {
        for messages in [vec![batch(false, None)], vec![flush()], vec![batch(true, None), flush()]]
        {
            let (sender, mut arrivals) = arrivals();
            let all = messages.len();
            messages.into_iter().for_each(|message| sender.send(message).unwrap());
            assert_eq!(first(&mut arrivals).await, (Duration::ZERO, all));
        }
        let (sender, mut arrivals) = arrivals();
        let (answer, _answered) = mpsc::sync_channel(1);
        sender.send(batch(true, Some(Answer::Room(answer)))).unwrap();
        assert_eq!(first(&mut arrivals).await, (Duration::ZERO, 1), "there is no room for more");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_request_overtakes_a_burst_that_was_let_pass() {
        let (sender, mut arrivals) = arrivals();
        (0..3).for_each(|_| sender.send(batch(true, None)).unwrap());
        assert_eq!(first(&mut arrivals).await.1, 3);
        let end = Message::Answered(Box::default(), Err(Failure::Cut));
        sender.send(end).unwrap();
        assert!(matches!(arrivals.next_now(), Some(Message::Answered(..))));
        assert!(matches!(arrivals.next(false).await, Some(Message::Batch { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_request_is_seen_to_while_a_burst_is_let_pass() {
        let (sender, mut arrivals) = arrivals();
        sender.send(batch(true, None)).unwrap();
        sender.send(Message::Answered(Box::default(), Err(Failure::Cut))).unwrap();
        let started = Instant::now();
        assert!(matches!(arrivals.next(false).await, Some(Message::Answered(..))));
        assert_eq!((started.elapsed(), arrivals.next_now().is_none()), (Duration::ZERO, true));
        assert!(matches!(arrivals.next(false).await, Some(Message::Batch { .. })));
        assert!(started.elapsed() >= LULL);
    }

    #[tokio::test(start_paused = true)]
    async fn no_burst_is_let_pass_while_somebody_waits() {
        let (sender, mut arrivals) = arrivals();
        sender.send(batch(true, None)).unwrap();
        let started = Instant::now();
        assert!(matches!(arrivals.next(true).await, Some(Message::Batch { .. })));
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_lost_where_the_wait_is_given_up() {
        let (sender, mut arrivals) = arrivals();
        sender.send(batch(true, None)).unwrap();
        assert!(timeout(Duration::from_millis(1), arrivals.next(false)).await.is_err());
        sender.send(flush()).unwrap();
        assert!(matches!(arrivals.next(false).await, Some(Message::Batch { .. })));
        assert!(matches!(arrivals.next(false).await, Some(Message::Flush(..))));
    }
}
