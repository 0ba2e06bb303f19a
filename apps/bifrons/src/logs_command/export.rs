//! `bifrons logs export`.

use std::{fs::File, io, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;

use super::{
    Selection,
    output::{Form, Format},
    query::write_some,
};

/// Write records to a file, all columns in PAN-OS' own form if nothing else is said
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// The file; `-` is standard output
    output: PathBuf,
    #[command(flatten)]
    form: Form,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (reader, query) = arguments.selection.open()?;
    let is_standard = arguments.output.as_os_str() == "-";
    let out: Box<dyn io::Write> = if is_standard {
        Box::new(io::stdout().lock())
    } else {
        let file = File::create(&arguments.output);
        Box::new(file.with_context(|| format!("cannot write {}", arguments.output.display()))?)
    };
    let mut output = arguments.form.output(out, Format::PanOs)?;
    let (_, written) = write_some(&reader, &query, &mut output, usize::MAX)?;
    output.flush().context("cannot write the records")?;
    if !is_standard {
        eprintln!("{written} records");
    }
    Ok(ExitCode::SUCCESS)
}
