//! HTTP/1.1 on one socket.

use std::io::{self, Read, Write};
use std::net::TcpStream;

pub struct Post {
    stream: TcpStream,
    address: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Post {
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a receiver");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, address: address.to_owned(), request: Vec::new(), answer: Vec::new() }
    }

    /// Sends a body and waits for the answer.
    pub fn send(&mut self, encoding: Option<&str>, body: &[u8]) -> io::Result<()> {
        self.request.clear();
        write!(
            self.request,
            "POST /api/42/envelope/ HTTP/1.1\r\n\
             Host: {}\r\n\
             X-Sentry-Auth: Sentry sentry_version=7, sentry_key=0123456789abcdef0123456789abcdef\r\n\
             Content-Type: application/x-sentry-envelope\r\n",
            self.address
        )?;
        if let Some(encoding) = encoding {
            write!(self.request, "Content-Encoding: {encoding}\r\n")?;
        }
        write!(self.request, "Content-Length: {}\r\n\r\n", body.len())?;
        self.request.extend_from_slice(body);
        self.stream.write_all(&self.request)?;
        self.receive()
    }

    fn receive(&mut self) -> io::Result<()> {
        self.answer.clear();
        let mut chunk = [0; 1024];
        loop {
            let read = self.stream.read(&mut chunk)?;
            self.answer.extend_from_slice(&chunk[..read]);
            let end = self.answer.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end
                && self.answer.len() >= end + 4 + content_length(&self.answer[..end])
            {
                break;
            }
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        match self.answer.starts_with(b"HTTP/1.1 200 ") {
            true => Ok(()),
            false => Err(io::Error::other("refused")),
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = str::from_utf8(head).expect("a head");
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().expect("a length"))
    };
    head.lines().find_map(header).expect("a length")
}
