//! Files: configurations, and what they name.

use std::{
    fmt,
    io::{Read, Write},
    path::Path,
};

use anyhow::{Context as _, bail};
use bifrons_config::{Config, ConfigError, Document, ImportOptions, Sources};

/// A larger external list, in bytes, is not read.
const MOST_LIST_BYTES: usize = 16 << 20;

/// A configuration that was read.
pub struct Opened {
    pub document: Document,
    /// The name for messages.
    pub name: String,
}

/// All mistakes of one file.
#[derive(Debug)]
pub struct Mistakes {
    name: String,
    pub errors: Vec<ConfigError>,
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, nothing was taken over", self.name, count(self.errors.len(), "mistake"))
    }
}

/// Reads a configuration file. All mistakes go to standard error, one line each; the error counts them.
pub fn read(file: &Path, lenient: bool) -> anyhow::Result<Config> {
    told(open(file, lenient).and_then(|opened| build(&opened, lenient)))
}

/// Prints each mistake on standard error; the error only counts them.
pub fn told<T>(result: anyhow::Result<T>) -> anyhow::Result<T> {
    if let Err(error) = &result
        && let Some(mistakes) = error.downcast_ref::<Mistakes>()
    {
        for error in &mistakes.errors {
            eprintln!("bifrons: {error}");
        }
    }
    result
}

/// Reads a file of any form. What is not `set` lines is imported, and standard error says how much of it
/// was left out.
pub fn open(file: &Path, lenient: bool) -> anyhow::Result<Opened> {
    let name = file.display().to_string();
    let bytes = bytes(file, bifrons_config::MOST_BYTES)?;
    if bifrons_config::is_foreign(&bytes) {
        let import = bifrons_config::import(&bytes, &ImportOptions::default())
            .map_err(|error| anyhow::anyhow!("{name}:{error}"))?;
        if import.count.listed > 0 {
            eprintln!(
                "bifrons: {name}: {} of {} not carried over; `bifrons config import` lists them",
                import.count.listed,
                count(import.count.read, "statement"),
            );
        }
        return Ok(Opened { document: import.document, name });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        anyhow::anyhow!("{name}: byte {}: expected UTF-8 text", error.utf8_error().valid_up_to())
    })?;
    let document = if lenient {
        Document::parse_lenient(&text, &name).map(|(document, warnings)| {
            warn(&warnings);
            document
        })
    } else {
        Document::parse(&text, &name)
    };
    Ok(Opened { document: document.map_err(|errors| mistakes(&name, errors))?, name })
}

/// The typed configuration, with the files that its external lists name. Warnings go to standard error.
pub fn build(opened: &Opened, lenient: bool) -> anyhow::Result<Config> {
    let sources = sources(opened);
    let document = &opened.document;
    let result = if lenient { document.build_lenient_with(&sources) } else { document.build_with(&sources) };
    let built = result.map_err(|errors| mistakes(&opened.name, errors))?;
    warn(&built.warnings);
    Ok(built.config)
}

/// What is in the files that the configuration names; a path that is not absolute begins where the
/// configuration lies. The check of the configuration says what a missing one is needed for.
fn sources(opened: &Opened) -> Sources {
    let folder = Path::new(&opened.name).parent().unwrap_or(Path::new(""));
    let mut sources = Sources::new();
    for wanted in opened.document.sources_wanted() {
        let Some(path) = wanted.url.strip_prefix("file://") else { continue };
        let content = bytes(&folder.join(path), MOST_LIST_BYTES)
            .and_then(|bytes| String::from_utf8(bytes).context("expected UTF-8 text"));
        match content {
            Ok(content) => sources.insert(&wanted.url, content),
            Err(error) => {
                eprintln!(
                    "bifrons: {}:{}: external list `{}`: {error:#}",
                    opened.name, wanted.line, wanted.list
                );
            }
        }
    }
    sources
}

/// A file, or standard input for `-`; refused before it is read when it is too large.
pub fn bytes(file: &Path, most: usize) -> anyhow::Result<Vec<u8>> {
    let name = file.display().to_string();
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let mut source: Box<dyn Read> = if name == "-" {
        Box::new(std::io::stdin())
    } else {
        let file = std::fs::File::open(file).with_context(|| format!("cannot read {name}"))?;
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        if length > most {
            bail!("{name}:1: the file has {length} bytes; at most {most} are read");
        }
        Box::new(file)
    };
    source
        .by_ref()
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {name}"))?;
    if bytes.len() as u64 > most {
        bail!("{name}:1: the file has more than {most} bytes, which is all that is read");
    }
    Ok(bytes)
}

/// Prints on standard output; a pipe that is closed is an error that the program knows.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()?;
    Ok(())
}

pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn warn(warnings: &[ConfigError]) {
    for warning in warnings {
        eprintln!("bifrons: warning: {warning}");
    }
}

fn mistakes(name: &str, errors: Vec<ConfigError>) -> anyhow::Error {
    Mistakes { name: name.to_owned(), errors }.into()
}
