use serde::ser::{Serialize, SerializeMap};

use super::key::Field;

/// Writes a field if it has a value.
// The compiler has to see the bytes of the field.
#[inline(always)]
pub(super) fn optional<M: SerializeMap>(
    map: &mut M,
    field: Field,
    value: Option<impl Serialize>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(&field, &value),
        None => Ok(()),
    }
}
