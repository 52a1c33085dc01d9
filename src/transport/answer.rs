use std::time::Duration;

use ::http::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::time::{Instant, timeout_at};

/// How much of an answer is read so that its connection can be used again, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// How long the rest of an answer is waited for, once its status has come.
const BODY_WAIT: Duration = Duration::from_secs(1);

/// How much of an answer is kept, in bytes: enough for why it is a refusal.
const MAX_KEPT_BYTES: usize = 1024;

/// Reads what is left of an answer until the deadline, and tells whether that was all of it.
///
/// The status decides; a body that breaks off or never ends changes nothing about it. It is read
/// so that the connection can be used again, and only as far as that is cheap.
pub(super) async fn whole<B>(
    answer: Response<B>,
    deadline: Option<Instant>,
) -> (Response<Bytes>, bool)
where
    B: Body<Data = Bytes> + Unpin,
{
    let (head, mut body) = answer.into_parts();
    let mut kept = Bytes::new();
    let until = Instant::now().checked_add(BODY_WAIT).into_iter().chain(deadline).min();
    let read = read(&mut body, &mut kept);
    let is_whole = timeout_at(until.unwrap_or_else(Instant::now), read).await;
    (Response::from_parts(head, kept), is_whole.unwrap_or(false))
}

async fn read(body: &mut (impl Body<Data = Bytes> + Unpin), kept: &mut Bytes) -> bool {
    let mut read = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let Ok(mut chunk) = frame.into_data() else { continue };
        read = read.saturating_add(chunk.len());
        chunk.truncate(MAX_KEPT_BYTES.saturating_sub(kept.len()));
        *kept = if kept.is_empty() { chunk } else { [&**kept, &*chunk].concat().into() };
        if read > MAX_ANSWER_BYTES {
            return false;
        }
    }
    true
}
