use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::trace::TraceId;
use sentry_types::Dsn;

use super::continuation::Continuation;
use super::origin::Origin;
use super::sampling;
use super::sampling_context::SamplingContext;
use crate::generations::{Generations, Limits, Weight};
use crate::mapping::Mapper;
use crate::protocol::{TraceHeader, TraceKey};

/// What exporter, propagator and sampler tell each other about traces.
///
/// The one thing that threads of the application and the exporter's thread share under a lock,
/// which is held for a look into a map, never while a text is made.
pub(crate) struct TraceRegistry {
    /// Absent without a DSN.
    public_key: Option<String>,
    continuation: Continuation,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    service: Arc<Service>,
    contexts: Generations<TraceId, Entry>,
    /// By which this process decided about traces.
    rates: Generations<TraceId, Rate>,
}

/// What is known of a trace when something of it is sent.
pub(super) enum Earlier {
    /// This came with it or left with it.
    Context(Arc<SamplingContext>),
    /// Neither; the rate by which it was sampled, as far as somebody told it.
    Nothing { rate: Option<f64> },
}

/// What a trace that begins here says of the software.
#[derive(Clone, Debug, Default)]
pub(crate) struct Service {
    pub(crate) release: Option<String>,
    pub(crate) environment: Option<String>,
}

/// The same, for the moment in which it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Told<'a> {
    pub(super) release: Option<&'a str>,
    pub(super) environment: Option<&'a str>,
}

impl Told<'_> {
    pub(super) fn owned(self) -> Service {
        Service {
            release: self.release.map(str::to_owned),
            environment: self.environment.map(str::to_owned),
        }
    }
}

impl Service {
    pub(super) fn told(&self) -> Told<'_> {
        Told { release: self.release.as_deref(), environment: self.environment.as_deref() }
    }

    pub(crate) fn of(mapper: &Mapper) -> Self {
        Self {
            release: mapper.release().map(ToString::to_string),
            environment: Some(mapper.environment().to_owned()),
        }
    }
}

/// What is said of a trace.
#[derive(Clone, Debug)]
struct Entry {
    context: Arc<SamplingContext>,
    /// Whether it was made here.
    is_own: bool,
}

#[derive(Clone, Copy, Debug)]
struct Rate(f64);

/// What is known of a trace, taken out of the state.
#[derive(Clone, Debug)]
struct Known {
    context: Arc<SamplingContext>,
    is_own: bool,
    rate: Option<Rate>,
}

/// What a generation holds: the traces of 5 seconds, which spans may wait for their export, at
/// 4000 new ones a second.
const LIMITS: Limits = Limits { entries: 20_000, bytes: 8 * 1024 * 1024 };

impl TraceRegistry {
    pub(crate) fn new(dsn: Option<&Dsn>, continuation: Continuation, service: Service) -> Self {
        Self {
            public_key: dsn.map(|dsn| dsn.public_key().to_owned()),
            continuation: match dsn {
                Some(dsn) => continuation.or_host(dsn.host()),
                None => continuation,
            },
            state: Mutex::new(State {
                service: Arc::new(service),
                contexts: Generations::new(LIMITS),
                rates: Generations::new(LIMITS),
            }),
        }
    }

    /// The service whose spans come from now on.
    pub(crate) fn set_service(&self, service: Service) {
        self.state().service = Arc::new(service);
    }

    pub(super) fn continuation(&self) -> &Continuation {
        &self.continuation
    }

    /// Notes the rate by which a trace was sampled here.
    pub(super) fn rate(&self, trace: TraceId, rate: f64) {
        self.state().rates.insert(trace, Rate(rate));
    }

    /// Keeps what the head of a trace said, unless somebody did before; gives what counts.
    pub(super) fn keep(
        &self,
        trace: TraceId,
        context: Arc<SamplingContext>,
    ) -> Arc<SamplingContext> {
        self.enter(trace, Entry { context, is_own: false }).context()
    }

    /// What came with a trace, with the rate by which this process decided (rule DSC-2).
    pub(super) fn with_own_rate(
        &self,
        trace: TraceId,
        context: &Arc<SamplingContext>,
    ) -> Arc<SamplingContext> {
        let rate = self.state().rates.find(trace).copied();
        Known { context: Arc::clone(context), is_own: false, rate }.context()
    }

    /// The context of a trace, if one came or left already.
    pub(super) fn context(&self, trace: TraceId) -> Option<Arc<SamplingContext>> {
        let known = self.state().known(trace);
        known.map(Known::context)
    }

    /// The rate by which a trace was sampled, as far as somebody told it.
    pub(super) fn rate_of(&self, trace: TraceId) -> Option<f64> {
        let (rate, known) = {
            let mut state = self.state();
            (state.rates.find(trace).copied(), state.known(trace))
        };
        match rate {
            Some(Rate(rate)) => Some(rate),
            None => sampling::parse(&known?.context().value(TraceKey::SampleRate)?),
        }
    }

    /// The same for an envelope, whose root may tell the rate by which it was sampled.
    pub(super) fn context_at(&self, trace: TraceId, rate: Option<f64>) -> Earlier {
        let known = {
            let mut state = self.state();
            let decided = state.rates.find(trace).copied();
            let Some(entry) = state.contexts.find(trace).cloned() else {
                return Earlier::Nothing { rate: rate.or(decided.map(|rate| rate.0)) };
            };
            if let (Some(rate), None) = (rate, decided) {
                state.rates.insert(trace, Rate(rate));
            }
            entry.at(decided.or(rate.map(Rate)))
        };
        Earlier::Context(known.context())
    }

    /// The context of a trace that leaves this process for the first time, and stays as it is from
    /// then on; none without a DSN. It has no name, because that of the root is not known yet.
    pub(super) fn begin(&self, trace: TraceId, is_sampled: bool) -> Option<Arc<SamplingContext>> {
        let (known, rate, service) = {
            let mut state = self.state();
            let rate = state.rates.find(trace).map(|rate| rate.0);
            (state.known(trace), rate, Arc::clone(&state.service))
        };
        if let Some(known) = known {
            return Some(known.context());
        }
        let header = self.own(trace, (rate, is_sampled), service.told(), None)?;
        let context = Arc::new(SamplingContext::own(&header));
        // Another thread may have been faster.
        Some(self.enter(trace, Entry { context, is_own: true }).context())
    }

    /// The header of a trace that began here (rules DSC-1, DSC-4, DSC-5 and DSC-7), as the project
    /// of this origin is told it, or else that of the exporter.
    pub(super) fn own(
        &self,
        trace: TraceId,
        (rate, is_sampled): (Option<f64>, bool),
        service: Told<'_>,
        origin: Option<&Origin>,
    ) -> Option<TraceHeader> {
        let (key, org_id) = match origin {
            Some(origin) => (&origin.public_key, &origin.org_id),
            None => (self.public_key.as_ref()?, &self.continuation.org_id),
        };
        let mut header = TraceHeader::default();
        header.set_trace(trace);
        header.set(TraceKey::PublicKey, key);
        header.set(TraceKey::Sampled, if is_sampled { "true" } else { "false" });
        // Somebody else's rate is not known, and 1 would not be the one that dropped a trace.
        if let Some(rate) = rate.or(is_sampled.then_some(1.0)) {
            let rand = sampling::agreeing(sampling::rand_of(trace), rate, is_sampled);
            header.set(TraceKey::SampleRate, &sampling::rate_text(rate));
            header.write(TraceKey::SampleRand, |text| sampling::write_rand(text, rand));
        }
        for (key, text) in [
            (TraceKey::Release, service.release),
            (TraceKey::Environment, service.environment),
            (TraceKey::OrgId, org_id.as_deref()),
        ] {
            text.into_iter().for_each(|text| header.set(key, text));
        }
        Some(header)
    }

    /// Keeps what is said of a trace, unless something is known; gives what counts.
    fn enter(&self, trace: TraceId, entry: Entry) -> Known {
        let mut state = self.state();
        if let Some(known) = state.known(trace) {
            return known;
        }
        state.contexts.insert(trace, entry.clone());
        entry.at(state.rates.find(trace).copied())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TraceRegistry {
    /// Without the key, and without what thousands of traces say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceRegistry").finish_non_exhaustive()
    }
}

impl Default for TraceRegistry {
    fn default() -> Self {
        Self::new(None, Continuation::default(), Service::default())
    }
}

impl State {
    fn known(&mut self, trace: TraceId) -> Option<Known> {
        let entry = self.contexts.find(trace)?.clone();
        Some(entry.at(self.rates.find(trace).copied()))
    }
}

impl Entry {
    fn at(self, rate: Option<Rate>) -> Known {
        let Self { context, is_own } = self;
        Known { context, is_own, rate }
    }
}

impl Known {
    /// The context with the rate in it; makes texts, so it wants no lock around it.
    fn context(self) -> Arc<SamplingContext> {
        match self.rate {
            Some(Rate(rate)) => with_rate(&self.context, rate, self.is_own),
            None => self.context,
        }
    }
}

impl Weight for Entry {
    fn bytes(&self) -> usize {
        self.context.bytes()
    }
}

impl Weight for Rate {}

/// The context with the rate by which this process decided.
fn with_rate(context: &Arc<SamplingContext>, rate: f64, is_own: bool) -> Arc<SamplingContext> {
    let text = sampling::rate_text(rate);
    if context.as_str().is_empty() || context.value(TraceKey::SampleRate).as_deref() == Some(&text)
    {
        return Arc::clone(context);
    }
    let changed = context.with(TraceKey::SampleRate, &text);
    let is_sampled = context.value(TraceKey::Sampled).as_deref() == Some("true");
    Arc::new(match context.rand().filter(|_| is_own) {
        Some(rand) => {
            let rand = sampling::agreeing(rand, rate, is_sampled);
            changed.with(TraceKey::SampleRand, &sampling::rand_text(rand))
        }
        None => changed,
    })
}
