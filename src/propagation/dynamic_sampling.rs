use opentelemetry::Value;
use opentelemetry::trace::TraceId;
use sentry_types::Dsn;
use sentry_types::protocol::v7::{DynamicSamplingContext, OrganizationId, SampleRand};

use crate::protocol::{Transaction, TransactionSource};

/// What every trace header of an exporter says alike.
#[derive(Clone, Debug)]
pub(crate) struct TraceHead {
    public_key: String,
    org_id: Option<OrganizationId>,
}

impl TraceHead {
    pub(crate) fn of(dsn: &Dsn) -> Self {
        Self { public_key: dsn.public_key().to_owned(), org_id: org_id(dsn.host()) }
    }

    /// The `trace` header of everything that belongs to the segment of this transaction, by which
    /// Sentry samples a trace as a whole (rules DSC-1 and DSC-4 to DSC-7).
    pub(crate) fn context(&self, transaction: &Transaction) -> DynamicSamplingContext {
        let rate = match transaction.trace.data.value("sentry.sample_rate") {
            Some(Value::F64(rate)) => *rate,
            Some(Value::I64(rate)) => *rate as f64,
            Some(Value::String(rate)) => rate.as_str().parse().unwrap_or(1.0),
            _ => 1.0,
        };
        // The header tells it in single precision, where a tiny rate would be none.
        let rate = f64::from(rate as f32);
        let rate = if rate > 1e-6 && rate <= 1.0 { rate } else { 1.0 };
        let mut context = DynamicSamplingContext::new()
            .with_trace_id(transaction.trace.trace_id.to_bytes().into())
            .with_public_key(self.public_key.clone())
            .with_sample_rate(rate as f32)
            .with_sampled(true);
        if let Some(rand) = sample_rand(transaction.trace.trace_id, rate) {
            context = context.with_sample_rand(rand);
        }
        if let Some(release) = &transaction.release {
            context = context.with_release(release.to_string());
        }
        if let Some(environment) = &transaction.environment {
            context = context.with_environment(environment.to_string());
        }
        let is_head = transaction.trace.parent_span_id.is_none();
        if is_head && transaction.source != TransactionSource::Url {
            context = context.with_transaction(transaction.name.to_string());
        }
        match self.org_id {
            Some(org_id) => context.with_org_id(org_id),
            None => context,
        }
    }
}

/// The number that OpenTelemetry's ratio sampler compares with the rate, so that all services of
/// a trace state the same one; scaled where another sampler decided otherwise (rule DSC-5).
fn sample_rand(trace: TraceId, rate: f64) -> Option<SampleRand> {
    const MILLION: f64 = 1e6;
    let [.., a, b, c, d, e, f, g, h] = trace.to_bytes();
    let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1;
    let rand = (number as f64 / (1_u64 << 63) as f64).min(0.999_999_9);
    let rand = if rand < rate { rand } else { rand * rate };
    let cut = (rand * MILLION).floor() / MILLION;
    SampleRand::try_from(cut.clamp(0.0, 0.999_999)).ok()
}

/// The organization that the first label of a host names (rule DSC-7).
fn org_id(host: &str) -> Option<OrganizationId> {
    let (label, _) = host.split_once('.')?;
    label.strip_prefix('o')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_below_the_rate_and_the_same_in_all_services() {
        let rand = |trace: u128, rate| sample_rand(TraceId::from(trace), rate).unwrap().to_string();
        assert_eq!(rand(0, 1.0), "0.000000");
        assert_eq!(rand(u128::from(u64::MAX), 1.0), "0.999999");
        assert_eq!(rand(u128::from(u64::MAX), 0.25), "0.249999");
        assert_eq!(rand(0x4c79_f60c_1121_4eb3_8604_f4ae_0781_bfb2, 1.0), "0.523513");
    }

    #[test]
    fn the_organization_comes_from_the_host() {
        let id = |host| org_id(host).map(|id| id.to_string());
        assert_eq!(id("o123456.sentry.io").as_deref(), Some("123456"));
        assert_eq!(id("o1.ingest.de.sentry.io").as_deref(), Some("1"));
        for host in ["my-org.sentry.io", "sentry.example.com", "o12", "localhost", "ox.y"] {
            assert_eq!(id(host), None, "{host}");
        }
    }
}
