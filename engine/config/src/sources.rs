//! Files that a configuration names, and what is in them: the engine reads none itself.

use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec::Vec};

use crate::{ConfigError, Document, Lenient, parse::Report};

/// The contents of files by their URLs, read by whoever asks for the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    contents: BTreeMap<String, String>,
}

/// A file that a configuration needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceWanted {
    /// The external list that names it.
    pub list: String,
    /// Its URL as it is written: what `Sources::insert` takes.
    pub url: String,
    /// The line that names it.
    pub line: u32,
}

impl Sources {
    /// No file at all.
    pub const fn new() -> Self {
        Self { contents: BTreeMap::new() }
    }

    /// Adds what is in the file that `url` names.
    pub fn insert(&mut self, url: &str, content: String) {
        self.contents.insert(url.to_owned(), content);
    }

    pub(crate) fn get(&self, url: &str) -> Option<&str> {
        self.contents.get(url).map(String::as_str)
    }
}

impl SourceWanted {
    /// The path of a `file://` URL on this machine; `None` for any other URL.
    pub fn path(&self) -> Option<&str> {
        self.url.strip_prefix("file://").filter(|path| path.starts_with('/'))
    }
}

impl Document {
    /// The files that the external lists name, in the order of the lists.
    pub fn sources_wanted(&self) -> Vec<SourceWanted> {
        let lists = self.tree.at(&["external-list"]).map(|node| node.children()).unwrap_or_default();
        let mut wanted = Vec::new();
        for (list, node) in lists {
            for kind in ["ip", "domain", "url"] {
                let url =
                    node.child("type").and_then(|node| node.child(kind)).and_then(|node| node.child("url"));
                for (url, node) in url.map(|node| node.children()).unwrap_or_default() {
                    wanted.push(SourceWanted { list: list.into(), url: url.into(), line: node.line });
                }
            }
        }
        wanted
    }

    /// The typed configuration with the files that it names, and what to say of them.
    ///
    /// # Errors
    ///
    /// As `Document::build`, and for each file that is not among `sources`.
    pub fn build_with(&self, sources: &Sources) -> Result<Lenient, Vec<ConfigError>> {
        self.build_from(false, sources)
    }

    /// As `build_with`, without what leads nowhere.
    ///
    /// # Errors
    ///
    /// As `Document::build_lenient`.
    pub fn build_lenient_with(&self, sources: &Sources) -> Result<Lenient, Vec<ConfigError>> {
        self.build_from(true, sources)
    }

    fn build_from(&self, lenient: bool, sources: &Sources) -> Result<Lenient, Vec<ConfigError>> {
        let mut report = Report::new(self.file(), lenient).with_sources(sources);
        let config = self.typed(&mut report);
        report.finish().map(|warnings| Lenient { config, warnings })
    }
}

/// Reads a configuration together with the files that it names; the warnings are about lines of these, and
/// settings that have no effect yet.
///
/// # Errors
///
/// As `parse`.
pub fn parse_with(text: &str, file: &str, sources: &Sources) -> Result<Lenient, Vec<ConfigError>> {
    Document::parse(text, file)?.build_with(sources)
}
