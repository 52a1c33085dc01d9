use serde_json::Value;

use super::limit::shortened;

/// Cuts every text and every key to `longest` bytes, with a mark, and leaves no NUL in them.
pub(crate) fn limit_texts(value: &mut Value, longest: usize) {
    match value {
        Value::String(text) => {
            if let Some(short) = shortened(text, longest) {
                *text = short;
            }
        }
        Value::Array(values) => {
            values.iter_mut().for_each(|value| limit_texts(value, longest));
        }
        Value::Object(fields) => {
            fields.values_mut().for_each(|value| limit_texts(value, longest));
            let keys = fields.keys().filter_map(|key| {
                let short = shortened(key, longest)?;
                Some((key.clone(), short))
            });
            for (key, short) in keys.collect::<Vec<_>>() {
                if let Some(value) = fields.remove(&key) {
                    fields.insert(short, value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether there is a NUL in a text or a key, which Sentry's database does not take.
pub(crate) fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(fields) => {
            fields.iter().any(|(key, value)| key.contains('\0') || has_nul(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_and_keys_are_cut_at_every_depth() {
        let mut value = json!({
            "a\0": ["short", "far too long", {"and too long as well": 1.5}, null, true],
            "ok": "nul\0",
        });
        assert!(has_nul(&value));
        limit_texts(&mut value, 8);
        assert!(!has_nul(&value));
        assert_eq!(
            value,
            json!({
                "a\u{fffd}": ["short", "far t…", {"and t…": 1.5}, null, true],
                "ok": "nul\u{fffd}",
            })
        );
    }
}
