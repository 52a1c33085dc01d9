use opentelemetry::KeyValue;

use super::sql::Dialect;

/// What there is to know of the span that a text belongs to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around {
    pub(super) made_the_call: bool,
    /// How its queries are written, if it asks a database.
    pub(super) dialect: Option<Dialect>,
}

impl Around {
    /// What there is to know of something that belongs to the span.
    pub(super) fn of(self, attributes: &[KeyValue]) -> Self {
        Self { made_the_call: false, dialect: dialect(attributes).or(self.dialect) }
    }
}

/// How the database writes that a span asks, if it asks one.
pub(super) fn dialect(attributes: &[KeyValue]) -> Option<Dialect> {
    let (mut current, mut older, mut unknown) = (None, None, None);
    for entry in attributes {
        let key = entry.key.as_str();
        if !key.starts_with("db.") {
            continue;
        }
        match key {
            "db.system.name" => current = Some(Dialect::of(&entry.value.as_str())),
            "db.system" => older = Some(Dialect::of(&entry.value.as_str())),
            "db.query.text" | "db.statement" => unknown = Some(Dialect::Unknown),
            _ => {}
        }
    }
    current.or(older).or(unknown)
}
