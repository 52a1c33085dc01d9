//! A small proxy: for HTTP, asked for a tunnel or not, and for SOCKS 5.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Leads everything that it is asked for to one server, whatever its name; stops when dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    behind: SocketAddr,
    /// What everybody who asks has to show.
    credentials: Option<String>,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    /// What it was asked for, in the words of the client.
    asked: Vec<String>,
    streams: Vec<TcpStream>,
    is_stopping: bool,
}

impl Proxy {
    /// A proxy in front of this server.
    pub fn start(behind: SocketAddr) -> Self {
        Self::serve(behind, None)
    }

    /// A proxy that wants these credentials, `name:password` in base64 for HTTP.
    pub fn guarded(behind: SocketAddr, credentials: &str) -> Self {
        Self::serve(behind, Some(credentials.to_owned()))
    }

    fn serve(behind: SocketAddr, credentials: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { behind, credentials, book: Mutex::default() });
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if !shared.register(&stream) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // Either side may go away at any moment, which is no fault.
                thread::spawn(move || drop(shared.talk(stream)));
            }
        });
        Self { address, state, thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn asked(&self) -> Vec<String> {
        self.state.book().asked.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut book = self.state.book();
        book.is_stopping = true;
        for stream in book.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(book);
        // The listener wakes up for one more connection.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl State {
    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether the proxy goes on.
    fn register(&self, stream: &TcpStream) -> bool {
        let mut book = self.book();
        book.streams.extend(stream.try_clone());
        !book.is_stopping
    }

    fn talk(&self, stream: TcpStream) -> io::Result<()> {
        let mut first = [0];
        stream.peek(&mut first)?;
        if first == [5] { self.talk_socks(stream) } else { self.talk_http(stream) }
    }

    fn talk_http(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let request = head.lines().next().unwrap_or_default().to_owned();
        let target = request.split(' ').nth(1).unwrap_or_default();
        self.book().asked.push(format!("{} {target}", request.split(' ').next().unwrap()));
        let shown = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("proxy-authorization").then_some(value)
        });
        if let Some(wanted) = &self.credentials
            && shown.and_then(|shown| shown.strip_prefix("Basic ")) != Some(wanted)
        {
            let answer = "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\n\
                          Content-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes())?;
            return stream.shutdown(Shutdown::Write);
        }
        let mut behind = TcpStream::connect(self.behind)?;
        if request.starts_with("CONNECT ") {
            stream.write_all(b"HTTP/1.1 200 Go\r\n\r\n")?;
        } else {
            behind.write_all(head.as_bytes())?;
        }
        behind.write_all(reader.buffer())?;
        self.join(stream, behind)
    }

    fn talk_socks(&self, mut stream: TcpStream) -> io::Result<()> {
        let [_, methods] = read(&mut stream)?;
        io::copy(&mut (&stream).take(methods.into()), &mut io::sink())?;
        match &self.credentials {
            None => stream.write_all(&[5, 0])?,
            Some(wanted) => {
                stream.write_all(&[5, 2])?;
                let [_] = read(&mut stream)?;
                let shown = format!("{}:{}", text(&mut stream)?, text(&mut stream)?);
                let is_known = shown == *wanted;
                stream.write_all(&[1, u8::from(!is_known)])?;
                if !is_known {
                    return stream.shutdown(Shutdown::Write);
                }
            }
        }
        let [_, _, _, kind] = read(&mut stream)?;
        let host = match kind {
            1 => std::net::Ipv4Addr::from(read::<4>(&mut stream)?).to_string(),
            _ => text(&mut stream)?,
        };
        let port = u16::from_be_bytes(read(&mut stream)?);
        self.book().asked.push(format!("SOCKS {host}:{port}"));
        let behind = TcpStream::connect(self.behind)?;
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
        self.join(stream, behind)
    }

    /// Carries bytes both ways until one side ends.
    fn join(&self, stream: TcpStream, behind: TcpStream) -> io::Result<()> {
        self.register(&behind);
        let (mut up, mut down) = (stream.try_clone()?, behind.try_clone()?);
        let back = thread::spawn(move || {
            let _ = io::copy(&mut down, &mut up);
            let _ = up.shutdown(Shutdown::Both);
        });
        let _ = io::copy(&mut &stream, &mut &behind);
        let _ = behind.shutdown(Shutdown::Both);
        let _ = back.join();
        Ok(())
    }
}

fn read<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A text behind its length.
fn text(stream: &mut TcpStream) -> io::Result<String> {
    let [length] = read(stream)?;
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
