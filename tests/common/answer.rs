//! What a [`FakeSentry`](super::sentry::FakeSentry) says to a request.

use std::time::Duration;

use super::act::Act;

/// An answer to one request, or the lack of one.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub delay: Duration,
    pub form: Form,
}

/// What goes over the wire.
#[derive(Clone, Debug)]
pub enum Form {
    /// A proper answer.
    Http,
    /// These bytes, and then the end of the connection.
    Raw(Vec<u8>),
    /// Nothing, for as long as the server lives.
    Hang,
    /// These, and then the end of the connection.
    Acts(Vec<Act>),
}

impl Default for Answer {
    fn default() -> Self {
        let body = r#"{"id":"00000000000000000000000000000000"}"#.to_owned();
        Self { status: 200, headers: Vec::new(), body, delay: Duration::ZERO, form: Form::Http }
    }
}

impl Answer {
    pub fn status(status: u16) -> Self {
        Self { status, body: r#"{"detail":"fake"}"#.to_owned(), ..Self::default() }
    }

    pub fn hang() -> Self {
        Self { form: Form::Hang, ..Self::default() }
    }

    pub fn close_before_answer() -> Self {
        Self::raw("")
    }

    pub fn raw(bytes: impl AsRef<[u8]>) -> Self {
        Self { form: Form::Raw(bytes.as_ref().to_vec()), ..Self::default() }
    }

    pub fn acts(acts: impl IntoIterator<Item = Act>) -> Self {
        Self { form: Form::Acts(acts.into_iter().collect()), ..Self::default() }
    }

    pub fn reset() -> Self {
        Self::acts([Act::Reset])
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The answer as HTTP, if it is one.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text =
            format!("HTTP/1.1 {} Fake\r\nContent-Length: {}\r\n", self.status, self.body.len());
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(&self.body);
        text.into_bytes()
    }
}
