//! The books of both sides, item by item.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// What the exporter counted: delivered and dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub transactions: (u64, u64),
    pub events: (u64, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Transaction,
    Event,
}

/// How a request ended on the side of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not taken, and no answer.
    Silent,
    /// Taken, and then the connection was reset: the answer may have been seen or not.
    CutOff(u16),
    Answered(u16),
}

/// All that came for one id.
#[derive(Debug)]
struct Item {
    kind: Kind,
    outcomes: Vec<Outcome>,
    /// The answers that the exporter says it got.
    seen: Vec<u16>,
}

#[derive(Debug, Default)]
pub struct Books {
    items: HashMap<String, Item>,
    problems: Vec<String>,
}

impl Books {
    /// A request has come; gives its number among those of its id.
    pub fn came(&mut self, id: &str, kind: Kind) -> usize {
        let new = || Item { kind, outcomes: Vec::new(), seen: Vec::new() };
        let item = self.items.entry(id.to_owned()).or_insert_with(new);
        if item.kind != kind {
            self.problems.push(format!("{id} is of two kinds"));
        }
        item.outcomes.push(Outcome::Silent);
        item.outcomes.len() - 1
    }

    pub fn ended(&mut self, id: &str, number: usize, outcome: Outcome) {
        if let Some(item) = self.items.get_mut(id) {
            item.outcomes[number] = outcome;
        }
    }

    pub fn seen(&mut self, id: &str, status: u16) {
        match self.items.get_mut(id) {
            Some(item) => item.seen.push(status),
            None => self.problem(format!("an answer to {id}, which never came")),
        }
    }

    pub fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Says what there is; tells whether all of it agrees with the sums of the exporter.
    pub fn agree(mut self, sums: Sums) -> bool {
        let found: Vec<_> = self
            .items
            .iter()
            .filter_map(|(id, item)| Some(format!("{id}: {}", item.fault()?)))
            .collect();
        self.problems.extend(found);
        for (name, kind, (delivered, dropped)) in [
            ("transactions", Kind::Transaction, sums.transactions),
            ("errors", Kind::Event, sums.events),
        ] {
            let all: Vec<_> = self.items.values().filter(|item| item.kind == kind).collect();
            let count =
                |is: &dyn Fn(&Item) -> bool| all.iter().filter(|item| is(item)).count() as u64;
            let seen = count(&|item| item.seen.iter().any(|status| is_success(*status)));
            let accepted = count(&Item::is_accepted);
            let unseen = count(&|item| item.is_accepted() && item.seen.is_empty());
            let again = count(&|item| item.outcomes.len() > 1);
            let twice = count(&|item| item.copies() > 1);
            println!(
                "{name}: the server accepted {accepted}, of which the exporter saw {seen} and lost \
                 the answer to {unseen}; the exporter counted {delivered} delivered, {dropped} \
                 dropped; {again} were sent more than once, {twice} of them accepted more than once"
            );
            if seen != delivered {
                self.problems.push(format!("{name}: {seen} seen, but {delivered} delivered"));
            }
            let came = all.len() as u64;
            if came > delivered + dropped {
                self.problems.push(format!("{name}: {came} came, more than there were"));
            }
        }
        let requests: usize = self.items.values().map(|item| item.outcomes.len()).sum();
        println!("{requests} requests with an item; {} problems", self.problems.len());
        self.problems.iter().take(20).for_each(|problem| println!("{problem}"));
        self.problems.is_empty()
    }
}

impl Item {
    fn copies(&self) -> usize {
        let is_copy = |outcome: &&Outcome| match outcome {
            Outcome::CutOff(status) | Outcome::Answered(status) => is_success(*status),
            Outcome::Silent => false,
        };
        self.outcomes.iter().filter(is_copy).count()
    }

    fn is_accepted(&self) -> bool {
        self.copies() > 0
    }

    /// What must not be: an answer that was not heeded, or heard and never given.
    fn fault(&self) -> Option<String> {
        let (answered, others): (Vec<Outcome>, Vec<Outcome>) =
            self.outcomes.iter().partition(|outcome| matches!(outcome, Outcome::Answered(_)));
        // A request of a connection that was reset may be read after the one that followed it, so
        // their order tells nothing; but nothing is sent again that got an answer.
        let may_be_seen = |status: u16| others.contains(&Outcome::CutOff(status));
        match (&answered[..], &self.seen[..]) {
            ([], []) => None,
            ([], [seen]) if may_be_seen(*seen) => None,
            ([Outcome::Answered(status)], [seen]) if status == seen => None,
            _ => Some(format!("{:?}, seen {:?}", self.outcomes, self.seen)),
        }
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transactions, events } = self;
        write!(f, "{} {} {} {}", transactions.0, transactions.1, events.0, events.1)
    }
}

impl FromStr for Sums {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Vec<_> = text.split(' ').map_while(|number| number.parse().ok()).collect();
        let [a, b, c, d] = numbers[..] else { return Err(format!("no sums: {text}")) };
        Ok(Self { transactions: (a, b), events: (c, d) })
    }
}
