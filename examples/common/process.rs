//! What happens to processes.

use std::process::{self, Command};
use std::thread;
use std::time::Duration;

use super::Result;

const LONGEST_RUN: Duration = Duration::from_secs(20);

/// Ends this process if it is still there when it should be done.
pub fn limit() {
    thread::spawn(|| {
        thread::sleep(LONGEST_RUN);
        eprintln!("still not done after {LONGEST_RUN:?}");
        process::exit(1);
    });
}

/// Sends a signal, such as `TERM`, to a process.
pub fn signal(name: &str, process: u32) -> Result {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status()?;
    if status.success() { Ok(()) } else { Err(format!("no {name} for {process}").into()) }
}
