//! Says whether spans would arrive in Sentry, and if not, why not.
//!
//! ```sh
//! SENTRY_DSN=https://… cargo run --example doctor
//! cargo run --example doctor -- https://…
//! ```
//!
//! It sends a probe that shows up nowhere, says one sentence about each thing that has to work,
//! and ends with 0 if all do. The key is never shown.
//!
//! ```text
//! ok   DSN: it is complete and points to 127.0.0.1:43971
//! ok   host: 127.0.0.1:43971 can be reached
//! ok   TLS: none, the DSN begins with http
//! BAD  answer: http://127.0.0.1:43971/api/43/envelope/ answered 403; the key of the DSN is unknown …
//! ```

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use opentelemetry_sentry::{Finding, SentrySpanExporter};
use url::Url;

const PATIENCE: Duration = Duration::from_secs(15);

/// What has to work, in the order in which it is tried.
const STEPS: [&str; 4] = ["host", "TLS", "answer", "clock"];

fn main() -> ExitCode {
    let dsn = env::args().nth(1).or_else(|| env::var("SENTRY_DSN").ok()).unwrap_or_default();
    let exporter = match SentrySpanExporter::builder().with_dsn(&dsn).build() {
        Ok(exporter) => exporter,
        Err(error) => return bad("DSN", &error.to_string()),
    };
    let Some(server) = server(&dsn).filter(|_| exporter.is_enabled()) else {
        return bad("DSN", &exporter.check(PATIENCE).to_string());
    };
    good("DSN", &format!("it is complete and points to {server}"));
    let start = Instant::now();
    let finding = exporter.check(PATIENCE);
    let failed = failed(&finding);
    for step in STEPS.into_iter().take_while(|step| Some(*step) != failed) {
        match step {
            "host" => good(step, &format!("{server} can be reached")),
            "TLS" if dsn.trim_start().starts_with("https") => {
                good(step, "the certificate is trusted")
            }
            "TLS" => good(step, "none, the DSN begins with http"),
            "answer" => {
                good(step, &format!("the probe was accepted after {:.0?}", start.elapsed()))
            }
            _ => good(step, "it is right to the minute, as far as the server tells the time"),
        }
    }
    match failed {
        Some(step) => bad(step, &finding.to_string()),
        None => {
            println!("{finding}");
            ExitCode::SUCCESS
        }
    }
}

/// Host and port of a DSN, without the key.
fn server(dsn: &str) -> Option<String> {
    let url = Url::parse(dsn.trim()).ok()?;
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
}

/// Which step a finding is about.
fn failed(finding: &Finding) -> Option<&'static str> {
    match finding {
        Finding::Works => None,
        Finding::ClockOff { .. } => Some("clock"),
        Finding::Tls { .. } => Some("TLS"),
        Finding::Proxy { .. } | Finding::TimedOut { .. } | Finding::Unreachable { .. } => {
            Some("host")
        }
        _ => Some("answer"),
    }
}

fn good(step: &str, sentence: &str) {
    println!("ok   {step}: {sentence}");
}

fn bad(step: &str, sentence: &str) -> ExitCode {
    println!("BAD  {step}: {sentence}");
    ExitCode::FAILURE
}
