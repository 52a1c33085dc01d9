use opentelemetry::KeyValue;

use super::sql::Dialect;
use crate::semconv::Attribute;

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
        let known = attributes.iter().map(|entry| (entry, Attribute::of(entry)));
        Self { made_the_call: false, dialect: dialect(known).or(self.dialect) }
    }
}

/// How the database writes that a span asks, if it asks one, by its attributes and what they are.
pub(super) fn dialect<'a>(
    attributes: impl Iterator<Item = (&'a KeyValue, Option<Attribute>)>,
) -> Option<Dialect> {
    let (mut current, mut older, mut unknown) = (None, None, None);
    for (entry, attribute) in attributes {
        match attribute {
            Some(Attribute::DbSystemName) => current = Some(Dialect::of(&entry.value.as_str())),
            Some(Attribute::DbSystem) => older = Some(Dialect::of(&entry.value.as_str())),
            Some(Attribute::DbQueryText | Attribute::DbStatement) => {
                unknown = Some(Dialect::Unknown);
            }
            _ => {}
        }
    }
    current.or(older).or(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_asks_a_database_if_it_names_one_or_what_it_asks() {
        let asks = |key: &&'static str| {
            let attributes = [KeyValue::new(*key, "postgresql")];
            Around::default().of(&attributes).dialect.is_some()
        };
        let telling: Vec<_> = Attribute::KEYS.iter().copied().filter(asks).collect();
        assert_eq!(telling, ["db.query.text", "db.statement", "db.system", "db.system.name"]);
    }
}
