//! A program that runs for a moment: nothing is lost at its end, and an error of `main` is an issue.
//!
//! ```sh
//! cargo run --example cli
//! SENTRY_DSN=https://… cargo run --example cli -- orders.csv
//! ```
//!
//! The shutdown comes after the last span has ended and before `main` returns, whatever became of
//! the work; a `?` or a `process::exit` before it would lose all that is still buffered. Without
//! a file the example starts itself twice, receives what the two send, and shows:
//!
//! ```text
//! exit code 0
//! exit code 2
//! ▸ import                                                     ok
//!   read                                                       ok
//! ▸ import                                                     internal_error
//!       ! Error: cannot import missing.csv
//!         caused by Error: No such file or directory (os error 2)
//!   read                                                       ok
//! ```

mod common;

use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use opentelemetry_sentry::SentrySpanExporter;
use tracing::instrument;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::common::{Project, Result};

fn main() -> Result<ExitCode> {
    let Some(file) = env::args().nth(1) else {
        return demonstrate().map(|()| ExitCode::SUCCESS);
    };
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("import").build())
        .with_batch_exporter(SentrySpanExporter::from_env()?)
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("import"));
    tracing_subscriber::registry().with(layer).init();

    let imported = import(&file);
    if let Err(error) = provider.shutdown() {
        eprintln!("not all that happened is known to Sentry: {error}");
    }
    Ok(match imported {
        Ok(lines) => {
            println!("{lines} lines");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    })
}

#[instrument(skip_all, fields(tags.format = "csv"), err(Debug))]
fn import(file: &str) -> anyhow::Result<usize> {
    let text = read(file).with_context(|| format!("cannot import {file}"))?;
    Ok(text.lines().count())
}

#[instrument]
fn read(file: &str) -> std::io::Result<String> {
    fs::read_to_string(file)
}

fn demonstrate() -> Result {
    let project = Project::open()?;
    let mut codes = String::new();
    for file in [concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "missing.csv"] {
        let mut command = Command::new(env::current_exe()?);
        let status = command.arg(file).env("SENTRY_DSN", project.dsn()).status()?;
        let code = status.code().ok_or("it was killed")?;
        codes += &format!("exit code {code}\n");
    }
    project.compare_with(&codes, include_str!("cli.rs"))
}
