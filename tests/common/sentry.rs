//! A Sentry of our own: a real server on the loopback interface that keeps what it is told.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

pub use super::answer::Answer;
pub use super::envelope::{Envelope, Request};
use super::place::{Place, dsn_of};
use super::server::{Shared, State};

/// The key in the DSN of every [`FakeSentry`].
pub const KEY: &str = "0123456789abcdef0123456789abcdef";

/// How long anything that should happen at once may take on a busy machine.
pub const SOON: Duration = Duration::from_secs(10);

/// Answers with 200 to all, unless told otherwise; stops when dropped.
///
/// Whatever is wrong with a request fails the test, at the next question or when dropped.
#[derive(Debug)]
pub struct FakeSentry {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl FakeSentry {
    pub fn start() -> Self {
        Self::start_with([])
    }

    /// Gives these answers first, in the order in which the requests come.
    pub fn start_with(script: impl IntoIterator<Item = Answer>) -> Self {
        Self::serve(State { script: script.into_iter().collect(), ..State::default() })
    }

    /// Gives the same answer to all.
    pub fn always(answer: Answer) -> Self {
        Self::serve(State { afterwards: answer, ..State::default() })
    }

    /// Answers to the first bytes of every connection with something that is no protocol at all.
    pub fn babbling() -> Self {
        Self::babbling_with(b"what a lovely day\r\n")
    }

    /// Answers to the first bytes of every connection with these.
    pub fn babbling_with(bytes: &[u8]) -> Self {
        Self::serve(State { babble: Some(bytes.to_vec()), ..State::default() })
    }

    /// Gives the same answer to all, at a place that nobody else listens at.
    pub fn at(place: &Place, answer: Answer) -> Self {
        Self::listen(place.listen(), State { afterwards: answer, ..State::default() })
    }

    fn serve(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback interface");
        Self::listen(listener, state)
    }

    fn listen(listener: TcpListener, state: State) -> Self {
        let address = listener.local_addr().expect("the address of the listener");
        let state = State { threads: 1, ..state };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let server = Self { address, shared: Arc::clone(&shared) };
        // The port is free again before the server counts as stopped.
        thread::spawn(move || shared.guarded(|| shared.accept(listener)));
        server
    }

    pub fn dsn(&self) -> String {
        dsn_of(self.address)
    }

    /// From now on gives no answer to such envelopes.
    pub fn choke_on(&self, is_poison: fn(&Envelope) -> bool) {
        self.checked().poison = Some(is_poison);
    }

    /// Gives this answer to the next request.
    pub fn once(&self, answer: Answer) {
        self.checked().script.push_front(answer);
    }

    /// From now on gives this answer, to requests that come.
    pub fn then_always(&self, answer: Answer) {
        let mut state = self.checked();
        state.script.clear();
        state.afterwards = answer;
    }

    /// Another address of this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The DSN with another scheme.
    pub fn https_dsn(&self) -> String {
        self.dsn().replacen("http", "https", 1)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.checked().requests.clone()
    }

    pub fn envelopes(&self) -> Vec<Envelope> {
        self.checked().envelopes.clone()
    }

    pub fn transactions(&self) -> Vec<Value> {
        self.payloads("transaction")
    }

    pub fn events(&self) -> Vec<Value> {
        self.payloads("event")
    }

    /// The payloads of all items of a type.
    pub fn payloads(&self, kind: &str) -> Vec<Value> {
        self.envelopes().iter().flat_map(|envelope| envelope.payloads(kind)).collect()
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.checked().connections
    }

    /// How many requests were waiting for their answer at the same time, at most.
    pub fn most_open_requests(&self) -> usize {
        self.checked().most_open_requests
    }

    /// Waits until that many envelopes have come in all.
    pub fn wait_for(&self, envelopes: usize, limit: Duration) {
        self.wait_until(limit, &format!("{envelopes} envelopes"), |state| {
            state.envelopes.len() >= envelopes
        });
    }

    /// Waits until somebody has connected that often in all.
    pub fn wait_for_connections(&self, connections: usize, limit: Duration) {
        self.wait_until(limit, &format!("{connections} connections"), |state| {
            state.connections >= connections
        });
    }

    fn wait_until(&self, limit: Duration, what: &str, done: impl Fn(&State) -> bool) {
        let state = self.checked();
        let (state, time) = self
            .shared
            .changed
            .wait_timeout_while(state, limit, |state| !done(state) && state.problems.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let missing = time.timed_out() && !done(&state);
        let (came, problems) = (state.envelopes.len(), state.problems.clone());
        drop(state);
        assert!(problems.is_empty(), "{problems:?}");
        assert!(!missing, "{what} did not come within {limit:?}; {came} envelopes came");
    }

    fn checked(&self) -> MutexGuard<'_, State> {
        let state = self.shared.lock();
        let problems = state.problems.clone();
        if !problems.is_empty() {
            drop(state);
            panic!("the server saw {problems:?}");
        }
        state
    }
}

impl Drop for FakeSentry {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stopping = true;
        for stream in state.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.shared.changed.notify_all();
        drop(state);
        // The listener wakes up for one more connection.
        drop(TcpStream::connect(self.address));
        let state = self.shared.lock();
        let running = |state: &mut State| state.threads > 0;
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, Duration::from_secs(3), running)
            .unwrap_or_else(PoisonError::into_inner);
        let (threads, problems) = (state.threads, state.problems.clone());
        drop(state);
        if !thread::panicking() {
            assert_eq!(threads, 0, "threads of the server did not end");
            assert!(problems.is_empty(), "the server saw {problems:?}");
        }
    }
}
