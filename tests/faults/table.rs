//! The document that tells the faults, and how it is kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::app::Processor;
use super::fault::{Fault, Group, Proof};
use super::measured::{Measured, cell};
use super::{
    bodies, clocks, connections, elsewhere, endings, limits, outages, processes, runtimes,
    statuses, transports,
};

const GROUPS: [Group; 11] = [
    connections::GROUP,
    bodies::GROUP,
    statuses::GROUP,
    limits::GROUP,
    outages::GROUP,
    endings::GROUP,
    processes::GROUP,
    runtimes::GROUP,
    transports::GROUP,
    clocks::GROUP,
    elsewhere::GROUP,
];

const BEGIN: &str = "<!-- the faults: written by tests/faults.rs -->\n";
const END: &str = "<!-- the end of the faults -->\n";

/// The document, one test at a time.
static DOCUMENT: Mutex<()> = Mutex::new(());

/// Shows what was measured, and writes it into the document if that is asked for.
pub fn note(name: &str, measured: &[(Processor, Measured)]) {
    let cell = cell(measured);
    println!("{name}: {cell}");
    write(Some((name, cell)));
}

/// Writes the document anew, with what it says of measurements so far.
fn write(new: Option<(&str, String)>) {
    if std::env::var_os("RELIABILITY_TABLE").is_none_or(|what| what != "write") {
        return;
    }
    let _alone = DOCUMENT.lock().unwrap_or_else(PoisonError::into_inner);
    let (before, table, after) = parts();
    let mut measured = measured_in(&table);
    measured.extend(new.map(|(name, cell)| (name.to_owned(), cell)));
    let table = render(|fault| measured.get(fault.name).cloned().unwrap_or_default());
    fs::write(path(), format!("{before}{BEGIN}{table}{END}{after}")).expect("the document");
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reliability.md")
}

/// What comes before the table, the table, and what comes after it.
fn parts() -> (String, String, String) {
    let text = fs::read_to_string(path()).expect("the document");
    let (before, rest) = text.split_once(BEGIN).expect("the begin of the table");
    let (table, after) = rest.split_once(END).expect("the end of the table");
    (before.to_owned(), table.to_owned(), after.to_owned())
}

fn render(measured: impl Fn(&Fault) -> String) -> String {
    let mut text = String::new();
    for group in GROUPS {
        text.push_str(&format!("\n### {}\n\n", group.title));
        text.push_str("| test | what is done | what is promised | measured |\n|---|---|---|---|\n");
        for fault in group.faults {
            let Fault { name, done, promised, proof } = fault;
            let place = match proof {
                Proof::Here(..) => String::new(),
                Proof::Elsewhere(file) => format!("{file}: "),
            };
            let measured = measured(fault);
            text.push_str(&format!("| {place}`{name}` | {done} | {promised} | {measured} |\n"));
        }
    }
    text.push('\n');
    text
}

/// The last cells of the rows, by the names of their tests.
fn measured_in(table: &str) -> BTreeMap<String, String> {
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let name = cells.get(1)?.split('`').nth(1)?;
        Some((name.to_owned(), (*cells.get(4)?).to_owned()))
    };
    table.lines().filter_map(row).collect()
}

#[test]
fn the_document_tells_exactly_these_faults_and_promises() {
    write(None);
    let _alone = DOCUMENT.lock().unwrap_or_else(PoisonError::into_inner);
    let (_, table, _) = parts();
    let measured = measured_in(&table);
    let expected = render(|fault| measured.get(fault.name).cloned().unwrap_or_default());
    for (told, expected) in table.lines().zip(expected.lines()) {
        assert_eq!(told, expected, "write it anew with RELIABILITY_TABLE=write");
    }
    assert_eq!(table.len(), expected.len(), "write it anew with RELIABILITY_TABLE=write");
}

#[test]
fn each_fault_has_a_name_of_its_own_and_a_test() {
    let mut names = BTreeMap::new();
    for fault in GROUPS.iter().flat_map(|group| group.faults) {
        assert_eq!(names.insert(fault.name, ()), None, "{} is there twice", fault.name);
        let Proof::Elsewhere(file) = fault.proof else { continue };
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
        let test = format!("#[test]\nfn {}()", fault.name);
        assert!(text.expect(file).contains(&test), "{file} has no test {}", fault.name);
    }
    assert!(names.len() >= 30, "{}", names.len());
}

#[test]
fn each_measurement_that_can_be_taken_has_been_taken() {
    let _alone = DOCUMENT.lock().unwrap_or_else(PoisonError::into_inner);
    let measured = measured_in(&parts().1);
    if std::env::var_os("RELIABILITY_TABLE").is_some() {
        return;
    }
    for fault in GROUPS.iter().flat_map(|group| group.faults) {
        let is_here = matches!(fault.proof, Proof::Here(..));
        let is_told = measured.get(fault.name).is_some_and(|cell| !cell.is_empty());
        assert_eq!(is_here, is_told, "{}", fault.name);
    }
}
