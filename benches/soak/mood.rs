//! What state the server is in, by chance.

use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Healthy,
    /// Answers take up to 0.4 s.
    Slow,
    /// No answers, for as long as the client waits.
    Hanging,
    /// RST before any answer.
    ResetsBefore,
    /// Takes what comes, and then RST within the headers of a 200.
    ResetsWithin,
    /// Takes what comes, and then RST after the headers of a 200.
    ResetsAfter,
    /// 503.
    InTrouble,
    /// 429 for a second.
    Limiting,
    /// 200, and no transactions for a second.
    LimitingTransactions,
    /// 200, and no errors for a second.
    LimitingErrors,
    /// Nobody listens, and all connections are closed.
    Refusing,
    /// All connections are closed; then it is healthy.
    Restarting,
}

/// Random numbers that are the same for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

const ALL: [Mood; 12] = [
    Mood::Healthy,
    Mood::Slow,
    Mood::Hanging,
    Mood::ResetsBefore,
    Mood::ResetsWithin,
    Mood::ResetsAfter,
    Mood::InTrouble,
    Mood::Limiting,
    Mood::LimitingTransactions,
    Mood::LimitingErrors,
    Mood::Refusing,
    Mood::Restarting,
];

impl Mood {
    /// Healthy every other time, so that there is something to lose.
    pub fn any(dice: &mut Dice) -> Self {
        let at = usize::try_from(dice.below(2 * ALL.len() as u64)).unwrap_or_default();
        ALL.get(at).copied().unwrap_or(Self::Healthy)
    }
}

impl FromStr for Mood {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = ALL.into_iter().find(|mood| format!("{mood:?}") == name);
        found.ok_or(format!("no mood: {name}"))
    }
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
