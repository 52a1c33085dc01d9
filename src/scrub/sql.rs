//! Texts of queries without their literals.

use std::borrow::Cow;

use super::byte::Class;
use super::calm::calm;
use super::output::Output;
use super::redis;
use crate::steps;

/// How a database writes what is no name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Nothing is known: backslashes escape, and what is compared in double quotes is a text.
    #[default]
    Unknown,
    /// Double quotes are for names, a backslash is a char; SQLite, Oracle, SQL Server.
    Standard,
    /// The same, but texts can be in dollars and after `E`.
    Postgres,
    /// Double quotes are for texts, backslashes escape, `#` begins a comment.
    MySql,
    /// Queries that are JSON.
    Json,
    /// A command with a key and arguments.
    Redis,
}

/// A query on its way.
struct Query<'a> {
    bytes: &'a [u8],
    dialect: Dialect,
    at: usize,
    /// Whether nothing was seen so far in which more than literals may be secret.
    is_calm: bool,
    output: Output<'a>,
}

impl Dialect {
    /// By `db.system.name`, or the older `db.system`.
    pub(super) fn of(system: &str) -> Self {
        match system {
            "mysql" | "mariadb" | "tidb" | "memsql" | "singlestore" | "clickhouse" | "hive"
            | "spark" | "databricks" | "gcp.bigquery" | "bigquery" | "gcp.spanner" | "spanner" => {
                Self::MySql
            }
            "postgresql" | "cockroachdb" | "aws.redshift" | "redshift" | "edb" | "greenplum"
            | "vertica" | "duckdb" | "snowflake" => Self::Postgres,
            "sqlite"
            | "oracle"
            | "oracle.db"
            | "mssql"
            | "microsoft.sql_server"
            | "db2"
            | "ibm.db2"
            | "h2"
            | "h2database"
            | "hsqldb"
            | "derby"
            | "firebird"
            | "firebirdsql"
            | "sap.hana"
            | "hanadb"
            | "teradata"
            | "trino"
            | "presto" => Self::Standard,
            "mongodb" | "elasticsearch" | "opensearch" | "couchdb" | "couchbase" | "dynamodb"
            | "aws.dynamodb" | "azure.cosmosdb" | "cosmosdb" => Self::Json,
            "redis" | "valkey" | "memcached" => Self::Redis,
            _ => Self::Unknown,
        }
    }

    fn escapes(self) -> bool {
        matches!(self, Self::Unknown | Self::MySql | Self::Json | Self::Redis)
    }
}

/// The query with `?` in place of texts and numbers.
///
/// Numbers that are part of a name or of a parameter, such as `t1`, `$1` or `:1`, stay. Tells as
/// well whether the query is as it was and has nothing else in it that has to be looked at.
pub(super) fn without_literals(query: &str, dialect: Dialect) -> (Cow<'_, str>, bool) {
    steps::count(query.len());
    let is_json =
        matches!(query.bytes().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'['));
    let pass = Query {
        bytes: query.as_bytes(),
        dialect: if is_json { Dialect::Json } else { dialect },
        at: 0,
        is_calm: true,
        output: Output::new(query),
    };
    match pass.dialect {
        Dialect::Redis => match redis::without_arguments(query) {
            same if same == query => (query.into(), false),
            changed => (changed.into(), false),
        },
        _ => pass.run(),
    }
}

impl<'a> Query<'a> {
    fn run(mut self) -> (Cow<'a, str>, bool) {
        loop {
            self.at = self.after(calm(self.rest(self.at), Class::QUERY));
            let Some(byte) = self.byte(self.at) else { break };
            let is_json = self.dialect == Dialect::Json;
            match byte {
                b'\'' => self.literal(b'\'', self.is_escaping()),
                b'"' if is_json => self.json_text(),
                b'"' if self.is_text_in_double_quotes() => self.literal(b'"', true),
                b'"' | b'`' => self.name(byte),
                b'[' if self.dialect == Dialect::Standard => self.name(b']'),
                b'$' if self.in_dollars() => {}
                b'$' if !is_json => {
                    self.at = self.after(1);
                    self.number_of_name();
                }
                b'-' if self.byte(self.after(1)) == Some(b'-') && !is_json => self.line_comment(2),
                b'#' if self.dialect == Dialect::MySql => self.line_comment(1),
                b'/' if self.byte(self.after(1)) == Some(b'*') => self.comment(),
                b'0'..=b'9' if !self.is_in_name() => self.number(),
                b'0'..=b'9' => self.number_of_name(),
                b'@' | b'%' | b'\\' | b'a'..=b'z' | b'A'..=b'Z' => self.keep(self.after(1), false),
                b':' => self.keep(self.after(1), !self.rest(self.at).starts_with(b"://")),
                b'-' => self.keep(self.after(1), false),
                _ => self.at = self.after(1),
            }
        }
        match self.output.finish() {
            Cow::Borrowed(same) => (same.into(), self.is_calm),
            changed => (changed, false),
        }
    }

    /// Goes on behind what stays.
    fn keep(&mut self, to: usize, is_calm: bool) {
        (self.at, self.is_calm) = (to, self.is_calm && is_calm);
    }

    /// The byte before what comes next.
    fn before(&self) -> u8 {
        self.at.checked_sub(1).and_then(|before| self.byte(before)).unwrap_or(b' ')
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn after(&self, bytes: usize) -> usize {
        self.at.saturating_add(bytes)
    }

    fn rest(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// Whether nothing has to be looked at in a part that stays; a word begins with it.
    fn is_calm_in(&self, from: usize, to: usize) -> bool {
        let part = self.bytes.get(from..to).unwrap_or_default();
        calm(part, Class::MARK.and(Class::COLON)) == part.len()
    }

    fn replace(&mut self, to: usize, with: &str) {
        let to = to.min(self.bytes.len());
        self.output.replace((self.at, to), with, with);
        self.at = to;
    }

    /// Whether what comes next belongs to a name or a parameter.
    fn is_in_name(&self) -> bool {
        let before = self.before();
        before.is_ascii_alphanumeric()
            || !before.is_ascii()
            || matches!(before, b'_' | b'$' | b':' | b'?' | b'@' | b'#')
                && self.dialect != Dialect::Json
    }

    /// Whether backslashes count in the text that starts here.
    fn is_escaping(&self) -> bool {
        self.dialect.escapes()
            || (self.dialect == Dialect::Postgres && matches!(self.before(), b'E' | b'e'))
    }

    /// A text or name in double quotes: a text where it is compared with something.
    fn is_text_in_double_quotes(&self) -> bool {
        let head = self.bytes.get(..self.at).unwrap_or_default();
        let last = head.iter().rev().take(8).find(|byte| !byte.is_ascii_whitespace());
        match self.dialect {
            Dialect::MySql => true,
            Dialect::Unknown => matches!(last, Some(b'=' | b'<' | b'>')),
            _ => false,
        }
    }

    fn literal(&mut self, quote: u8, escapes: bool) {
        let end = text_end(self.bytes, self.after(1), quote, escapes);
        self.replace(end, "?");
    }

    /// A name in quotes stays.
    fn name(&mut self, quote: u8) {
        let end = text_end(self.bytes, self.after(1), quote, false).min(self.bytes.len());
        self.keep(end, self.is_calm_in(self.after(1), end));
    }

    /// A text of JSON stays if it is a key.
    fn json_text(&mut self) {
        let end = text_end(self.bytes, self.after(1), b'"', true).min(self.bytes.len());
        let next = self.rest(end).iter().find(|byte| !byte.is_ascii_whitespace());
        match next {
            Some(b':') => self.keep(end, self.is_calm_in(self.after(1), end)),
            _ => self.replace(end, "\"?\""),
        }
    }

    fn number(&mut self) {
        let (mut end, mut before) = (self.at, b' ');
        while let Some(byte) = self.byte(end) {
            let is_exponent = matches!(before, b'e' | b'E') && matches!(byte, b'+' | b'-');
            if !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'_') && !is_exponent {
                break;
            }
            before = byte;
            end = end.saturating_add(1);
        }
        let with = if self.dialect == Dialect::Json { "0" } else { "?" };
        self.replace(end, with);
    }

    /// A number that stays; a long one may be that of a card.
    fn number_of_name(&mut self) {
        let digits = self.rest(self.at).iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.keep(self.after(digits), digits < 4);
    }

    /// A text between `$$` or `$name$`; tells whether one starts here.
    fn in_dollars(&mut self) -> bool {
        if !matches!(self.dialect, Dialect::Postgres | Dialect::Unknown) || self.is_in_name() {
            return false;
        }
        let rest = self.rest(self.after(1));
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
        let length = rest.iter().take(64).take_while(|byte| is_name(byte)).count();
        let is_tag =
            rest.get(length) == Some(&b'$') && !rest.first().is_some_and(u8::is_ascii_digit);
        if !is_tag {
            return false;
        }
        let tag_end = self.after(length.saturating_add(2));
        let tag = self.bytes.get(self.at..tag_end).unwrap_or_default();
        let mut end = tag_end;
        while end < self.bytes.len() && !self.rest(end).starts_with(tag) {
            end = end.saturating_add(1);
        }
        self.replace(end.saturating_add(tag.len()), "?");
        true
    }

    fn line_comment(&mut self, mark: usize) {
        let rest = self.rest(self.after(mark));
        let length = rest.iter().take_while(|byte| **byte != b'\n').count();
        self.comment_body(mark, length);
    }

    fn comment(&mut self) {
        let rest = self.rest(self.after(2));
        let length = rest.windows(2).position(|end| end == b"*/").unwrap_or(rest.len());
        self.comment_body(2, length);
        if self.rest(self.at).starts_with(b"*/") {
            self.at = self.after(2);
        }
    }

    /// A comment stays if it is nothing but words.
    fn comment_body(&mut self, mark: usize, length: usize) {
        // More dashes may begin a block of PEM.
        self.is_calm &= !self.rest(self.at).starts_with(b"---");
        self.at = self.after(mark);
        let end = self.after(length);
        let body = self.bytes.get(self.at..end).unwrap_or_default();
        let is_value =
            |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'\'' | b'"' | b'=' | b'@' | b':');
        match body.iter().any(is_value) {
            true => self.replace(end, "?"),
            false => self.keep(end, self.is_calm_in(self.at, end)),
        }
    }
}

/// Where the text in quotes ends, behind the last of them: two in a row are one of the text.
fn text_end(bytes: &[u8], start: usize, quote: u8, escapes: bool) -> usize {
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        let next = at.saturating_add(1);
        at = match *byte {
            b'\\' if escapes => next.saturating_add(1),
            byte if byte == quote && bytes.get(next) == Some(&quote) => next.saturating_add(1),
            byte if byte == quote => return next,
            _ => next,
        };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_queries_become_question_marks() {
        use Dialect::{Json, MySql, Postgres, Redis, Standard, Unknown};
        for (dialect, query, clean) in [
            (
                Unknown,
                "SELECT 'it''s', 'a\\'b', 1.5e-3 FROM \"T 1\"",
                "SELECT ?, ?, ? FROM \"T 1\"",
            ),
            (Unknown, "UPDATE u SET p='x", "UPDATE u SET p=?"),
            (Unknown, "LIMIT 10 OFFSET -5, 0xFF", "LIMIT ? OFFSET -?, ?"),
            (Unknown, "a = \"jo\" AND \"b\" = 1", "a = ? AND \"b\" = ?"),
            (Postgres, "SELECT $$it's$$, $a$b$$c$a$, $1", "SELECT ?, ?, $1"),
            (Postgres, "'C:\\', 'x' || E'\\'y'", "?, ? || E?"),
            (Postgres, "SELECT \"a 1\", x'FF'", "SELECT \"a 1\", x?"),
            (MySql, "a=\"it\\\"s\" AND `b 1`=2 # jo=1\nLIMIT 3", "a=? AND `b 1`=? #?\nLIMIT ?"),
            (Standard, "SELECT [a'b] FROM t WHERE n = N'x\\'", "SELECT [a'b] FROM t WHERE n = N?"),
            (
                Standard,
                "SELECT 1 -- user=jo\n, 2 /* for 'jo' */ /* plain words */",
                "SELECT ? --?\n, ? /*?*/ /* plain words */",
            ),
            (
                Json,
                "{\"find\": \"users\", \"limit\": 5, \"a\": [\"x\\\"\", true]}",
                "{\"find\": \"?\", \"limit\": 0, \"a\": [\"?\", true]}",
            ),
            (Redis, "HGET user:7 name", "HGET user:7 ?"),
        ] {
            assert_eq!(without_literals(query, dialect).0, clean);
            assert_eq!(without_literals(clean, dialect).0, clean, "once more changes nothing");
        }
    }

    #[test]
    fn a_query_without_literals_stays_as_it_is() {
        for query in [
            "SELECT * FROM t1 WHERE id = $1 AND n = ?2 AND m = :3 AND o = @p4",
            "INSERT INTO \"orders\" (\"a\", \"b\") VALUES (?, ?)",
            "SELECT a->>b, c::text FROM t2",
        ] {
            for dialect in [Dialect::Unknown, Dialect::Postgres, Dialect::Standard] {
                let (clean, _) = without_literals(query, dialect);
                assert!(matches!(clean, Cow::Borrowed(same) if same == query), "{clean}");
            }
        }
    }

    #[test]
    fn only_a_query_with_nothing_else_to_see_is_not_looked_at_again() {
        for query in [
            "SELECT a.b::text FROM \"t 1\" WHERE id = $1 AND n <> :name -- plain words",
            "INSERT INTO [orders] (`a`) VALUES (?, ?2) /* plain words */ RETURNING _1",
            "{\"find\": null}",
        ] {
            assert!(without_literals(query, Dialect::Standard).1, "{query}");
        }
        for query in [
            "SELECT 1",
            "SELECT a FROM \"jo@example.com\"",
            "SELECT a FROM http://u:p/",
            "SELECT [http://u:p/]",
            "SELECT a -- ghp_",
            "SELECT a /* Bearer x */",
            "SELECT -----BEGIN X",
            "SELECT %abghp_",
            "{\"eyJ\": null}",
            "SELECT $4111111111111111",
        ] {
            assert!(!without_literals(query, Dialect::Standard).1, "{query}");
        }
    }
}
