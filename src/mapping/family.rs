use crate::semconv::Attribute::{self, *};

/// What family of work a span belongs to; decides its op and how it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Cache,
    Database,
    Faas,
    GenAi,
    Graphql,
    Http,
    Mcp,
    Messaging,
    Rpc,
}

/// Some families.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Families(u16);

impl Family {
    /// The family that a span may belong to because it has this attribute.
    pub(super) fn hinted_by(attribute: Attribute) -> Option<Self> {
        Some(match attribute {
            CacheHit | CacheKey | CacheOperation => Self::Cache,
            DbSystem | DbSystemName => Self::Database,
            FaasTrigger => Self::Faas,
            GenAiOperationName | GenAiProviderName | GenAiSystem => Self::GenAi,
            GraphqlDocument | GraphqlFieldName | GraphqlFieldPath | GraphqlOperationName
            | GraphqlOperationType | GraphqlParentType | GraphqlSource => Self::Graphql,
            HttpMethod | HttpRequestMethod => Self::Http,
            McpMethodName => Self::Mcp,
            MessagingDestination
            | MessagingDestinationName
            | MessagingOperation
            | MessagingOperationName
            | MessagingOperationType
            | MessagingSystem => Self::Messaging,
            RpcService | RpcSystem | RpcSystemName => Self::Rpc,
            _ => return None,
        })
    }

    /// All of them, in their order.
    const ALL: &[Self] = &[
        Self::Cache,
        Self::Database,
        Self::Faas,
        Self::GenAi,
        Self::Graphql,
        Self::Http,
        Self::Mcp,
        Self::Messaging,
        Self::Rpc,
    ];

    fn bit(self) -> u16 {
        1_u16.wrapping_shl(self as u32)
    }
}

impl Families {
    pub(super) fn insert(&mut self, family: Family) {
        self.0 |= family.bit();
    }

    pub(super) fn has(self, family: Family) -> bool {
        self.0 & family.bit() != 0
    }

    /// The family, if it is one alone.
    pub(super) fn only(self) -> Option<Family> {
        let family = Family::ALL.get(usize::try_from(self.0.trailing_zeros()).ok()?)?;
        (self.0 == family.bit()).then_some(*family)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_alone_is_told() {
        let mut families = Families::default();
        assert_eq!(families.only(), None);
        for family in Family::ALL {
            let mut alone = Families::default();
            alone.insert(*family);
            assert_eq!(alone.only(), Some(*family));
            families.insert(*family);
        }
        assert_eq!(families.only(), None);
    }
}
