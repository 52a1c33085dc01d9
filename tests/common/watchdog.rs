//! An end for tests that would hang.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Runs the body of a test on a thread of its own, and ends the whole process if it takes longer.
///
/// A test that hangs cannot be failed in any other way, and its name is what one needs to know.
pub fn watchdog<R: Send + 'static>(
    limit: Duration,
    body: impl FnOnce() -> R + Send + 'static,
) -> R {
    let name = thread::current().name().unwrap_or("unnamed").to_owned();
    let (sender, receiver) = mpsc::channel();
    let thread = thread::Builder::new().name(name.clone()).spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(body));
        let _ = sender.send(result);
    });
    let thread = thread.expect("a thread for the test");
    match receiver.recv_timeout(limit) {
        Ok(result) => {
            let _ = thread.join();
            result.unwrap_or_else(|panic| resume_unwind(panic))
        }
        Err(_) => {
            // Not `eprintln!`: what that says is captured, and lost with the process.
            let text = format!("\ntest {name} did not end within {limit:?}\n");
            let _ = std::io::stderr().write_all(text.as_bytes());
            std::process::abort();
        }
    }
}
