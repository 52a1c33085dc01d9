/// What becomes of a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Decision {
    /// Whether its transaction is sent.
    pub is_kept: bool,
    /// The share of segments like this one that are kept, from 0 to 1: 1 if a policy keeps it, 0 if
    /// a policy drops it, else the rate.
    ///
    /// The trace header tells it, times the rate of the sampler before, and Sentry counts a kept
    /// segment 1 / rate times.
    pub rate: f64,
}

impl Decision {
    /// What every segment gets without any sampling.
    pub(crate) const KEPT: Self = Self { is_kept: true, rate: 1.0 };

    pub(super) const DROPPED: Self = Self { is_kept: false, rate: 0.0 };
}
