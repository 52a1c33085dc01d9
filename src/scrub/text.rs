//! Texts without what must not be sent.

use std::borrow::Cow;

use super::byte::{Class, rest_from};
use super::calm;
use super::family::{Families, Family};
use super::pass::Pass;
use super::settings::Scrubbing;
use crate::steps;

pub(super) use super::pass::Kind;

/// How often a text is read that changes each time.
const MAX_PASSES: usize = 4;

/// The shortest text in which more than an address, an assignment or a URL can be.
const SHORT_TEXT: usize = 13;

/// Whether there is nothing in a text to look at, if users have listed no keys.
#[inline]
pub(super) fn is_calm(text: &str) -> bool {
    (text.len() < SHORT_TEXT && is_without_marks(text)) || calm_len(text, false) == text.len()
}

/// Whether a text has none of the marks that make a short one worth a look.
#[inline]
fn is_without_marks(text: &str) -> bool {
    steps::count(text.len());
    rest_from(text.as_bytes(), |class| class.is(Class::SHORT)).is_empty()
}

/// The text without what must not be sent.
#[inline]
pub(super) fn scrubbed<'a>(
    text: &'a str,
    kind: Kind,
    families: Families,
    settings: &Scrubbing,
) -> Cow<'a, str> {
    let is_short = text.len() < SHORT_TEXT && matches!(kind, Kind::Text | Kind::Statement);
    if is_short && is_without_marks(text) {
        return text.into();
    }
    looked_at(text, kind, families, settings)
}

/// How much of a text there is before the first byte to look at.
fn calm_len(text: &str, has_lists: bool) -> usize {
    let (bytes, marks) = (text.as_bytes(), calm::marks(text, has_lists));
    let calm = |at: usize| {
        let length = calm::calm(bytes.get(at..).unwrap_or_default(), marks);
        steps::count(length);
        at.saturating_add(length)
    };
    let at = calm(0);
    // Most URLs have no marks but the first.
    match bytes.get(at..) {
        Some([b':', b'/', b'/', ..]) if calm(at.saturating_add(3)) == bytes.len() => bytes.len(),
        _ => at,
    }
}

fn looked_at<'a>(
    text: &'a str,
    kind: Kind,
    families: Families,
    settings: &Scrubbing,
) -> Cow<'a, str> {
    let calm = calm_len(text, settings.has_lists());
    if calm == text.len() {
        return text.into();
    }
    let mut clean = Pass::new((text, calm), kind, families, settings).run();
    // What was taken out may join what stood around it to another secret.
    for _ in 1..MAX_PASSES {
        let Cow::Owned(once) = &clean else { break };
        let Cow::Owned(again) = Pass::new((once, 0), kind, families, settings).run() else { break };
        if again == *once {
            break;
        }
        clean = again.into();
    }
    clean
}

/// A text with the user info of every URL in it replaced.
pub(crate) fn without_user_info(text: &str) -> Cow<'_, str> {
    if !text.contains('@') || !text.contains("://") {
        return text.into();
    }
    let families = Families::NONE.with(Family::UserInfo);
    scrubbed(text, Kind::Text, families, &Scrubbing::default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scrub::sql::{Dialect, without_literals};

    fn clean(text: &str) -> String {
        scrubbed(text, Kind::Text, Families::default(), &Scrubbing::default()).into_owned()
    }

    fn with_consent(text: &str) -> String {
        let families = Families::default().opened();
        scrubbed(text, Kind::Text, families, &Scrubbing::default()).into_owned()
    }

    #[test]
    fn urls_in_texts_lose_what_is_secret_and_the_rest_stays() {
        for (text, expected) in [
            ("no url", "no url"),
            ("see https://host mail me", "see https://host mail me"),
            (
                "error for url (https://u:S@h/p?api_key=S&b) again",
                "error for url (https://[Filtered]:[Filtered]@h/p?api_key=[Filtered]&b) again",
            ),
            (
                "GET https://bob:pw@h/x?token=1",
                "GET https://[Filtered]:[Filtered]@h/x?token=[Filtered]",
            ),
            ("é=postgres://u:p@h/db", "é=postgres://[Filtered]:[Filtered]@h/db"),
            ("https://h/#access_token=1", "https://h/"),
            (
                "GET /reset?code=abc&x=1 HTTP/1.1",
                "GET /reset?code=[Filtered]&x=[Filtered] HTTP/1.1",
            ),
            ("://", "://"),
        ] {
            assert_eq!(clean(text), expected);
        }
        assert_eq!(without_user_info("a://u:p@h?x=1 b"), "a://[Filtered]:[Filtered]@h?x=1 b");
    }

    #[test]
    fn a_url_and_a_query_are_scrubbed_to_their_end() {
        let of = |text: &str, kind| {
            scrubbed(text, kind, Families::default(), &Scrubbing::default()).into_owned()
        };
        assert_eq!(of("/a?token=1#x", Kind::Url), "/a?token=[Filtered]");
        assert_eq!(of("https://h/?q=it's me&b=", Kind::Url), "https://h/?q=[Filtered]&b=");
        assert_eq!(of("token=a b&flag&c=2", Kind::Query), "token=[Filtered]&flag&c=[Filtered]");
    }

    #[test]
    fn consent_opens_queries_and_addresses_but_no_secrets() {
        for (text, expected) in [
            (
                "https://u:p@h/?page=2&token=x",
                "https://[Filtered]:[Filtered]@h/?page=2&token=[Filtered]",
            ),
            ("https://h/cb?code=x&lang=de#top", "https://h/cb?code=[Filtered]&lang=de#top"),
            ("mail to jo@example.com", "mail to jo@example.com"),
            ("next=%2Fcb%3Ftoken%3Dabc%26a%3D1", "next=%2Fcb%3Ftoken%3D[Filtered]%26a%3D1"),
        ] {
            assert_eq!(with_consent(text), expected);
        }
    }

    #[test]
    fn values_of_secret_keys_are_taken_out_in_any_notation() {
        for (text, expected) in [
            (r#"{"password":"x\"y","a":1}"#, r#"{"password":"[Filtered]","a":1}"#),
            (
                r#"{"Password" : 12, "a":[{"api_key":null}]}"#,
                r#"{"Password" : "[Filtered]", "a":[{"api_key":null}]}"#,
            ),
            (r#"{"credentials":{"a":"}"},"b":2}"#, r#"{"credentials":"[Filtered]","b":2}"#),
            (r#"{"m":"{\"password\":\"x\"}"}"#, r#"{"m":"{\"password\":\"[Filtered]\"}"}"#),
            (r#"{"m":"{\"password\":5}"}"#, r#"{"m":"{\"password\":\"[Filtered]\"}"}"#),
            (r#"{"m":"password: "}"#, r#"{"m":"password: "}"#),
            (r#"{"m":"password=x"}"#, r#"{"m":"password=[Filtered]"}"#),
            ("a=b&password=x+y&c=d", "a=b&password=[Filtered]&c=d"),
            (
                "user[password]=x&user%5Bpassword%5D=y",
                "user[password]=[Filtered]&user%5Bpassword%5D=[Filtered]",
            ),
            ("Server=h;Password=a,b!;Database=d", "Server=h;Password=[Filtered];Database=d"),
            ("{'password': 'x', 'n': 1}", "{'password': '[Filtered]', 'n': 1}"),
            (
                "Login { user: \"jo\", password: Some(\"x\") }",
                "Login { user: \"jo\", password: Some(\"[Filtered]\") }",
            ),
            ("(password=x, next)", "(password=[Filtered], next)"),
            ("\"password\"=>\"x\"", "\"password\"=>\"[Filtered]\""),
            ("Authorization: Bearer abc def\nHost: h", "Authorization: [Filtered]\nHost: h"),
            ("cookie: a=1; b=2", "cookie: [Filtered]"),
            ("password=[Filtered], then", "password=[Filtered], then"),
        ] {
            assert_eq!(clean(text), expected);
        }
    }

    #[test]
    fn a_key_on_the_list_of_a_user_is_seen_whatever_it_is() {
        let settings = Scrubbing::default().with_denied_keys(["order", "61"]);
        let clean = |text| scrubbed(text, Kind::Text, Families::default(), &settings).into_owned();
        assert_eq!(clean("no order: 1234 is left"), "no order: [Filtered] is left");
        assert_eq!(clean("at stage_7.rs:61:12"), "at stage_7.rs:61:[Filtered]");
    }

    #[test]
    fn texts_that_only_look_secret_stay() {
        for text in [
            "unexpected token: expected ident",
            "token::parse failed in auth::session",
            "UPDATE u SET password = ? WHERE token = $1",
            "password = :password",
            "author=jo monkey: banana",
            "token_type=bearer, token_count: 12",
            "Bearer authentication failed",
            "password=true secret=none",
            "a ? b : c == d",
            "C:\\new\\temp",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn an_escape_of_json_is_never_torn() {
        assert_eq!(clean(r#"{"m":"a\njo@example.com"}"#), r#"{"m":"a\n[Filtered]"}"#);
        assert_eq!(clean(r#"{"m":"a\u0041b@example.com"}"#), r#"{"m":"a\u0041[Filtered]"}"#);
        assert_eq!(clean(r#"{"n":4111111111111111}"#), r#"{"n":"[Filtered]"}"#);
    }

    #[test]
    fn many_secrets_do_not_make_a_text_much_longer() {
        let query = "a=1&".repeat(1000);
        let once = scrubbed(&query, Kind::Query, Families::default(), &Scrubbing::default());
        assert!(once.len() <= query.len() * 2 + 60, "{}", once.len());
        assert!(!once.contains('1'));
    }

    #[test]
    fn no_text_is_looked_at_again_and_again() {
        for piece in [
            "password=",
            "token:",
            "a@",
            "a%40",
            "eyJ-",
            "eyJaaaaaaa.",
            "sk-a",
            "://",
            "a://b@",
            "a://b:c/",
            "?a",
            "a?b=",
            "\\\"",
            "\"password\":[",
            "-----BEGIN ",
            "Bearer ",
            "Basic+",
            "4111 ",
            "password='",
            "token: {",
            "\"a\":",
            "cookie: ",
            "SK",
            "hooks.slack.com/services/",
            "é@",
            "password=:",
            "token: Bearer ",
            "%3D",
            "x",
            "password: ****",
            "a-",
            "\\",
        ] {
            let text = piece.repeat(20_000);
            for text in [text.clone(), format!("{{\"m\":\"{text}")] {
                let steps = steps::of(|| drop(clean(&text)));
                assert!(
                    steps <= MAX_PASSES * (text.len() * 8 + 100),
                    "{piece}: {steps} for {}",
                    text.len()
                );
            }
        }
    }

    /// Pieces of what the pass reacts to, in any order.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "password",
                "token",
                "api_key",
                "=",
                ":",
                ": ",
                "://",
                "@",
                "%40",
                "?",
                "&",
                "#",
                "\"",
                "\\\"",
                "\\",
                "'",
                "{",
                "}",
                "[",
                "]",
                ",",
                " ",
                "\n",
                "https://",
                "jo@example.com",
                "a.b",
                "eyJhbGciOi.eyJzdWIiOi.x",
                "4111111111111111",
                "4111 1111",
                "Bearer ",
                "Basic ",
                "[Filtered]",
                "*",
                "…",
                "é",
                "%3D",
                "%5D",
                "-----BEGIN X-----",
                "-----END X-----",
                "Some(",
                ")",
                "user:",
                "\\n",
                "\\u00",
                "sk-",
                "AKIA",
                "x",
                "1",
                ";",
                "$1",
                "cookie",
                "/",
                concat!("gh", "p_abcdefghijklmnopqrstuvwxyz0123456789"),
            ])
            .prop_map(str::to_owned),
            "[a-zA-Z0-9]{1,12}",
            "\\PC{0,3}",
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(|float| serde_json::json!(float)),
            Just(4_111_111_111_111_111_i64.into()),
            pieces().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 6, |inner| {
            let key = prop_oneof![
                prop::sample::select(vec!["password", "token", "a", "session", "ip_address"])
                    .prop_map(str::to_owned),
                pieces(),
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
                prop::collection::hash_map(key, inner.clone(), 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
                // JSON as a text in JSON.
                inner.prop_map(|json| json.to_string().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn once_more_changes_nothing(text in pieces()) {
            for families in [Families::default(), Families::default().opened()] {
                for kind in [Kind::Text, Kind::Url, Kind::Query, Kind::Statement] {
                    let settings = Scrubbing::default();
                    let once = scrubbed(&text, kind, families, &settings);
                    let twice = scrubbed(&once, kind, families, &settings);
                    prop_assert_eq!(&twice, &once, "{:?} of {}", kind, text);
                }
            }
        }

        #[test]
        fn nothing_that_is_passed_by_had_to_be_looked_at(text in pieces()) {
            let (families, settings) = (Families::default(), Scrubbing::default());
            let denied = Scrubbing::default().with_denied_keys(["a", "1"]);
            let allowed = Scrubbing::default().with_allowed_keys(["token"]);
            for (settings, has_lists) in [(&settings, false), (&denied, true), (&allowed, true)] {
                for kind in [Kind::Text, Kind::Url, Kind::Query, Kind::Statement] {
                    let all = Pass::new((&text, 0), kind, families, settings).run_by(|_, _| 0);
                    let calm = calm_len(&text, has_lists);
                    let some = Pass::new((&text, calm), kind, families, settings).run();
                    prop_assert_eq!(some, all, "{:?} of {}", kind, text);
                }
            }
            let all = |kind| Pass::new((&text, 0), kind, families, &settings).run_by(|_, _| 0);
            for dialect in [Dialect::Unknown, Dialect::Postgres, Dialect::MySql, Dialect::Json] {
                let (clean, is_calm) = without_literals(&text, dialect);
                prop_assert!(!is_calm || clean == text, "{}", text);
                prop_assert!(!is_calm || all(Kind::Statement) == text, "{}", text);
            }
        }

        #[test]
        fn json_stays_json(json in json(), pretty: bool) {
            let text = if pretty { format!("{json:#}") } else { json.to_string() };
            if json.is_object() || json.is_array() {
                let clean = clean(&text);
                let parsed = serde_json::from_str::<serde_json::Value>(&clean);
                prop_assert!(parsed.is_ok(), "{}\nbecame\n{}", text, clean);
            }
        }

        #[test]
        fn the_work_grows_with_the_text_and_no_faster(text in pieces(), times in 1_usize..50) {
            let text = text.repeat(times);
            let steps = steps::of(|| drop(clean(&text)));
            let most = MAX_PASSES * (text.len() * 8 + 100);
            prop_assert!(steps <= most, "{steps} steps for {} bytes", text.len());
        }
    }
}
