//! What the key of an attribute says it is, where OpenTelemetry or Sentry knows the key.

use crate::semconv::Attribute::{self, *};

/// What an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing that is known: its key and its text decide.
    Other,
    /// A URL or the target of a request.
    Url,
    /// The query or the fragment of a URL.
    Query,
    /// The text of a query of a database.
    Statement,
    /// A document of GraphQL.
    Document,
    /// The name and version of software, which may look like an address.
    Software,
    /// It tells who or where a person is, or what people have written.
    Personal,
    /// The address of the other end: of a person's device, unless this end made the call.
    Peer,
    /// A header with credentials.
    Credentials,
    /// A header that says where a request came from.
    Origin,
    /// The cookies of a request.
    Cookies,
}

/// Where captured headers stand among the attributes.
const HEADERS: &[&str] = &[
    "http.request.header.",
    "http.response.header.",
    "rpc.grpc.request.metadata.",
    "rpc.grpc.response.metadata.",
    "rpc.request.metadata.",
    "rpc.response.metadata.",
];

/// Parts of names of headers that carry credentials.
const CREDENTIALS: &[&str] = &[
    "auth",
    "credential",
    "csrf",
    "jwt",
    "key",
    "passw",
    "proxy-",
    "secret",
    "session",
    "signature",
    "token",
    "xsrf",
];

/// Parts of names of headers that say where a request came from.
const ORIGINS: &[&str] = &[
    "-ip",
    "appengine-",
    "clientip",
    "external-address",
    "forwarded",
    "location",
    "referer",
    "remote-",
    "socketip",
    "via",
    "viewer-",
];

impl Role {
    /// The role of what many spans have. Its key is no name for secrets, and none can stand in it, so
    /// that its words need not be looked at.
    #[inline]
    pub(super) fn of_common(attribute: Attribute) -> Option<Self> {
        Some(match attribute {
            ClientAddress => Self::Personal,
            NetworkPeerAddress => Self::Peer,
            HttpTarget | HttpUrl | UrlFull => Self::Url,
            UrlQuery => Self::Query,
            DbQueryText | DbStatement => Self::Statement,
            BusyNs
            | CodeColumn
            | CodeColumnNumber
            | CodeFilePath
            | CodeFilepath
            | CodeFunction
            | CodeFunctionName
            | CodeLineNumber
            | CodeLineno
            | CodeModuleName
            | CodeNamespace
            | DbCollectionName
            | DbName
            | DbNamespace
            | DbOperation
            | DbOperationName
            | DbQuerySummary
            | DbResponseReturnedRows
            | DbSystem
            | DbSystemName
            | ErrorType
            | ExceptionMessage
            | ExceptionStacktrace
            | ExceptionType
            | HttpMethod
            | HttpRequestBodySize
            | HttpRequestMethod
            | HttpResponseBodySize
            | HttpResponseStatusCode
            | HttpRoute
            | HttpStatusCode
            | IdleNs
            | Level
            | MessagingDestinationName
            | MessagingOperationName
            | MessagingOperationType
            | MessagingSystem
            | NetworkPeerPort
            | NetworkProtocolName
            | NetworkProtocolVersion
            | RpcMethod
            | RpcService
            | RpcSystem
            | RpcSystemName
            | ServerAddress
            | ServerPort
            | Target
            | ThreadId
            | ThreadName
            | UrlPath
            | UrlScheme
            | UserAgentOriginal => Self::Other,
            _ => return None,
        })
    }

    pub(super) fn of(key: &str) -> Self {
        let key = key.strip_prefix("tags.").unwrap_or(key);
        match key.as_bytes().first() {
            Some(b'h' | b'r') => {
                for prefix in HEADERS {
                    if let Some(name) = key.strip_prefix(prefix) {
                        return Self::of_header(name);
                    }
                }
            }
            Some(b'd' | b'm')
                if ["db.query.parameter.", "db.operation.parameter.", "mcp.request.argument."]
                    .iter()
                    .any(|family| key.starts_with(family)) =>
            {
                return Self::Personal;
            }
            _ => {}
        }
        match key {
            // Nothing that is known begins like this.
            _ if !matches!(
                key.as_bytes(),
                [b'c', b'l', ..]
                    | [b'd', b'b', ..]
                    | [b'e', b'n', ..]
                    | [b'g', b'e' | b'r', ..]
                    | [b'h', b't', ..]
                    | [b'm', b'c', ..]
                    | [b'n', b'e', ..]
                    | [b'o', b't', ..]
                    | [b'p', b'r', ..]
                    | [b's', b'e' | b'o', ..]
                    | [b'u', b'r' | b's', ..]
                    | [.., b'l' | b'i']
            ) =>
            {
                Self::Other
            }
            "client.address"
            | "client.port"
            | "enduser.role"
            | "enduser.scope"
            | "gen_ai.completion"
            | "gen_ai.input.messages"
            | "gen_ai.output.messages"
            | "gen_ai.prompt"
            | "gen_ai.request.messages"
            | "gen_ai.response.text"
            | "gen_ai.system_instructions"
            | "gen_ai.tool.call.arguments"
            | "gen_ai.tool.call.result"
            | "gen_ai.tool.input"
            | "gen_ai.tool.output"
            | "graphql.variables"
            | "http.client_ip"
            | "http.request.body"
            | "http.request.body.content"
            | "http.response.body"
            | "http.response.body.content"
            | "mcp.tool.result.content"
            | "process.command_args"
            | "process.command_line"
            | "process.owner"
            | "source.address"
            | "source.port"
            | "user.email"
            | "user.full_name"
            | "user.name" => Self::Personal,
            _ if key.starts_with("geo.") || key.starts_with("user.geo.") => Self::Personal,
            "net.peer.ip" | "net.sock.peer.addr" | "network.peer.address" => Self::Peer,
            "http.target" => Self::Url,
            "url.query" | "url.fragment" | "http.query" | "http.fragment" => Self::Query,
            "db.query.text" | "db.statement" => Self::Statement,
            "graphql.document" | "graphql.source" => Self::Document,
            "sentry.release" | "service.version" | "otel.scope.version" => Self::Software,
            _ if key == "url" || key == "uri" || key == "url.full" => Self::Url,
            _ if key.ends_with(".url") || key.ends_with(".uri") => Self::Url,
            _ => Self::Other,
        }
    }

    fn of_header(name: &str) -> Self {
        let name = name.to_ascii_lowercase().replace('_', "-");
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        match () {
            () if name.contains("cookie") => Self::Cookies,
            () if has(CREDENTIALS) => Self::Credentials,
            () if has(ORIGINS) => Self::Origin,
            () => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrub::key::{Verdict, judge};

    #[test]
    fn what_is_known_of_common_keys_is_what_a_look_at_them_would_tell() {
        let common = Attribute::KEYS.iter().filter_map(|key| {
            let role = Role::of_common(Attribute::from_key(key)?)?;
            Some((*key, role))
        });
        let mut count = 0;
        for (key, role) in common {
            assert_eq!((role, Verdict::Free), (Role::of(key), judge(key)), "{key}");
            assert!(key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'.' | b'_')), "{key}");
            count += 1;
        }
        assert!(count > 50, "{count}");
        assert_eq!(Role::of_common(UserId), None);
    }

    #[test]
    fn every_key_that_is_told_apart_has_a_role() {
        // What stands between these two lines of this file.
        let (_, arms) = include_str!("attribute.rs").split_once("begins like this.").unwrap();
        let (arms, _) = arms.split_once("_ => Self::Other").unwrap();
        let keys: Vec<_> = arms.split('"').skip(1).step_by(2).collect();
        assert!(keys.contains(&"otel.scope.version") && keys.len() > 40, "{keys:?}");
        for key in keys {
            assert_ne!(Role::of(key), Role::Other, "{key}");
        }
    }

    #[test]
    fn names_of_secret_headers_are_known_in_any_spelling() {
        for (name, role) in [
            ("Authorization", Role::Credentials),
            ("proxy-authorization", Role::Credentials),
            ("X-API-Key", Role::Credentials),
            ("x_api_key", Role::Credentials),
            ("x-csrf-token", Role::Credentials),
            ("Cookie", Role::Cookies),
            ("set-cookie", Role::Cookies),
            ("X-Forwarded-For", Role::Origin),
            ("X-Real-IP", Role::Origin),
        ] {
            assert_eq!(Role::of(&format!("http.request.header.{name}")), role, "{name}");
            assert_eq!(Role::of(&format!("rpc.grpc.response.metadata.{name}")), role, "{name}");
        }
        for name in [
            "accept",
            "baggage",
            "content-type",
            "sentry-trace",
            "traceparent",
            "user-agent",
            "host",
        ] {
            assert_eq!(Role::of(&format!("http.response.header.{name}")), Role::Other, "{name}");
        }
    }
}
