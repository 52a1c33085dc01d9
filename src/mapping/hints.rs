use super::family::Family;
use crate::semconv::Attribute::{self, *};

/// What the attributes of a span tell by being there, whatever their values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hints(u16);

/// The families have the lowest bits.
const FAMILIES: u16 = {
    let (mut bits, mut families) = (0, Family::ALL);
    while let [family, rest @ ..] = families {
        (bits, families) = (bits | bit(*family), rest);
    }
    bits
};
const OLDER: u16 = 1 << 14;
const OF_SENTRY: u16 = 1 << 15;

impl Hints {
    /// What this attribute tells.
    #[inline]
    pub(super) fn of(attribute: Attribute) -> Self {
        Self(match attribute {
            CacheHit | CacheKey | CacheOperation => bit(Family::Cache),
            DbSystem | DbSystemName => bit(Family::Database),
            FaasTrigger => bit(Family::Faas),
            GenAiOperationName | GenAiProviderName | GenAiSystem => bit(Family::GenAi),
            GraphqlDocument | GraphqlFieldName | GraphqlFieldPath | GraphqlOperationName
            | GraphqlOperationType | GraphqlParentType | GraphqlSource => bit(Family::Graphql),
            HttpMethod | HttpRequestMethod => bit(Family::Http),
            McpMethodName => bit(Family::Mcp),
            MessagingDestination
            | MessagingDestinationName
            | MessagingOperation
            | MessagingOperationName
            | MessagingOperationType
            | MessagingSystem => bit(Family::Messaging),
            RpcService | RpcSystem | RpcSystemName => bit(Family::Rpc),
            HttpStatusCode | HttpUrl | NetPeerName | NetPeerPort | RpcGrpcStatusCode => OLDER,
            SentryCustomSpanName
            | SentryDescription
            | SentryEnvironment
            | SentryFingerprint
            | SentryGraphqlOperation
            | SentryHttpPrefetch
            | SentryLevel
            | SentryMeasurementUnit
            | SentryMeasurementValue
            | SentryName
            | SentryOp
            | SentryOrigin
            | SentryProfileId
            | SentryProfilerId
            | SentryRelease
            | SentrySampleRate
            | SentrySegmentName
            | SentrySegmentNameSource
            | SentrySource
            | SentrySpanSource
            | SentryTransaction => OF_SENTRY,
            _ => 0,
        })
    }

    #[inline]
    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether the span may belong to this family.
    pub(super) fn has(self, family: Family) -> bool {
        self.0 & bit(family) != 0
    }

    /// Whether it belongs to none.
    pub(super) fn has_no_family(self) -> bool {
        self.0 & FAMILIES == 0
    }

    /// The only family that it may belong to, if it is one alone.
    pub(super) fn only_family(self) -> Option<Family> {
        let families = self.0 & FAMILIES;
        let family = Family::ALL.get(usize::try_from(families.trailing_zeros()).ok()?)?;
        (families == bit(*family)).then_some(*family)
    }

    /// Whether there is a key in the place of which all spans can have a newer one.
    pub(super) fn has_older(self) -> bool {
        self.0 & OLDER != 0
    }

    /// Whether there is a key of Sentry's own.
    pub(super) fn has_some_of_sentry(self) -> bool {
        self.0 & OF_SENTRY != 0
    }
}

const fn bit(family: Family) -> u16 {
    1 << family as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_alone_is_told() {
        let mut hints = Hints(OLDER | OF_SENTRY);
        assert!(hints.has_no_family());
        assert_eq!(hints.only_family(), None);
        for family in Family::ALL {
            assert_eq!(Hints(bit(*family) | OLDER | OF_SENTRY).only_family(), Some(*family));
            hints.add(Hints(bit(*family)));
            assert!(hints.has(*family) && !hints.has_no_family());
        }
        assert_eq!(hints.only_family(), None);
    }

    #[test]
    fn keys_of_sentry_are_known_by_their_beginning() {
        for key in Attribute::KEYS {
            let is_known = Attribute::from_key(key).is_some_and(|it| Hints::of(it).0 == OF_SENTRY);
            assert_eq!(is_known, key.starts_with("sentry."), "{key}");
        }
    }
}
