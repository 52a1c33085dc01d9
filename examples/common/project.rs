//! Where an example sends to, and whether the right things arrive there.

use std::future::pending;
use std::sync::mpsc;
use std::{env, thread};

use tokio::runtime::Builder;

use super::arrivals::Arrivals;
use super::outline::Outline;
use super::receiver::{Inbox, Receiver};
use super::{Result, process};

/// The project of `SENTRY_DSN`, or a receiver that the example brings along.
pub struct Project {
    given: Option<String>,
    receiver: Receiver,
}

impl Project {
    /// The project of `SENTRY_DSN`, if that is set; ends a process that takes too long.
    pub fn open() -> Result<Self> {
        Self::open_unless("SENTRY_DSN")
    }

    /// Stands in for what a variable names, unless it is set.
    pub fn open_unless(variable: &str) -> Result<Self> {
        process::limit();
        let given = env::var(variable).ok().filter(|value| !value.is_empty());
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (started, starting) = mpsc::channel();
        // A thread of its own, because the application may end its runtime, or block it.
        thread::spawn(move || {
            runtime.block_on(async {
                started.send(Receiver::start(None).await).ok();
                pending::<()>().await
            })
        });
        Ok(Self { given, receiver: starting.recv()?? })
    }

    /// What the variable says, else the DSN of the receiver.
    pub fn dsn(&self) -> &str {
        self.given.as_deref().unwrap_or(&self.receiver.dsn)
    }

    /// An address of the receiver, for others than Sentry.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.receiver.address)
    }

    /// Whether things go to a real one, where nobody here can look.
    pub fn is_real(&self) -> bool {
        self.given.is_some()
    }

    /// How many transactions came so far.
    pub fn transactions(&self) -> usize {
        self.receiver.peek(|inbox| inbox.items("transaction").count())
    }

    /// What came, of which nothing was turned down.
    pub fn inbox(&self) -> Result<Inbox> {
        let inbox = self.receiver.take();
        match inbox.refusals.first() {
            Some(refusal) => Err(refusal.clone().into()),
            None => Ok(inbox),
        }
    }

    /// Prints spans and errors that came, and fails unless the head of `source` shows the same.
    pub fn compare(&self, source: &str) -> Result {
        self.compare_with("", source)
    }

    /// The same, with something to say before.
    pub fn compare_with(&self, said: &str, source: &str) -> Result {
        if self.is_real() {
            println!(
                "look into the project of SENTRY_DSN; the example doctor says what is wrong if \
                     nothing is there"
            );
            return Ok(());
        }
        let arrivals = Arrivals::read(&self.inbox()?.envelopes)?;
        compare(&format!("{said}{}", Outline::of(&arrivals)), source)
    }
}

/// Prints a text, and fails unless the head of `source` shows the same.
pub fn compare(text: &str, source: &str) -> Result {
    print!("{text}");
    let head = source.lines().map_while(|line| line.strip_prefix("//!"));
    let shown = head.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let shown = shown.skip_while(|line| *line != "```text").skip(1);
    let shown: Vec<&str> = shown.take_while(|line| *line != "```").collect();
    let came: Vec<&str> = text.lines().collect();
    if !shown.is_empty() && came == shown {
        return Ok(());
    }
    let same = came.iter().zip(&shown).take_while(|(came, shown)| came == shown).count();
    let (came, shown) = (came.get(same), shown.get(same));
    Err(format!("line {}: {came:?} came, {shown:?} is in the head of the file", same + 1).into())
}
