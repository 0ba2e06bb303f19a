//! XML to statements. An entry is a word of its name, a member is a value, any other element a word of its
//! tag; each element without elements in it is a statement.

use alloc::{string::ToString, vec::Vec};

use roxmltree::{Document, Node, ParsingOptions};

use super::{
    ImportError, MOST_DEPTH,
    statement::{Collector, Verb, Word, path_text},
};

/// More elements, texts and comments than this are not read.
const MOST_NODES: u32 = 8_000_000;

/// Reads a configuration, or the answer of an API that holds one.
///
/// # Errors
///
/// What is not well-formed, has a document type or entities of its own, is nested too deeply, declares
/// another encoding, or is no configuration.
pub(crate) fn read(text: &str) -> Result<Collector, ImportError> {
    let lines = Lines::new(text);
    check_declaration(text)?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(text, options).map_err(|error| refusal(&error, text, &lines))?;
    let mut reader = Reader { lines: &lines, collector: Collector::default(), path: Vec::new() };
    reader.outside(document.root())?;
    reader.elements(configuration(&document, &lines)?)?;
    Ok(reader.collector)
}

fn refusal(error: &roxmltree::Error, text: &str, lines: &Lines) -> ImportError {
    use roxmltree::Error;
    if *error == Error::DtdDetected {
        return ImportError::DocumentType { line: lines.at(text.find("<!DOCTYPE").unwrap_or(0)) };
    }
    if *error == Error::NodesLimitReached {
        return ImportError::TooManyStatements { line: lines.last() };
    }
    let ends_early = matches!(error, Error::UnclosedRootNode | Error::UnexpectedEndOfStream);
    let line = if ends_early { lines.last() } else { error.pos().row };
    ImportError::Xml { line, what: error.to_string() }
}

/// The element that holds the configuration.
fn configuration<'a>(document: &'a Document<'a>, lines: &Lines) -> Result<Node<'a, 'a>, ImportError> {
    let mut node = document.root_element();
    for word in ["response", "result"] {
        if node.has_tag_name(word)
            && let Some(below) = node.first_element_child()
        {
            node = below;
        }
    }
    if node.has_tag_name("config") {
        return Ok(node);
    }
    let line = lines.at(node.range().start);
    Err(ImportError::NoConfiguration { line, found: node.tag_name().name().to_string() })
}

struct Reader<'a> {
    lines: &'a Lines,
    collector: Collector,
    path: Vec<Word>,
}

/// An element whose children are being read.
struct Open<'a> {
    next: Option<Node<'a, 'a>>,
}

impl Reader<'_> {
    /// Comments around the outermost element.
    fn outside(&mut self, root: Node<'_, '_>) -> Result<(), ImportError> {
        for node in root.children().filter(|node| node.is_comment() || node.is_pi()) {
            self.comment(node)?;
        }
        Ok(())
    }

    /// Reads what is in an element, without recursion: depth comes from outside.
    fn elements<'n>(&mut self, root: Node<'n, 'n>) -> Result<(), ImportError> {
        self.attributes(root)?;
        let mut open = alloc::vec![Open { next: root.first_child() }];
        while let Some(level) = open.last_mut() {
            let Some(node) = level.next else {
                open.pop();
                self.path.pop();
                continue;
            };
            level.next = node.next_sibling();
            if !node.is_element() {
                self.between(node)?;
                continue;
            }
            let word = self.word(node);
            self.path.push(word);
            self.attributes(node)?;
            if node.first_element_child().is_some() {
                open.push(Open { next: node.first_child() });
                if open.len() > MOST_DEPTH {
                    let (line, path) = (self.line(node), path_text(&self.path));
                    return Err(ImportError::TooDeep { line, path });
                }
            } else {
                self.leaf(node)?;
                self.path.pop();
            }
        }
        Ok(())
    }

    /// The word of a path that the element is.
    fn word(&mut self, node: Node<'_, '_>) -> Word {
        let word = match (node.tag_name().name(), node.attribute("name")) {
            ("entry", Some(name)) => name,
            (tag, _) => tag,
        };
        self.collector.word(word)
    }

    /// An element that has no elements in it; its word is the last of the path.
    fn leaf(&mut self, node: Node<'_, '_>) -> Result<(), ImportError> {
        for comment in node.children().filter(|child| !child.is_text()) {
            self.comment(comment)?;
        }
        let line = self.line(node);
        let text: alloc::string::String = node.children().filter_map(|child| child.text_if_text()).collect();
        let text = text.trim();
        let mut path = self.path.clone();
        if node.has_tag_name("member") {
            path.pop();
        }
        if node.has_tag_name("member") || !text.is_empty() {
            path.push(self.collector.word(text));
        }
        self.collector.push(line, Verb::Set, path, None)
    }

    fn attributes(&mut self, node: Node<'_, '_>) -> Result<(), ImportError> {
        let is_entry = node.has_tag_name("entry");
        for attribute in node.attributes() {
            if is_entry && attribute.name() == "name" {
                continue;
            }
            let mut path = self.path.clone();
            path.push(self.collector.word(&alloc::format!("@{}", attribute.name())));
            path.push(self.collector.word(attribute.value()));
            self.collector.push(self.line(node), Verb::Attribute, path, None)?;
        }
        Ok(())
    }

    /// A comment, or text, beside elements.
    fn between(&mut self, node: Node<'_, '_>) -> Result<(), ImportError> {
        if !node.is_text() {
            return self.comment(node);
        }
        let text = node.text().unwrap_or_default();
        let trimmed = text.trim_start();
        if trimmed.is_empty() {
            return Ok(());
        }
        let line = self.lines.at(node.range().start + (text.len() - trimmed.len()));
        self.collector.push_text(line, Verb::Garbage, trimmed.trim_end())
    }

    fn comment(&mut self, node: Node<'_, '_>) -> Result<(), ImportError> {
        let text = match node.pi() {
            Some(instruction) => instruction.target,
            None => node.text().unwrap_or_default(),
        };
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        self.collector.push_text(self.line(node), Verb::Comment, text)
    }

    fn line(&self, node: Node<'_, '_>) -> u32 {
        self.lines.at(node.range().start)
    }
}

trait TextOnly<'a> {
    fn text_if_text(&self) -> Option<&'a str>;
}

impl<'a> TextOnly<'a> for Node<'a, '_> {
    /// The text of a text node; a comment's is not one.
    fn text_if_text(&self) -> Option<&'a str> {
        if self.is_text() { self.text() } else { None }
    }
}

/// Where each line begins, to find the line of a byte.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { starts: core::iter::once(0).chain(breaks.map(|(place, _)| place + 1)).collect() }
    }

    fn at(&self, byte: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= byte)).unwrap_or(u32::MAX)
    }

    fn last(&self) -> u32 {
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }
}

/// Refuses a declaration of another encoding: the bytes were read as UTF-8.
fn check_declaration(text: &str) -> Result<(), ImportError> {
    let Some((declaration, _)) = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")) else {
        return Ok(());
    };
    let Some((before, after)) = declaration.split_once("encoding") else { return Ok(()) };
    let name = after.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '=');
    let name = name.trim_start_matches(['"', '\'']);
    let name: &str = name.split(['"', '\'']).next().unwrap_or_default();
    let accepted = ["utf-8", "utf8", "us-ascii", "ascii"];
    if accepted.iter().any(|accepted| name.eq_ignore_ascii_case(accepted)) {
        return Ok(());
    }
    let byte = "<?xml".len() + before.len();
    Err(ImportError::Encoding { byte, line: 1, found: "a declaration of another encoding" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String};

    fn statements(text: &str) -> Vec<String> {
        let raws = read(text).unwrap().raws;
        raws.iter().map(|raw| format!("{} {:?} {}", raw.line, raw.verb, path_text(&raw.path))).collect()
    }

    #[test]
    fn entries_members_and_texts() {
        let text = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!-- about -->
<config version=\"1\">
  <zone>
    <entry name=\"a b\" uuid=\"7\"><network><layer3>
      <member>x</member>
      <member>y</member>
    </layer3></network></entry>
    stray
    <entry name=\"c\"/>
  </zone>
  <address><entry name=\"h\"><description>one &amp; <![CDATA[<two>]]></description></entry></address>
</config>
";
        assert_eq!(
            statements(text),
            [
                "2 Comment about",
                "3 Attribute @version 1",
                "5 Attribute zone \"a b\" @uuid 7",
                "6 Set zone \"a b\" network layer3 x",
                "7 Set zone \"a b\" network layer3 y",
                "9 Garbage stray",
                "10 Set zone c",
                "12 Set address h description \"one & <two>\"",
            ]
        );
        let answer = "<response><result><config><a/></config></result></response>";
        assert_eq!(statements(answer), ["1 Set a"]);
    }

    #[test]
    fn entities_depth_and_other_documents_are_refused() {
        let bomb = "<?xml version=\"1.0\"?>\n<!DOCTYPE c [<!ENTITY a \"aaaa\">\n<!ENTITY b \"&a;&a;\">]>\n\
                    <config>&b;</config>";
        assert_eq!(read(bomb).unwrap_err(), ImportError::DocumentType { line: 2 });
        let deep = format!("<config>\n{}{}</config>", "<a>\n".repeat(100_000), "</a>".repeat(100_000));
        assert!(matches!(read(&deep), Err(ImportError::TooDeep { line: 65, .. })));
        let undefined = "<config>\n<a>&nothing;</a></config>";
        assert!(matches!(read(undefined), Err(ImportError::Xml { line: 2, .. })));
        let other = "\n<records/>";
        assert!(matches!(read(other), Err(ImportError::NoConfiguration { line: 2, .. })));
        assert!(matches!(read("<config>\n<a>\n"), Err(ImportError::Xml { line: 3, .. })));
        assert!(matches!(read("<config>\n<a></b></config>"), Err(ImportError::Xml { line: 2, .. })));
    }

    #[test]
    fn a_declared_encoding_must_be_this_one() {
        let text = "<?xml version=\"1.0\" encoding='ISO-8859-1'?><config/>";
        let Err(ImportError::Encoding { byte, .. }) = read(text) else { panic!("encoding") };
        assert_eq!(byte, 20);
        assert!(read("<?xml version='1.0' encoding='utf-8'?><config/>").is_ok());
    }
}
