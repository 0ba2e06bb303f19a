//! The reference page of the manual, made from the schema.

use alloc::{format, string::String};

use crate::schema::{KEYS, Leaf, SECTIONS};

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from the table of settings in engine/config.
     `BIFRONS_BLESS=1 cargo test -p bifrons-config` writes it anew. -->

A configuration is a text of lines. Each line is a path and a value, as PAN-OS shows a configuration in set
format:

```
# What people do all day.
set zone trust network layer3 [ ethernet1/1 ethernet1/2 ]
set rulebase security rules \"web out\" from trust to untrust application [ web-browsing ssl ] action allow
delete rulebase security rules \"web out\" application ssl
move rulebase security rules \"web out\" top
```

- The word `set` may be left out. Several settings of one entry may stand on one line.
- A word with spaces stands in quotation marks. Several values stand in brackets.
- A further line for a list adds to it, a further line for a single value replaces it.
- Before a path may stand `config`, `devices NAME`, `vsys NAME` and `shared`, as in exports of one virtual
  system.
- `move` changes the order of entries: `top`, `bottom`, `before NAME`, `after NAME`. `rename ENTRY to NAME`
  gives an entry another name, and what named it names it still; `copy ENTRY to NAME` makes another one like
  it. These and `delete` act on what stands before them in the text.
- A line that begins with `#` is a comment. It belongs to the line that follows and goes where that goes; one
  at the beginning with an empty line after it stays at the beginning, one after the last line stays at the
  end.
- Bifrons writes a configuration in one form: one setting on a line, in the order of this page, entries in the
  order of their first line. What is in that form already is written as it was.
- A text has at most 64 MiB and 4,000,000 words; a longer one is refused before it is read.
- A configuration with any mistake is refused as a whole. Each mistake is reported with file, line, path,
  value and what is accepted.
- What PAN-OS has and this page does not is a mistake too, unless the configuration is read leniently: then
  what is not understood is reported as a warning, and a rule whose conditions could not all be read is
  disabled.
";

const NAMES: &str = "
## Names

What may stand where a path has `<…>`:

| place | accepted |
|---|---|
";

/// The reference page: every setting with its path, accepted values, default and meaning, in Markdown.
pub fn manual() -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str(NAMES);
    for key in KEYS {
        page.push_str(&format!("| `{}` | {} |\n", key.place, key.kind.describe()));
    }
    for section in SECTIONS {
        page.push_str(&format!("\n## {}\n\n", section.title));
        if !section.text.is_empty() {
            page.push_str(&format!("{}\n\n", section.text));
        }
        page.push_str("| path | accepted | default | meaning |\n|---|---|---|---|\n");
        for leaf in section.leaves {
            page.push_str(&row(leaf));
        }
    }
    page
}

fn row(leaf: &Leaf) -> String {
    let default = leaf.default();
    let default = if default.is_empty() { String::from("–") } else { format!("`{default}`") };
    let path = leaf.path.replace('|', "\\|");
    format!("| `{path}` | {} | {default} | {} |\n", leaf.kind.describe(), leaf.help)
}
