use std::fmt;
use std::time::Duration;

use ::http::{Request, Response, Uri};
use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::answer::whole;
use super::broken::Broken;
use super::idle::Idle;
use super::line::Line;

/// Exchanges requests for answers on connections that somebody else makes.
pub(super) struct Direct {
    timeout: Duration,
    idle: Idle<Line>,
}

/// As good as for ever; clocks do not know what comes much later.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Direct {
    /// Each request may take so long, and each connection may be idle for so long.
    pub(super) fn new(timeout: Duration, idle: Duration) -> Self {
        Self { timeout, idle: Idle::new(idle) }
    }

    /// When a request that begins now has to have its answer.
    pub(super) fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.timeout.min(LONGEST)).unwrap_or(now)
    }

    /// A connection to this address that nobody uses now.
    pub(super) fn idle(&self, address: &Uri) -> Option<Line> {
        std::iter::from_fn(|| self.idle.take(|line| line.leads_to(address)))
            .find(|line| !line.is_closed())
    }

    /// Sends a copy of the request and reads the answer; keeps the connection for the next one.
    pub(super) async fn exchange(
        &self,
        mut line: Line,
        request: &Request<Bytes>,
        deadline: Instant,
    ) -> Result<Response<Bytes>, Broken> {
        let answer = timeout_at(deadline, line.send(request)).await;
        let answer = answer.unwrap_or(Err(Broken::TimedOut))?;
        let (answer, is_whole) = whole(answer, Some(deadline)).await;
        if is_whole {
            self.idle.put(line);
        }
        Ok(answer)
    }
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
