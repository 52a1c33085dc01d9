use crate::propagation::Origin;
use crate::transport::RateLimits;

/// What a segment has to know of the project that it goes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Toward<'a> {
    pub(super) limits: &'a RateLimits,
    /// Absent where there is one project, which is that of the whole exporter.
    pub(super) origin: Option<&'a Origin>,
}
