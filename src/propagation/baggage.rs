use opentelemetry::Context;
use opentelemetry::baggage::{Baggage, BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::Extractor;

use super::member::{Member, sentry_key};
use super::sampling_context::SamplingContext;

/// What a `baggage` header said: Sentry's members, and those of others.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Incoming {
    pub(super) foreign: Vec<Foreign>,
    /// Absent where there are none, or none that can be used.
    pub(super) sentry: Option<SamplingContext>,
}

/// A member of somebody else, which is passed on as it came.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Foreign {
    member: Member,
    /// Whether OpenTelemetry's baggage has it, so that the application could take it out.
    is_in_baggage: bool,
}

pub(super) const HEADER: &str = "baggage";

/// How long a header may be, in bytes.
///
/// <https://www.w3.org/TR/baggage/#limits>
const MAX_BYTES: usize = 8192;

/// How many members it may have.
const MAX_MEMBERS: usize = 64;

impl Incoming {
    /// Reads all `baggage` headers as one; nothing if that is too long or no text of a header.
    pub(super) fn of(carrier: &dyn Extractor) -> Self {
        let text = carrier.get_all(HEADER).unwrap_or_default().join(",");
        let is_text = text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
        if text.len() > MAX_BYTES || !is_text {
            return Self::default();
        }
        let members = text.split(',').filter(|raw| !raw.trim().is_empty()).map(Member::of);
        let (sentry, foreign): (Vec<_>, Vec<_>) =
            members.partition(|member| member.sentry_key().is_some());
        let foreign = foreign
            .into_iter()
            .take(MAX_MEMBERS)
            .map(|member| Foreign { member, is_in_baggage: false });
        Self {
            foreign: foreign.collect(),
            sentry: Some(sentry)
                .filter(|members| !members.is_empty())
                .and_then(|members| SamplingContext::of(&members)),
        }
    }

    /// Lets the application read and change what came, as OpenTelemetry's own propagator does.
    pub(super) fn enter(&mut self, context: &Context) -> Context {
        if self.foreign.is_empty() {
            return context.clone();
        }
        let mut baggage = copied(context.baggage(), |_| true);
        for Foreign { member, .. } in &self.foreign {
            if let Some(value) = &member.value {
                let key = member.key.clone();
                baggage.insert_with_metadata(key, value.clone(), member.metadata.as_str());
            }
        }
        for foreign in &mut self.foreign {
            let Foreign { member, is_in_baggage } = foreign;
            *is_in_baggage = member.value.is_some() && baggage.get(&member.key).is_some();
        }
        context.with_baggage(baggage)
    }
}

/// The context without members of Sentry, which belong to a trace that is not continued.
pub(super) fn without_sentry(context: &Context) -> Context {
    if context.baggage().iter().all(|(key, _)| sentry_key(key.as_str()).is_none()) {
        return context.clone();
    }
    context.with_baggage(copied(context.baggage(), |key| sentry_key(key).is_none()))
}

/// The members of Sentry that a propagator of OpenTelemetry took in.
pub(super) fn sentry_of(baggage: &Baggage) -> Option<SamplingContext> {
    let members = baggage.iter().filter(|(key, _)| sentry_key(key.as_str()).is_some());
    let mut members: Vec<_> =
        members.map(|(key, (value, _))| Member::new(key.as_str(), value.as_str(), "")).collect();
    members.sort_by(|a, b| a.key.cmp(&b.key));
    Some(members)
        .filter(|members| !members.is_empty())
        .and_then(|members| SamplingContext::of(&members))
}

/// The header to send: what came from others, as the application left it, then what the
/// application added, then Sentry's members. These all go or none, as there is room for them.
pub(super) fn header(
    foreign: &[Foreign],
    baggage: &Baggage,
    sentry: Option<&SamplingContext>,
) -> Option<String> {
    let mut text = String::new();
    let mut count = 0_usize;
    for member in others(foreign, baggage) {
        let bytes = text.len().saturating_add(member.as_str().len()).saturating_add(1);
        if count < MAX_MEMBERS && bytes <= MAX_BYTES {
            append(&mut text, member.as_str());
            count = count.saturating_add(1);
        }
    }
    if let Some(sentry) = sentry.filter(|sentry| !sentry.as_str().is_empty()) {
        let bytes = text.len().saturating_add(sentry.as_str().len()).saturating_add(1);
        count = count.saturating_add(sentry.members().count());
        if bytes <= MAX_BYTES && count <= MAX_MEMBERS {
            append(&mut text, sentry.as_str());
        }
    }
    Some(text).filter(|text| !text.is_empty())
}

/// The members of others that came, changed as the application changed its baggage, and its own.
fn others(foreign: &[Foreign], baggage: &Baggage) -> Vec<Member> {
    let mut members = Vec::new();
    for (place, Foreign { member, is_in_baggage }) in foreign.iter().enumerate() {
        let later = foreign.iter().skip(place.saturating_add(1));
        let last = later.rev().find(|it| it.is_in_baggage && it.member.key == member.key);
        let decisive = last.map_or(member, |last| &last.member);
        match baggage.get_with_metadata(&member.key) {
            None if *is_in_baggage => {}
            Some((value, metadata)) if *is_in_baggage && !decisive.says(value.as_str()) => {
                if last.is_none() {
                    members.push(Member::new(&member.key, value.as_str(), metadata.as_str()));
                }
            }
            _ => members.push(member.clone()),
        }
    }
    let mut added: Vec<_> = baggage
        .iter()
        .filter(|(key, _)| sentry_key(key.as_str()).is_none())
        .filter(|(key, _)| foreign.iter().all(|one| one.member.key != key.as_str()))
        .map(|(key, (value, metadata))| {
            Member::new(key.as_str(), value.as_str(), metadata.as_str())
        })
        .collect();
    added.sort_by(|a, b| a.key.cmp(&b.key));
    members.append(&mut added);
    members
}

fn append(text: &mut String, members: &str) {
    if !text.is_empty() {
        text.push(',');
    }
    text.push_str(members);
}

fn copied(baggage: &Baggage, is_kept: impl Fn(&str) -> bool) -> Baggage {
    let kept = baggage.iter().filter(|(key, _)| is_kept(key.as_str()));
    kept.map(|(key, (value, metadata))| {
        KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn incoming(text: &str) -> Incoming {
        Incoming::of(&HashMap::from([(HEADER.to_owned(), text.to_owned())]))
    }

    /// What is passed on after the application did something to its baggage.
    fn passed_on(text: &str, change: impl FnOnce(Baggage) -> Baggage) -> Option<String> {
        let mut incoming = incoming(text);
        let context = incoming.enter(&Context::new());
        let baggage = change(copied(context.baggage(), |_| true));
        header(&incoming.foreign, &baggage, incoming.sentry.as_ref())
    }

    #[test]
    fn members_of_others_are_passed_on_byte_for_byte() {
        for text in [
            "a=1",
            "a=1 , b=2;p=x;q",
            "a=%c3%a9, a=2,B=b=c==",
            "no member,=,;,a=%ff",
            "a=1,a,a=%ff",
            "a=1,sentry-sampled=true;p",
            "key=va%20lue;m=1,sentry-third_party=x",
        ] {
            assert_eq!(passed_on(text, |baggage| baggage).as_deref(), Some(text), "{text}");
        }
        assert_eq!(
            passed_on("sentry-sampled=true,a=1,,sentry-org_id=7", |baggage| baggage).as_deref(),
            Some("a=1,sentry-sampled=true,sentry-org_id=7")
        );
        assert_eq!(passed_on("", |baggage| baggage), None);
    }

    #[test]
    fn what_the_application_does_to_its_baggage_is_done() {
        let add = |mut baggage: Baggage| {
            baggage.insert("z", "1,2");
            baggage.insert("c", "é");
            baggage
        };
        let text = "b=%41,sentry-sampled=true";
        assert_eq!(passed_on(text, add).unwrap(), "b=%41,c=%C3%A9,z=1%2C2,sentry-sampled=true");
        let change = |mut baggage: Baggage| {
            baggage.insert("b", "new");
            baggage.remove("a");
            baggage
        };
        assert_eq!(passed_on("a=1,b=1,b=2,c=3", change).unwrap(), "b=new,c=3");
    }

    #[test]
    fn a_header_that_is_too_long_or_no_text_is_ignored_whole() {
        let long = format!("sentry-sampled=true,a={}", "x".repeat(MAX_BYTES));
        for text in [long.as_str(), "a=1\r\nb: 2", "a=é", "a=\u{0}"] {
            assert_eq!(incoming(text), Incoming::default());
        }
    }

    #[test]
    fn sentrys_members_count_all_or_none() {
        for text in [
            "sentry-sampled=yes,sentry-release=a",
            "sentry-sample_rate=1.5,sentry-release=a",
            "sentry-sample_rate=NaN",
            "sentry-sample_rand=1",
            "sentry-release=%ff",
            "sentry-trace_id=42",
            "sentry-release",
        ] {
            assert_eq!(incoming(&format!("{text},a=1")).sentry, None, "{text}");
        }
        assert!(incoming("sentry-sample_rate=0.5,sentry-else=x").sentry.is_some());
    }

    #[test]
    fn the_limits_are_kept_and_sentrys_members_go_all_or_none() {
        let sentry = incoming("sentry-release=a,sentry-sampled=true").sentry.unwrap();
        for members in [10, 62, 63, 64, 65, 1000] {
            let text: Vec<_> = (0..members).map(|number| format!("k{number}=v")).collect();
            let sent = passed_on(
                &format!("{},sentry-release=a,sentry-sampled=true", text.join(",")),
                |it| it,
            )
            .unwrap();
            let sent: Vec<_> = sent.split(',').collect();
            let sentrys = sent.iter().filter(|text| text.starts_with("sentry-")).count();
            assert_eq!(sentrys, if members <= 62 { 2 } else { 0 });
            assert_eq!(sent.len() - sentrys, members.min(MAX_MEMBERS));
        }
        let mut baggage = Baggage::new();
        baggage.insert("a", "é".repeat(2000));
        baggage.insert("b", "1");
        assert_eq!(
            header(&[], &baggage, Some(&sentry)).unwrap(),
            "b=1,sentry-release=a,sentry-sampled=true"
        );
    }
}
