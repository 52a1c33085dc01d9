use std::hash::{DefaultHasher, Hash, Hasher};

use sentry_types::protocol::v7::{Exception, Stacktrace};

use super::exception::{Recorded, type_of_cause};

/// What tells one error from another (rule EXC-11): what is said, and the frames.
#[derive(Debug)]
pub(super) struct Identity {
    /// Of types and texts of the whole chain, or of a message and its place.
    pub(super) said: u64,
    /// The same in the words of a report, which names no types.
    pub(super) as_cause: u64,
    /// Of each cause and what is below it, the root cause first.
    causes: Vec<u64>,
    /// Of the frames; nothing where there are none.
    pub(super) stack: Option<u64>,
}

impl Identity {
    pub(super) fn of(recorded: &Recorded) -> Self {
        let mut hasher = DefaultHasher::new();
        let Some((itself, causes)) = recorded.chain.split_last() else {
            let place = recorded.location.as_ref().map(|place| (&place.file, place.line));
            (&recorded.message, place).hash(&mut hasher);
            let said = hasher.finish();
            return Self { said, as_cause: said, causes: Vec::new(), stack: None };
        };
        let below = |cause: &Exception| {
            (&*cause.ty, &cause.value).hash(&mut hasher);
            hasher.finish()
        };
        let causes = causes.iter().map(below).collect();
        let with = |ty: &str| {
            let mut hasher = hasher.clone();
            (ty, &itself.value).hash(&mut hasher);
            hasher.finish()
        };
        let said = with(&itself.ty);
        let as_cause = with(type_of_cause(itself.value.as_deref().unwrap_or_default()));
        Self { said, as_cause, causes, stack: itself.stacktrace.as_ref().map(stack) }
    }

    /// What is said in whole, and what is said of each cause, the outermost first; with how many
    /// errors of a chain it is said of.
    pub(super) fn sayings(&self) -> impl Iterator<Item = (u64, usize)> + '_ {
        let causes = self.causes.iter().enumerate().rev();
        let causes = causes.map(|(below, said)| (*said, below.saturating_add(1)));
        std::iter::once((self.said, self.causes.len().saturating_add(1))).chain(causes)
    }
}

fn stack(trace: &Stacktrace) -> u64 {
    let mut hasher = DefaultHasher::new();
    for frame in &trace.frames {
        (&frame.module, &frame.function, &frame.abs_path, frame.lineno).hash(&mut hasher);
    }
    hasher.finish()
}
