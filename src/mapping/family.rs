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

impl Family {
    /// All of them, in their order.
    pub(super) const ALL: &[Self] = &[
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
}
