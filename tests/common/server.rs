//! The threads behind a [`FakeSentry`](super::sentry::FakeSentry) and what they have seen.

use std::collections::VecDeque;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::answer::{Answer, Form};
use serde_json::json;

use super::envelope::{Envelope, Request};

#[derive(Debug, Default)]
pub struct Shared {
    pub state: Mutex<State>,
    pub changed: Condvar,
}

#[derive(Debug, Default)]
pub struct State {
    pub script: VecDeque<Answer>,
    pub afterwards: Answer,
    /// What is said in place of HTTP.
    pub babble: Option<Vec<u8>>,
    /// What gets no answer but the end of its connection.
    pub poison: Option<fn(&Envelope) -> bool>,
    pub requests: Vec<Request>,
    pub envelopes: Vec<Envelope>,
    pub problems: Vec<String>,
    pub streams: Vec<TcpStream>,
    pub connections: usize,
    pub open_requests: usize,
    pub most_open_requests: usize,
    pub threads: usize,
    pub stopping: bool,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a thread of the server to its end, whatever that is.
    pub fn guarded(&self, body: impl FnOnce() -> Result<(), String>) {
        let result = catch_unwind(AssertUnwindSafe(body));
        let mut state = self.lock();
        state.threads -= 1;
        if let Err(problem) = result.unwrap_or_else(|_| Err("a panic in the server".to_owned())) {
            state.problems.push(problem);
        }
        self.changed.notify_all();
    }

    pub fn accept(self: &Arc<Self>, listener: TcpListener) -> Result<(), String> {
        loop {
            let (stream, _) = listener.accept().map_err(|error| error.to_string())?;
            let mut state = self.lock();
            if state.stopping {
                return Ok(());
            }
            state.connections += 1;
            state.threads += 1;
            state.streams.push(stream.try_clone().map_err(|error| error.to_string())?);
            self.changed.notify_all();
            drop(state);
            let shared = Arc::clone(self);
            thread::spawn(move || shared.guarded(|| shared.talk(stream)));
        }
    }

    fn talk(&self, mut stream: TcpStream) -> Result<(), String> {
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let babble = self.lock().babble.clone();
        if let Some(babble) = babble {
            let _ = stream.read(&mut [0; 4096]);
            return self.say(&mut stream, Duration::ZERO, &babble);
        }
        let mut reader = BufReader::new(stream.try_clone().map_err(|error| error.to_string())?);
        loop {
            let request = match Request::read(&mut reader) {
                Ok(Some(request)) => request,
                Err(problem) if !self.lock().stopping => return Err(problem),
                _ => return Ok(()),
            };
            let answer = self.take_in(request)?;
            let result = match &answer.form {
                Form::Http => self.say(&mut stream, answer.delay, &answer.bytes()),
                Form::Raw(bytes) => self.say(&mut stream, answer.delay, bytes),
                Form::Hang => self.say(&mut stream, Duration::MAX, b""),
                Form::Acts(acts) => {
                    self.say(&mut stream, answer.delay, b"")?;
                    self.perform(stream, acts);
                    return Ok(());
                }
            };
            result?;
            if !matches!(answer.form, Form::Http) {
                let _ = stream.shutdown(Shutdown::Both);
                return Ok(());
            }
        }
    }

    fn take_in(&self, request: Request) -> Result<Answer, String> {
        let envelope =
            match request.path.ends_with("/envelope/") || request.path.ends_with("/stream") {
                true => Some(request.envelope()?),
                false => None,
            };
        // Spotlight takes envelopes without a DSN, and the probe of a check reports nothing; both
        // have tests of their own.
        let is_probe = |envelope: &Envelope| {
            envelope.payloads("client_report").iter().any(|it| it["discarded_events"] == json!([]))
        };
        let is_for_sentry = request.path.ends_with("/envelope/");
        let is_kept = is_for_sentry && envelope.as_ref().is_some_and(|it| !is_probe(it));
        if let Some(dir) = std::env::var_os("ENVELOPE_DIR").filter(|_| is_kept) {
            keep(Path::new(&dir), &request.body).map_err(|error| error.to_string())?;
        }
        let mut state = self.lock();
        let is_poison = state.poison.zip(envelope.as_ref()).is_some_and(|(is, it)| is(it));
        state.requests.push(request);
        state.envelopes.extend(envelope);
        state.open_requests += 1;
        state.most_open_requests = state.most_open_requests.max(state.open_requests);
        self.changed.notify_all();
        if is_poison {
            return Ok(Answer::close_before_answer());
        }
        Ok(state.script.pop_front().unwrap_or_else(|| state.afterwards.clone()))
    }

    /// Waits and writes, unless the server stops before; a client that has gone is no fault.
    fn say(&self, stream: &mut TcpStream, delay: Duration, bytes: &[u8]) -> Result<(), String> {
        let mut state = self.wait(delay);
        state.open_requests = state.open_requests.saturating_sub(1);
        drop(state);
        let _ = stream.write_all(bytes);
        Ok(())
    }

    /// Waits for that long, unless the server stops before.
    pub fn wait(&self, delay: Duration) -> MutexGuard<'_, State> {
        let end = Instant::now().checked_add(delay);
        let mut state = self.lock();
        while !state.stopping && end.is_none_or(|end| Instant::now() < end) {
            let left = end.map_or(Duration::from_secs(1), |end| {
                end.saturating_duration_since(Instant::now())
            });
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }
}

fn keep(dir: &Path, body: &[u8]) -> std::io::Result<()> {
    static COUNTER: AtomicUsize = AtomicUsize::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join(format!("{}-{number}.envelope", std::process::id())), body)
}
