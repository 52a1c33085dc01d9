//! A Sentry that keeps books and has moods.

use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::balance::{Books, Kind, Outcome};
use super::mood::{Dice, Mood};
use crate::common::envelope::{Envelope, Request};
use crate::common::place::Place;

struct Server {
    place: Place,
    state: Mutex<State>,
}

struct State {
    mood: Mood,
    /// The number of the listener that may go on.
    listener: Option<u64>,
    streams: HashMap<u64, TcpStream>,
    next: u64,
    books: Books,
}

/// Reads orders from standard input until the last of them.
pub fn main() {
    let state = State {
        mood: Mood::Healthy,
        listener: None,
        streams: HashMap::new(),
        next: 0,
        books: Books::default(),
    };
    let server = Arc::new(Server { place: Place::new(), state: Mutex::new(state) });
    server.open();
    println!("{}", server.place.dsn());
    for line in std::io::stdin().lines() {
        let line = line.expect("a text");
        match line.split_once(' ').expect("an order") {
            ("mood", mood) => server.change(mood.parse().expect("a mood")),
            ("seen", seen) => {
                let (id, status) = seen.split_once(' ').expect("an id and a status");
                server.state().books.seen(id, status.parse().expect("a status"));
            }
            ("end", sums) => {
                let sums = sums.parse().expect("sums");
                let books = std::mem::take(&mut server.state().books);
                std::process::exit(if books.agree(sums) { 0 } else { 1 });
            }
            _ => panic!("no order: {line}"),
        }
    }
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(self: &Arc<Self>, mood: Mood) {
        if matches!(mood, Mood::Refusing | Mood::Restarting) {
            self.close();
        }
        self.state().mood = mood;
        if mood != Mood::Refusing {
            self.open();
        }
    }

    fn open(self: &Arc<Self>) {
        let mut state = self.state();
        if state.listener.is_some() {
            return;
        }
        let (number, listener) = (state.number(), self.place.listen());
        state.listener = Some(number);
        drop(state);
        let server = Arc::clone(self);
        thread::spawn(move || server.accept(number, &listener));
    }

    fn accept(self: &Arc<Self>, number: u64, listener: &TcpListener) {
        while let Ok((stream, _)) = listener.accept() {
            let mut state = self.state();
            if state.listener != Some(number) {
                return;
            }
            let _ = stream.set_nodelay(true);
            let connection = state.number();
            if let Ok(clone) = stream.try_clone() {
                state.streams.insert(connection, clone);
            }
            drop(state);
            let server = Arc::clone(self);
            thread::spawn(move || server.talk(connection, stream));
        }
    }

    /// Ends everything; nobody listens any more when this returns.
    fn close(&self) {
        let mut state = self.state();
        let was_open = state.listener.take().is_some();
        for stream in state.streams.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        // The listener wakes up for one more connection, and can be reached until it has ended.
        while was_open && TcpStream::connect(self.place.address()).is_ok() {
            thread::yield_now();
        }
    }

    fn talk(&self, connection: u64, stream: TcpStream) {
        if let Ok(mut reader) = stream.try_clone().map(BufReader::new) {
            while self.exchange(&mut reader, &stream, connection) {}
        }
        let is_kept = self.state().streams.remove(&connection);
        drop(is_kept);
    }

    /// One request and its answer; tells whether there may be more.
    fn exchange(
        &self,
        reader: &mut BufReader<TcpStream>,
        stream: &TcpStream,
        connection: u64,
    ) -> bool {
        let request = match Request::read(reader) {
            Ok(Some(request)) => request,
            Ok(None) => return false,
            Err(problem) => {
                // A client that goes away, or a connection that we closed.
                if !problem.contains("broke off") {
                    self.state().books.problem(problem);
                }
                return false;
            }
        };
        let item = match request.envelope() {
            Ok(envelope) => item(&envelope),
            Err(problem) => {
                self.state().books.problem(problem);
                return false;
            }
        };
        let mut state = self.state();
        let item = item.map(|(id, kind)| (state.books.came(&id, kind), id));
        let mood = state.mood;
        drop(state);
        let mut dice = Dice::new(connection ^ request.wire_length as u64);
        let (outcome, goes_on) = answer(mood, stream, &mut dice);
        let mut state = self.state();
        if let Some((number, id)) = item {
            state.books.ended(&id, number, outcome);
        }
        if !goes_on {
            // Only the end of the last handle makes an RST.
            state.streams.remove(&connection);
        }
        goes_on
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// The event or transaction in an envelope.
fn item(envelope: &Envelope) -> Option<(String, Kind)> {
    let id = envelope.header["event_id"].as_str()?.to_owned();
    let kind = |item: &crate::common::envelope::Item| match item.header["type"].as_str() {
        Some("transaction") => Some(Kind::Transaction),
        Some("event") => Some(Kind::Event),
        _ => None,
    };
    envelope.items.iter().find_map(kind).map(|kind| (id, kind))
}

/// Answers as the mood is; how that ended, and whether the connection goes on.
fn answer(mood: Mood, stream: &TcpStream, dice: &mut Dice) -> (Outcome, bool) {
    match mood {
        Mood::Healthy | Mood::Restarting | Mood::Refusing => say(stream, 200, ""),
        Mood::Slow => {
            thread::sleep(Duration::from_millis(dice.below(400)));
            say(stream, 200, "")
        }
        Mood::InTrouble => say(stream, 503, ""),
        Mood::Limiting => say(stream, 429, "Retry-After: 1\r\n"),
        Mood::LimitingTransactions => {
            say(stream, 200, "X-Sentry-Rate-Limits: 1:transaction:key\r\n")
        }
        Mood::LimitingErrors => say(stream, 200, "X-Sentry-Rate-Limits: 1:error:key\r\n"),
        Mood::Hanging => {
            let mut stream = stream;
            while stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {}
            (Outcome::Silent, false)
        }
        Mood::ResetsBefore => (reset(stream, "", Outcome::Silent), false),
        Mood::ResetsWithin => {
            let begin = "HTTP/1.1 200 OK\r\nContent-Le";
            (reset(stream, begin, Outcome::CutOff(200)), false)
        }
        Mood::ResetsAfter => {
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{";
            (reset(stream, answer, Outcome::CutOff(200)), false)
        }
    }
}

fn say(mut stream: &TcpStream, status: u16, headers: &str) -> (Outcome, bool) {
    let answer = format!("HTTP/1.1 {status} Soak\r\n{headers}Content-Length: 2\r\n\r\n{{}}");
    match stream.write_all(answer.as_bytes()) {
        Ok(()) => (Outcome::Answered(status), true),
        Err(_) => (Outcome::Silent, false),
    }
}

fn reset(mut stream: &TcpStream, words: &str, outcome: Outcome) -> Outcome {
    let said = stream.write_all(words.as_bytes());
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    if said.is_ok() { outcome } else { Outcome::Silent }
}
