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

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}
