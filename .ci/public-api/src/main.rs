//! Lists the public API of a crate, an item a line, from the JSON that rustdoc made of it.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use public_api::Builder;

fn main() -> anyhow::Result<()> {
    let file = std::env::args_os().nth(1).map(PathBuf::from);
    let file = file.context("the argument is missing: the file that rustdoc wrote")?;
    let api = Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    let mut out = io::stdout().lock();
    for item in api.items() {
        writeln!(out, "{item}")?;
    }
    Ok(())
}
