use std::hash::{DefaultHasher, Hash, Hasher};

use sentry_types::protocol::v7::{Exception, Level, Stacktrace};

use super::exception::{Recorded, type_of_cause};
use crate::segment::ErrorMark;

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
    /// What is fatal, such as a panic, is no other record of what is not.
    pub(super) is_fatal: bool,
}

impl Identity {
    pub(super) fn of(recorded: &Recorded) -> Self {
        let is_fatal = recorded.level == Level::Fatal;
        let mut hasher = DefaultHasher::new();
        let Some((itself, causes)) = recorded.chain.split_last() else {
            let place = recorded.location.as_ref().map(|place| (&place.file, place.line));
            (&recorded.message, place).hash(&mut hasher);
            let said = hasher.finish();
            return Self { said, as_cause: said, causes: Vec::new(), stack: None, is_fatal };
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
        Self { said, as_cause, causes, stack: itself.stacktrace.as_ref().map(stack), is_fatal }
    }

    /// What is said in whole, and what is said of each cause, the outermost first; with how many
    /// errors of a chain it is said of.
    pub(super) fn sayings(&self) -> impl Iterator<Item = (u64, usize)> + '_ {
        let causes = self.causes.iter().enumerate().rev();
        let causes = causes.map(|(below, said)| (*said, below.saturating_add(1)));
        std::iter::once((self.said, self.causes.len().saturating_add(1))).chain(causes)
    }

    /// What a record of the same error is known by once this one has left.
    pub(super) fn marks(&self) -> [ErrorMark; 2] {
        let (stack, is_fatal) = (self.stack, self.is_fatal);
        [self.said, self.as_cause].map(|said| ErrorMark { said, stack, is_fatal })
    }

    /// Whether this is the error that has this mark, or has it as its cause.
    pub(super) fn has(&self, mark: ErrorMark) -> bool {
        may_be_one(self.stack, mark.stack)
            && match self.is_fatal {
                true => mark.is_fatal && self.said == mark.said,
                false => self.sayings().any(|(said, _)| said == mark.said),
            }
    }
}

/// Whether these may be the frames of one error: not every record of it brings its frames along.
pub(super) fn may_be_one(one: Option<u64>, other: Option<u64>) -> bool {
    one.is_none() || other.is_none() || one == other
}

fn stack(trace: &Stacktrace) -> u64 {
    let mut hasher = DefaultHasher::new();
    for frame in &trace.frames {
        (&frame.module, &frame.function, &frame.abs_path, frame.lineno).hash(&mut hasher);
    }
    hasher.finish()
}
