//! An address of the loopback interface that stays ours, whether somebody listens there or not.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

use super::sentry::KEY;

/// Connections are refused as long as nobody listens; one after the other may.
#[derive(Debug)]
pub struct Place {
    address: SocketAddr,
    /// Bound, so that nobody else gets the port.
    _holder: Socket,
}

impl Place {
    pub fn new() -> Self {
        let holder = bound((Ipv4Addr::LOCALHOST, 0).into());
        let address = holder.local_addr().expect("an address").as_socket().expect("one of IP");
        Self { address, _holder: holder }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn dsn(&self) -> String {
        dsn_of(self.address)
    }

    pub fn listen(&self) -> TcpListener {
        let socket = bound(self.address);
        socket.listen(1024).expect("nobody else listens there");
        socket.into()
    }
}

pub fn dsn_of(address: SocketAddr) -> String {
    format!("http://{KEY}@{address}/42")
}

fn bound(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option of the socket");
    socket.bind(&address.into()).expect("a port of the loopback interface");
    socket
}
