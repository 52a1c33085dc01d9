//! How much work the parsers do, counted in tests only.

/// Notes that this many bytes were looked at.
#[inline]
pub(in crate::mapping) fn count(bytes: usize) {
    #[cfg(test)]
    counter::STEPS.with(|steps| steps.set(steps.get().saturating_add(bytes)));
    #[cfg(not(test))]
    let _ = bytes;
}

#[cfg(test)]
mod counter {
    use std::cell::Cell;

    thread_local! {
        pub(super) static STEPS: Cell<usize> = const { Cell::new(0) };
    }
}

/// The bytes that were looked at meanwhile.
#[cfg(test)]
pub(super) fn of(work: impl FnOnce()) -> usize {
    counter::STEPS.with(|steps| steps.set(0));
    work();
    counter::STEPS.with(std::cell::Cell::get)
}
