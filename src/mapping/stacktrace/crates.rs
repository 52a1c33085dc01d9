//! Crates that surely are nobody's application.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::lines::number;

/// Crates that programs use, by families: with `tokio` go the crates named `tokio_…`.
const FAMILIES: &str = "actix amqprs async_graphql aws axum bb8 crossbeam deadpool diesel figment futures hyper \
    jsonrpsee lapin mio mongodb opentelemetry parking_lot prost rayon rdkafka reqwest rustls \
    sea_orm sentry serde sqlx tokio tonic tower tracing tungstenite warp winnow";

/// How many words the name of a family has at most.
const FAMILY_WORDS: usize = 2;

/// Crates that programs use, each for itself.
const LIBRARIES: &str = "addr2line ahash aho_corasick anyhow arc_swap argon2 arrayvec askama async_channel \
    async_executor async_io async_lock async_nats async_std async_stream async_task async_trait \
    backoff base64 bcrypt bincode bitflags bson bstr bytes cached chrono ciborium clap \
    clap_builder color_eyre color_spantrace config cookie corosensei cron crossterm csv ctrlc \
    curl dashmap dotenvy either encoding_rs env_logger erased_serde eyre fastrand fern flate2 \
    flume foldhash form_urlencoded generator gimli git2 graphql_client h2 h3 handlebars \
    hashbrown headers hickory_proto hickory_resolver hmac http http_body http_body_util httparse \
    image indexmap isahc itertools jiff jsonwebtoken juniper lambda_http lambda_runtime \
    lazy_static lettre libloading log log4rs lru matchit metrics miette minijinja moka multer \
    mysql mysql_async native_tls ndarray nom notify num_bigint num_cpus object_store once_cell \
    openssl pest pin_project poem polars pollster postgres pprof proptest pyo3 quick_xml quinn \
    quinn_proto r2d2 rand rand_core redis regex regex_automata ring rocket rusqlite salvo \
    sea_query signal_hook simd_json slog smallvec smol socket2 surf tantivy tera thiserror tide \
    time toml toml_edit ureq url uuid want wasmtime zip";

/// Parts of paths below which Cargo or those who build for distributions put libraries.
const PATHS: [&str; 7] = [
    "/.cargo/registry/",
    "/cargo/registry/",
    "/.cargo/git/",
    "/cargo/git/checkouts/",
    "/vendor/",
    "-vendor/",
    "-vendor-dir/",
];
/// Names of crates have 64 bytes at most.
const MAX_DIRECTORY_BYTES: usize = 128;

/// Whether a crate is a library that is known by its name alone.
///
/// A program without line numbers says nothing else about whose code a function is.
pub(super) fn is_library(package: &str) -> bool {
    static KNOWN_LIBRARIES: LazyLock<HashSet<&str>> =
        LazyLock::new(|| LIBRARIES.split_whitespace().collect());
    static KNOWN_FAMILIES: LazyLock<HashSet<&str>> =
        LazyLock::new(|| FAMILIES.split_whitespace().collect());
    let ends = package.match_indices('_').map(|(index, _)| index).chain([package.len()]);
    let mut families = ends.take(FAMILY_WORDS).filter_map(|end| package.get(..end));
    KNOWN_LIBRARIES.contains(package) || families.any(|family| KNOWN_FAMILIES.contains(family))
}

/// The crate of a file of the standard library or of a published crate, by its path with slashes.
pub(super) fn package_of(file: &str) -> Option<String> {
    let path = file.strip_suffix(".rs")?;
    let directory = match path.strip_prefix("/rustc/") {
        Some(rest) => rest.split_once("/library/")?.1.split('/').next()?,
        None if is_library_path(path) => path.rsplit('/').find_map(published)?,
        None => return None,
    };
    Some(directory.replace('-', "_"))
}

/// Whether a file is that of a library, by its path with slashes.
///
/// A directory with a version in its name can be the program's own, unless the path begins with
/// it: Cargo shortens the paths of published crates so.
pub(super) fn is_library_path(path: &str) -> bool {
    let mut relative = path;
    while let Some(rest) = relative.strip_prefix("./") {
        relative = rest;
    }
    let slash = relative.bytes().position(|byte| byte == b'/');
    let first = slash.and_then(|index| relative.get(..index)).unwrap_or(relative);
    // All parts have one of two words in them, and most paths have neither.
    let is_below_one = (path.contains("cargo/") || path.contains("vendor"))
        && PATHS.iter().any(|part| path.contains(part));
    is_below_one || first == "vendor" || published(first).is_some()
}

/// The name of the published crate that a directory is named by, such as `serde_json-1.0.150`.
fn published(directory: &str) -> Option<&str> {
    if directory.len() > MAX_DIRECTORY_BYTES {
        return None;
    }
    // Names may have dashes, and so may versions.
    let mut dashes = directory.bytes().enumerate().filter(|(_, byte)| *byte == b'-');
    dashes.find_map(|(index, _)| {
        let (name, version) = directory.split_at_checked(index)?;
        let mut numbers = version.strip_prefix('-')?.splitn(3, '.');
        number(numbers.next()?)?;
        number(numbers.next()?)?;
        let patch = numbers.next()?.starts_with(|first: char| first.is_ascii_digit());
        (patch && !name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_known_by_name_and_by_family() {
        let known = "sqlx sqlx_core reqwest h2 tonic serde serde_json hyper hyper_util tower \
            tower_http axum axum_core tokio tokio_util rayon rayon_core futures_util anyhow \
            tracing_subscriber actix_web sea_orm aws_sdk_s3 log opentelemetry_sdk sentry_core";
        let all = [known, LIBRARIES, FAMILIES].into_iter().flat_map(str::split_whitespace);
        for package in all {
            assert!(is_library(package), "{package}");
        }
        for package in ["shop", "logbook", "tokioscope", "http_shop", "timekeeper", "h2o", ""] {
            assert!(!is_library(package), "{package}");
        }
    }
    #[test]
    fn a_path_tells_the_crate() {
        let registry = "/home/ada/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f";
        let known = [
            (format!("{registry}/tokio-1.54.1/src/task.rs"), "tokio"),
            (format!("{registry}/serde-json-1.0.0-rc.1/src/de.rs"), "serde_json"),
            ("aws-sdk-s3-1.2.3/src/a.rs".into(), "aws_sdk_s3"),
            ("/build/shop-0.1.0-vendor/h2-0.4.1/src/a.rs".into(), "h2"),
        ];
        for (path, package) in known {
            assert_eq!(package_of(&path).as_deref(), Some(package), "{path}");
            assert!(is_library_path(&path), "{path}");
        }
        let core = "/rustc/59807616e1/library/core/src/fmt/mod.rs";
        assert_eq!(package_of(core).as_deref(), Some("core"));
        for path in ["./vendor/serde/src/a.rs", "/srv/vendor/h2/src/b.rs"] {
            assert!(is_library_path(path) && package_of(path).is_none(), "{path}");
        }
        for path in ["src/main.rs", "/build/shop-1.2.3/src/a.rs", "/srv/v1.2.3/a.rs", "a-1.2/a.rs"]
        {
            assert!(!is_library_path(path) && package_of(path).is_none(), "{path}");
        }
    }
}
