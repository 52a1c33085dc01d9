//! How much work parsers and scrubbing do, counted in tests only.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static STEPS: Cell<usize> = const { Cell::new(0) };
}

/// Notes that this many bytes were looked at.
#[inline]
pub(crate) fn count(bytes: usize) {
    #[cfg(test)]
    STEPS.with(|steps| steps.set(steps.get().saturating_add(bytes)));
    #[cfg(not(test))]
    let _ = bytes;
}

/// The bytes that were looked at meanwhile.
#[cfg(test)]
pub(crate) fn of(work: impl FnOnce()) -> usize {
    STEPS.with(|steps| steps.set(0));
    work();
    STEPS.with(Cell::get)
}
