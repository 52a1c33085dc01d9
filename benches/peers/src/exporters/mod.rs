//! The exporters that are measured.

mod batch;
mod ideal;
mod native;
mod otlp;
mod sentry;
mod this_crate;

use opentelemetry_otlp::Compression;

use self::batch::{Batch, Nothing};
use self::ideal::{Codec, Ideal, Json};
use self::native::Native;
use self::sentry::Sentry;
use self::this_crate::ThisCrate;
use crate::load::Exporter;

/// Those whose goodput is measured.
pub const NAMES: [&str; 3] = ["opentelemetry-sentry", "sentry", "opentelemetry-otlp"];

pub fn start(name: &str, address: &str) -> Box<dyn Exporter> {
    let ideal = |ideal: Ideal| Box::new(Batch::start(ideal));
    match name {
        "none" => Box::new(Batch::start(Nothing)),
        "none, tracing" => Box::new(Native::nothing()),
        "opentelemetry-otlp" => Box::new(otlp::start(address, None)),
        "opentelemetry-otlp, gzip" => Box::new(otlp::start(address, Some(Compression::Gzip))),
        "opentelemetry-otlp, zstd" => Box::new(otlp::start(address, Some(Compression::Zstd))),
        "sentry" => Box::new(Sentry::start(address)),
        "sentry, tracing" => Box::new(Native::start(address)),
        "ideal, serde" => ideal(Ideal::new(address, Json::Serde, Codec::plain())),
        "ideal" => ideal(Ideal::new(address, Json::Own, Codec::plain())),
        "ideal, gzip 1" => ideal(Ideal::new(address, Json::Own, Codec::gzip(1))),
        "ideal, gzip 1, filled" => ideal(Ideal::new(address, Json::Filled, Codec::gzip(1))),
        "ideal, gzip 6" => ideal(Ideal::new(address, Json::Own, Codec::gzip(6))),
        "ideal, zstd 1" => ideal(Ideal::new(address, Json::Own, Codec::zstd(1))),
        "ideal, gzip 1, events" => {
            ideal(Ideal::new(address, Json::Own, Codec::gzip(1)).with_events())
        }
        "opentelemetry-sentry" => Box::new(ThisCrate::start(address)),
        "opentelemetry-sentry, plain" => Box::new(ThisCrate::uncompressed(address)),
        "opentelemetry-sentry, no HTTP" => Box::new(ThisCrate::without_http(address)),
        other => panic!("there is no exporter `{other}`"),
    }
}

fn dsn(address: &str) -> String {
    format!("http://0123456789abcdef0123456789abcdef@{address}/42")
}
