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
        Self { made_the_call: false, dialect: dialect(attributes).or(self.dialect) }
    }
}

/// Whether an attribute says that the span asks a database.
pub(super) fn tells_dialect(attribute: Attribute) -> bool {
    use Attribute::{DbQueryText, DbStatement, DbSystem, DbSystemName};
    matches!(attribute, DbQueryText | DbStatement | DbSystem | DbSystemName)
}

/// How the database writes that a span asks, if it asks one.
pub(super) fn dialect(attributes: &[KeyValue]) -> Option<Dialect> {
    let (mut current, mut older, mut unknown) = (None, None, None);
    for entry in attributes {
        let key = entry.key.as_str();
        // As long as these keys are, few others are.
        if !matches!(key.len(), 9 | 12..=14) {
            continue;
        }
        let Some(key) = key.strip_prefix("db.") else { continue };
        match key {
            "system.name" => current = Some(Dialect::of(&entry.value.as_str())),
            "system" => older = Some(Dialect::of(&entry.value.as_str())),
            "query.text" | "statement" => unknown = Some(Dialect::Unknown),
            _ => {}
        }
    }
    current.or(older).or(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_a_dialect_is_what_it_is_read_from() {
        for key in Attribute::KEYS {
            let is_read = dialect(&[KeyValue::new(*key, "postgresql")]).is_some();
            assert_eq!(Attribute::from_key(key).is_some_and(tells_dialect), is_read, "{key}");
        }
    }
}
