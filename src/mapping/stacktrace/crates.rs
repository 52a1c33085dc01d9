//! Crates that surely are nobody's application.

/// Crates that programs use, by families: with `tokio` go the crates named `tokio_…`.
const FAMILIES: &str = "actix amqprs async_graphql aws axum bb8 crossbeam deadpool diesel figment futures hyper \
    jsonrpsee lapin mio mongodb opentelemetry parking_lot prost rayon rdkafka reqwest rustls \
    sea_orm sentry serde sqlx tokio tonic tower tracing tungstenite warp winnow";

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

/// Whether a crate is a library that is known by its name alone.
///
/// A program without line numbers says nothing else about whose code a function is.
pub(super) fn is_library(package: &str) -> bool {
    LIBRARIES.split_whitespace().any(|library| library == package)
        || FAMILIES.split_whitespace().any(|family| {
            package
                .strip_prefix(family)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
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
        for package in known.split_whitespace() {
            assert!(is_library(package), "{package}");
        }
        for package in ["shop", "logbook", "tokioscope", "http_shop", "timekeeper", "h2o", ""] {
            assert!(!is_library(package), "{package}");
        }
    }
}
