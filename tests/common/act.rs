//! What a [`FakeSentry`](super::sentry::FakeSentry) does on a connection where it misbehaves.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::server::Shared;

/// One thing after the other; after the last, or when the client has gone, the connection ends.
#[derive(Clone, Debug)]
pub enum Act {
    Say(Vec<u8>),
    /// These bytes, one at a time, with such a pause before each.
    Drip(Vec<u8>, Duration),
    /// These bytes again and again, with such a pause before each time, for ever.
    Repeat(Vec<u8>, Duration),
    /// The end of what the server says, while it goes on reading.
    HalfClose,
    /// The end of the connection, told by RST instead of FIN.
    Reset,
}

impl Act {
    pub fn say(bytes: impl AsRef<[u8]>) -> Self {
        Self::Say(bytes.as_ref().to_vec())
    }
}

impl Shared {
    pub fn perform(&self, mut stream: TcpStream, acts: &[Act]) {
        // A client that has had enough is no fault of the server.
        let _ = acts.iter().try_for_each(|act| self.act(&mut stream, act));
        let is_reset = acts.iter().any(|act| matches!(act, Act::Reset));
        let mut state = self.lock();
        if is_reset {
            // Only the end of the last handle makes the RST.
            let client = stream.peer_addr().ok();
            state.streams.retain(|stream| stream.peer_addr().ok() != client);
        } else {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn act(&self, stream: &mut TcpStream, act: &Act) -> io::Result<()> {
        match act {
            Act::Say(bytes) => stream.write_all(bytes),
            Act::Drip(bytes, pause) => {
                bytes.chunks(1).try_for_each(|byte| self.say_after(stream, *pause, byte))
            }
            Act::Repeat(bytes, pause) => loop {
                self.say_after(stream, *pause, bytes)?;
            },
            Act::HalfClose => {
                stream.shutdown(Shutdown::Write)?;
                while stream.read(&mut [0; 4096])? > 0 {}
                Ok(())
            }
            Act::Reset => SockRef::from(&*stream).set_linger(Some(Duration::ZERO)),
        }
    }

    fn say_after(&self, stream: &mut TcpStream, pause: Duration, bytes: &[u8]) -> io::Result<()> {
        if self.wait(pause).stopping {
            return Err(io::ErrorKind::Interrupted.into());
        }
        stream.write_all(bytes)
    }
}
