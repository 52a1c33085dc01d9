//! How two services live in one process: each has its own thread, on it a
//! runtime of its own and, for that thread only, a `tracing` subscriber.

use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::Result;
use crate::telemetry::{Summary, Telemetry};

/// A demo service that nobody stops ends by itself.
const LIFETIME: Duration = Duration::from_secs(10);

/// A running service.
pub struct Service {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<Summary>>,
}

impl Service {
    pub fn start(telemetry: Telemetry, router: Router) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let subscriber = telemetry.subscriber();
            tracing::subscriber::with_default(subscriber, || serve(listener, router, stopped))?;
            telemetry.shutdown()
        });
        Ok(Self { address, stop, thread })
    }

    /// Ends the service and waits until its telemetry is delivered.
    pub fn stop(self) -> Result<Summary> {
        if self.stop.send(()).is_err() {
            eprintln!("a service was gone before it was stopped");
        }
        match self.thread.join() {
            Ok(summary) => summary,
            Err(_) => Err("a service panicked".into()),
        }
    }
}

/// Serves until told to stop. The runtime ends with this function, so that no
/// span is open when the telemetry shuts down.
fn serve(listener: TcpListener, router: Router, stopped: oneshot::Receiver<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let server = axum::serve(listener, router).with_graceful_shutdown(async {
            stopped.await.ok();
        });
        Ok(timeout(LIFETIME, server.into_future()).await??)
    })
}
