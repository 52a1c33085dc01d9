//! The documents: their links lead somewhere, and what they quote is what the code says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use opentelemetry_sentry::transport::{ProxyFault, TlsFault, TransportErrorKind};
use opentelemetry_sentry::{Finding, OtlpEndpoint};

const README: &str = include_str!("../README.md");
const DOCS_RS: &str = "https://docs.rs/crate/opentelemetry-sentry/latest/source/";

// Links

/// The pages of the package, by their path in it.
fn pages() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = BTreeMap::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root.join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            let name = entry.file_name().into_string().unwrap();
            let is_foreign = name.starts_with('.') || name == "target" || name == "node_modules";
            if entry.file_type().unwrap().is_dir() && !is_foreign {
                directories.push(path);
            } else if name.ends_with(".md") {
                pages.insert(path, fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    assert!(pages.len() > 15, "only {} pages", pages.len());
    pages
}

/// The text without what stands in code.
fn prose(page: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            // What has no partner opens nothing.
            let parts: Vec<_> = line.split('`').collect();
            prose.extend(parts.iter().step_by(2).map(|part| format!("{part}`")));
        }
        prose.push('\n');
    }
    prose
}

/// The targets of `[…](target)`.
fn inline_links(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

/// The targets of `[label]: target`, by label.
fn definitions<'a>(page: &'a str, before: &str) -> BTreeMap<&'a str, &'a str> {
    page.lines()
        .filter_map(|line| line.strip_prefix(before)?.strip_prefix('[')?.split_once("]: "))
        .collect()
}

/// The anchors of the headings, as forges make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut is_code = false;
    let mut anchors = BTreeSet::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        let heading = line.trim_start_matches('#');
        if is_code || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let kept = |char: &char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_');
        let words: String = heading.trim().to_lowercase().chars().filter(kept).collect();
        anchors.insert(words.replace(' ', "-"));
    }
    anchors
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => assert!(plain.pop(), "{} leaves the package", path.display()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// What is wrong with a link of a page to something here.
fn fault(pages: &BTreeMap<PathBuf, String>, from: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(f, a)| (f, Some(a)));
    let path =
        if file.is_empty() { from.to_owned() } else { plain(&from.parent().unwrap().join(file)) };
    let page = pages.get(&path);
    if page.is_none() && !Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).exists() {
        return Some(format!("{}: no file {target}", from.display()));
    }
    let is_there = anchor.is_none_or(|anchor| page.is_some_and(|it| anchors(it).contains(anchor)));
    (!is_there).then(|| format!("{}: no heading {target}", from.display()))
}

#[test]
fn every_link_to_a_file_or_heading_leads_somewhere() {
    let pages = pages();
    let mut links = 0;
    let mut faults = Vec::new();
    for (path, page) in &pages {
        let prose = prose(page);
        for target in inline_links(&prose).chain(definitions(page, "").into_values()) {
            links += 1;
            faults.extend(fault(&pages, path, target));
        }
    }
    assert!(links > 80, "only {links} links were found");
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = "# Some `words`, and more\n```sh\n# no heading\n```\n".to_owned();
    let from = PathBuf::from("docs/page.md");
    let pages = BTreeMap::from([(from.clone(), page)]);
    let finds = |target| fault(&pages, &from, target).is_some();
    for good in ["#some-words-and-more", "../README.md", "errors.md", "https://example.com/#a"] {
        assert!(!finds(good), "{good}");
    }
    for bad in ["#no-heading", "#some-words", "README.md", "../docs/none.md", "errors.md#none"] {
        assert!(finds(bad), "{bad}");
    }
    let prose = prose("a [b](c.md) and `[d](e.md)`\n```\n[f](g.md)\n```\n");
    assert_eq!(inline_links(&prose).collect::<Vec<_>>(), ["c.md"]);
}

#[test]
fn every_page_is_linked_from_another_one() {
    let pages = pages();
    let mut linked = BTreeSet::new();
    for (path, page) in &pages {
        let prose = prose(page);
        for target in inline_links(&prose).chain(definitions(page, "").into_values()) {
            if !target.contains("://") {
                let file = target.split('#').next().unwrap();
                linked.insert(plain(&path.parent().unwrap().join(file)));
            }
        }
    }
    let docs = pages.keys().filter(|path| path.starts_with("docs"));
    let alone: Vec<_> = docs.filter(|path| !linked.contains(*path)).collect();
    assert_eq!(alone, Vec::<&PathBuf>::new());
}

// README and crate page

/// The crate page is made of the README; its links are relative to the repository, so the page
/// defines the same labels before it, and the first definition is the one that counts.
#[test]
fn every_link_of_the_readme_has_an_address_on_the_crate_page() {
    let source = include_str!("../src/lib.rs");
    let above = source.split_once("#![doc = include_str!(\"../README.md\")]").unwrap().0;
    let expected: BTreeMap<_, _> = definitions(README, "")
        .into_iter()
        .map(|(label, target)| (label, format!("{DOCS_RS}{target}")))
        .collect();
    let found: BTreeMap<_, _> = definitions(above, "//! ")
        .into_iter()
        .map(|(label, target)| (label, target.to_owned()))
        .collect();
    assert_eq!(found, expected);
    let prose = prose(README);
    assert_eq!(inline_links(&prose).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn the_readme_is_short_and_its_picture_is_light() {
    assert!(README.lines().count() <= 150, "{} lines", README.lines().count());
    let picture = include_bytes!("../docs/images/spotlight.png");
    assert!(picture.starts_with(b"\x89PNG") && picture.len() <= 300 * 1024, "{}", picture.len());
}

#[test]
fn the_speed_in_the_readme_is_that_of_the_page_about_it() {
    let measured: BTreeSet<_> = include_str!("../docs/performance.md").lines().collect();
    let (_, from) = README.split_once("<!-- the speed").unwrap();
    let (speed, _) = from.split_once("<!-- end of the speed -->").unwrap();
    let rows: Vec<_> = speed.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 3, "{rows:?}");
    let invented: Vec<_> = rows.into_iter().filter(|row| !measured.contains(row)).collect();
    assert_eq!(invented, Vec::<&str>::new());
}

#[test]
fn the_versions_in_the_readme_are_those_of_the_manifest() {
    let manifest = include_str!("../Cargo.toml");
    let dependencies = manifest.split_once("[dependencies]").unwrap().1;
    let minor = |name: &str| {
        let line = dependencies.lines().find(|line| line.starts_with(&format!("{name} = ")));
        line.unwrap().split('"').nth(1).unwrap().to_owned()
    };
    let msrv = env!("CARGO_PKG_RUST_VERSION");
    let own = env!("CARGO_PKG_VERSION").rsplit_once('.').unwrap().0;
    let (sdk, bridge) = (minor("opentelemetry_sdk"), minor("tracing-opentelemetry"));
    let row = format!("| {own} | {sdk} | {bridge} | {msrv} or newer |");
    assert!(README.lines().any(|line| line == row), "{row}");
}

// What the pages quote

/// Everything that `check` may say, with `…` where somebody else is quoted.
fn findings() -> BTreeSet<String> {
    let server = || "https://o1.ingest.sentry.io/api/42/envelope/".to_owned();
    let reason = || "…".to_owned();
    let refused = |status| Finding::Refused { server: server(), status, detail: None };
    let proxy = |fault| Finding::Proxy { fault, reason: reason() };
    let tls = |fault| Finding::Tls { server: server(), fault, reason: reason() };
    let unreachable = |kind| Finding::Unreachable { server: server(), kind, reason: reason() };
    let clock = |is_ahead| Finding::ClockOff { by: Duration::from_secs(90), is_ahead };
    let limited = |categories| Finding::RateLimited { categories, lasts: Duration::from_secs(60) };
    let page = "it answered with a web page".to_owned();
    [
        clock(true),
        clock(false),
        Finding::Disabled,
        Finding::KeyRefused { server: server(), status: 401, detail: None },
        Finding::NotSentry { server: server(), reason: page },
        Finding::NotSentry { server: server(), reason: reason() },
        Finding::ProjectUnknown { server: server(), status: 404, detail: Some(reason()) },
        proxy(ProxyFault::Credentials),
        proxy(ProxyFault::Refused),
        proxy(ProxyFault::Unreachable),
        limited(vec![]),
        limited(vec!["transactions"]),
        refused(301),
        refused(400),
        refused(413),
        refused(418),
        refused(503),
        Finding::ShutDown,
        Finding::TimedOut { after: Duration::from_secs(5) },
        tls(TlsFault::ClientCertificate),
        tls(TlsFault::Expired),
        tls(TlsFault::NotTls),
        tls(TlsFault::Other),
        tls(TlsFault::UnknownIssuer),
        tls(TlsFault::WrongHost),
        unreachable(TransportErrorKind::Closed),
        unreachable(TransportErrorKind::Connect),
        unreachable(TransportErrorKind::Dns),
        unreachable(TransportErrorKind::Other),
        Finding::Works,
    ]
    .map(|finding| finding.to_string())
    .into()
}

#[test]
fn the_page_about_troubles_quotes_every_sentence_of_check_and_no_other_one() {
    let page = include_str!("../docs/troubleshooting.md");
    let mut quoted = BTreeSet::new();
    let mut is_table = false;
    for line in page.lines() {
        is_table =
            line.starts_with('|') && (is_table || line == "| symptom | `check()` says | cure |");
        if let Some(cell) = line.split('|').nth(2).filter(|_| is_table) {
            quoted.extend(cell.trim().strip_prefix('`').and_then(|cell| cell.strip_suffix('`')));
        }
    }
    let said = findings();
    let said: BTreeSet<_> = said.iter().map(String::as_str).collect();
    let not_said: Vec<_> = quoted.difference(&said).collect();
    let not_quoted: Vec<_> = said.difference(&quoted).collect();
    assert_eq!((not_said, not_quoted), (vec![], vec![]));
}

#[test]
fn the_collector_beside_it_has_the_exporter_that_the_crate_prints() {
    let page = include_str!("../docs/scaling.md");
    let (_, yaml) = page.split_once("```yaml\n").unwrap();
    let (yaml, _) = yaml.split_once("```").unwrap();
    let endpoint = OtlpEndpoint::from_dsn("https://key@o1.ingest.sentry.io/42").unwrap();
    let printed = endpoint.collector_config();
    let block = |text: &str, name: &str| {
        let lines = text.lines().skip_while(|line| *line != name);
        let block = lines.take_while(|line| !line.is_empty()).map(str::to_owned);
        block.collect::<Vec<_>>()
    };
    for name in ["receivers:", "exporters:"] {
        let expected = block(&printed, name);
        assert!(expected.len() > 5, "{printed}");
        assert_eq!(block(yaml, name), expected, "{name}");
    }
    let processors = yaml.replace("processors: [tail_sampling, batch]", "processors: [batch]");
    assert_eq!(block(&processors, "service:"), block(&printed, "service:"));
}
