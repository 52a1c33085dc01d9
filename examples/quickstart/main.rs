//! Two small services, traced with `tracing` and exported to Sentry.
//!
//! ```sh
//! cargo run --example quickstart
//! SENTRY_DSN=https://… cargo run --example quickstart
//! ```
//!
//! Without a DSN the example receives its own envelopes over real HTTP and
//! draws what Sentry would get; with `ENVELOPE_DIR` it also keeps them as
//! files. `telemetry.rs` is the part to copy. A part of what it prints:
//!
//! ```text
//! trace e77c2d4b   █ storefront   ▒ inventory
//! http.server GET /products/{id}         ██████████████    2.0 ms  ok
//!   stock                                 █████████████    1.9 ms  ok
//!     http.client GET http:…6673/stock/7  ████████████     1.7 ms  ok
//!       http.server GET /stock/{product}           ▒▒      0.3 ms  ok
//!         available                                ▒       0.2 ms  ok
//!           db SELECT avail…product = ?1           ▒       0.1 ms  ok
//!
//! spans ended 20 = arrived 20 · issues 2 · envelopes 9 · 24104 bytes on the wire
//! ```

mod balance;
#[path = "../common/mod.rs"]
mod common;
mod http_spans;
mod inventory;
mod report;
mod requests;
mod service;
mod storefront;
mod telemetry;

use std::env;
use std::io::{IsTerminal, stdout};
use std::process::ExitCode;

use opentelemetry_sdk::propagation::TraceContextPropagator;
use tokio::runtime::Runtime;

use crate::balance::Balance;
use crate::common::arrivals::Arrivals;
use crate::common::receiver::Receiver;
use crate::common::{Result, process};
use crate::report::Report;
use crate::service::Service;
use crate::telemetry::{Summary, Telemetry};

fn main() -> ExitCode {
    process::limit();
    let problems = run().unwrap_or_else(|error| vec![error.to_string()]);
    for problem in &problems {
        eprintln!("PROBLEM: {problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns what went wrong. It is a plain function, not an async one, because
/// stopping a service waits until its telemetry is delivered.
fn run() -> Result<Vec<String>> {
    let runtime = Runtime::new()?;
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    match env::var("SENTRY_DSN") {
        Ok(dsn) if !dsn.is_empty() => {
            let summaries = shop(&runtime, &dsn)?;
            println!();
            for summary in &summaries {
                println!("{summary}");
            }
            Ok(summaries.iter().filter_map(Summary::problem).collect())
        }
        _ => {
            let directory = env::var_os("ENVELOPE_DIR").map(Into::into);
            let receiver = runtime.block_on(Receiver::start(directory))?;
            let summaries = shop(&runtime, &receiver.dsn)?;
            let inbox = receiver.take();
            let arrivals = Arrivals::read(&inbox.envelopes)?;
            let coloured = stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
            let report = Report { arrivals: &arrivals, coloured };
            print!("{report}");
            let balance = Balance { summaries: &summaries, inbox: &inbox, arrivals: &arrivals };
            println!("\n{balance}");
            Ok(balance.problems())
        }
    }
}

/// Starts both services, sends the requests and stops the services again.
fn shop(runtime: &Runtime, dsn: &str) -> Result<[Summary; 2]> {
    let inventory = Service::start(Telemetry::new("inventory", dsn)?, inventory::router()?)?;
    let storefront =
        Service::start(Telemetry::new("storefront", dsn)?, storefront::router(inventory.address)?)?;
    runtime.block_on(requests::send(storefront.address))?;
    Ok([storefront.stop()?, inventory.stop()?])
}
