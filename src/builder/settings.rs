//! From what was set to what the thread works by, all of it checked.

use std::env::VarError;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::StringValue;

use super::destination::destination;
use super::{SentrySpanExporterBuilder, routing};
use crate::client;
use crate::environment::Environment;
use crate::error::BuildError;
use crate::mapping::{Kernel, Mapper, dist_fault, environment_fault, release_fault};
use crate::propagation::{Service, TraceRegistry};
use crate::protocol::MAX_SPANS;
use crate::sampling::Sampling;
use crate::segment::SegmentBuffer;
use crate::spool::{OpenError, Spool, Store};
use crate::spotlight::Spotlight;
use crate::worker::{Opening, Settings};

const DSN_VARIABLE: &str = "SENTRY_DSN";
const RELEASE_VARIABLE: &str = "SENTRY_RELEASE";
const ENVIRONMENT_VARIABLE: &str = "SENTRY_ENVIRONMENT";

impl SentrySpanExporterBuilder {
    /// Everything checked; nothing without a DSN or a Spotlight.
    pub(super) fn settings<Read>(
        self,
        environment: &Environment<Read>,
    ) -> Result<Option<Settings>, BuildError>
    where
        Read: Fn(&str) -> Result<String, VarError>,
    {
        self.check_protocol()?;
        self.check_compression()?;
        let dsn = environment.choose("with_dsn", self.dsn, DSN_VARIABLE)?;
        let release = environment.choose("with_release", self.release, RELEASE_VARIABLE)?;
        let place =
            environment.choose("with_environment", self.environment, ENVIRONMENT_VARIABLE)?;
        let dist = self.dist.map(|dist| ("with_dist", dist));
        let release =
            checked(release, release_fault, "use a name and a version, such as `shop@1.2.3`")?;
        let place = checked(place, environment_fault, "use a short name, such as `production`")?;
        let dist = checked(dist, dist_fault, "use a build number, such as `42`")?;
        self.mapper.check_patterns()?;
        if let (Some((transport, _)), Some(setting)) = (&self.transport, self.client.setter()) {
            return Err(BuildError::InvalidSetting {
                setting,
                reason: format!("it would have no effect, because {transport} was called as well"),
                remedy: "remove one of the two, or set it on what that brings along",
            });
        }
        self.sampling.as_ref().map_or(Ok(()), Sampling::check)?;
        let spotlight = Spotlight::url(self.spotlight, environment)?;
        if dsn.is_none() && spotlight.is_none() && self.router.is_none() {
            return Ok(None);
        }
        if self.router.is_some() && self.spool.is_some() {
            return Err(routing::no_spool());
        }
        #[cfg(feature = "logs")]
        if self.router.is_some() && self.log_errors {
            return Err(routing::no_log_errors());
        }
        let transport = self.transport;
        let mut destination = match dsn {
            Some((setting, dsn)) => {
                Some(destination(setting, &dsn, transport.clone(), &self.client)?)
            }
            None => None,
        };
        let to = &mut destination;
        let (client, continuation) = (&self.client, &self.continuation);
        let routing = self
            .router
            .map(|router| routing::routing(router, to, transport.as_ref(), client, continuation));
        let routing = routing.transpose()?;
        let spotlight = match spotlight {
            Some(url) => Some((url, client::of_spotlight()?)),
            None => None,
        };
        let spool = match (self.spool, &destination) {
            (Some(spool), Some(to)) => Some(opening(spool, to.endpoint.to_string())?),
            _ => None,
        };
        let mut mapper = self.mapper.with_kernel(kernel());
        mapper = release.into_iter().fold(mapper, Mapper::with_release);
        mapper = place.into_iter().fold(mapper, Mapper::with_environment);
        mapper = dist.into_iter().fold(mapper, Mapper::with_dist);
        let dsn = destination.as_ref().map(|to| &to.dsn);
        let traces = TraceRegistry::new(dsn, self.continuation, Service::of(&mapper));
        Ok(Some(Settings {
            traces: Arc::new(traces),
            destination,
            routing,
            spotlight,
            mapper,
            sampling: self.sampling,
            hooks: self.hooks,
            protocol: self.protocol,
            compression: self.compression,
            segment_timeout: self.segment_timeout.unwrap_or(SegmentBuffer::DEFAULT_TIMEOUT),
            error_timeout: self.error_timeout.unwrap_or(Self::DEFAULT_ERROR_TIMEOUT),
            pending: self.pending,
            max_spans: self.max_spans.unwrap_or(MAX_SPANS),
            max_in_flight: self.max_in_flight.unwrap_or(Self::DEFAULT_MAX_IN_FLIGHT),
            queue_bytes: self.queue_bytes.unwrap_or(Self::DEFAULT_QUEUE_BYTES),
            client_reports: self.client_reports.unwrap_or(true),
            #[cfg(feature = "logs")]
            log_errors: self.log_errors,
            spool,
            registry: Arc::default(),
        }))
    }
}

/// What Linux tells as files; other systems tell nothing here.
fn kernel() -> Kernel {
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    Kernel { release: read("osrelease"), version: read("version") }
}

/// Takes hold of the directory; one that another process has still is waited for later.
fn opening(settings: Spool, destination: String) -> Result<Opening, BuildError> {
    let store = match Store::open(&settings, &destination, SystemTime::now()) {
        Ok(store) => Some(store),
        Err(OpenError::InUse { .. }) => None,
        Err(error) => {
            return Err(BuildError::InvalidSetting {
                setting: "with_spool",
                reason: error.to_string(),
                remedy: "use a directory that this process can create and write to",
            });
        }
    };
    Ok(Opening { settings, destination, store })
}

fn checked(
    text: Option<(&'static str, String)>,
    fault: fn(&str) -> Option<&'static str>,
    remedy: &'static str,
) -> Result<Option<StringValue>, BuildError> {
    let Some((setting, text)) = text.filter(|(_, text)| !text.is_empty()) else {
        return Ok(None);
    };
    match fault(&text) {
        Some(reason) => Err(BuildError::InvalidSetting { setting, reason: reason.into(), remedy }),
        None => Ok(Some(StringValue::from(text))),
    }
}
