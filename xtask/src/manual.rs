//! The generated pages of the manual.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use bifrons_model::DropReason;

/// A generated page.
pub struct Page {
    /// Below the root of the repository.
    pub path: &'static str,
    /// Makes what the page should hold.
    pub text: fn() -> String,
}

/// Every generated page.
pub const PAGES: [Page; 4] = [
    Page { path: "docs/manual/applications.md", text: bifrons_inspect::manual::applications_page },
    Page { path: "docs/manual/drop-reasons.md", text: drop_reasons },
    Page { path: "docs/manual/explain.md", text: bifrons_explain::manual::explain_page },
    Page { path: "docs/manual/traffic-log.md", text: bifrons_logs::manual::traffic_log },
];

/// Write every generated page.
pub fn write(root: &Path) -> Result<()> {
    for page in PAGES {
        let path = root.join(page.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, (page.text)())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

fn drop_reasons() -> String {
    let rows = DropReason::ALL.iter().map(|reason| (*reason as u8, reason.name(), reason.text()));
    render_drop_reasons(rows)
}

fn render_drop_reasons<'text>(rows: impl Iterator<Item = (u8, &'text str, &'text str)>) -> String {
    let mut page = String::from(
        "# Drop reasons\n\n\
         <!-- Generated: edit engine/model/src/drop_reason.rs, then run `cargo xtask manual`. -->\n\n\
         A packet that Bifrons does not pass on carries exactly one of these reasons. Counters, the\n\
         command line and scenario files call it by its name. A number is never reused, so a gap in the\n\
         numbers is a reason that is retired or a place kept for its neighbors.\n\n\
         | number | name | meaning |\n\
         |---:|---|---|\n",
    );
    for (number, name, text) in rows {
        let text = text.replace('|', "\\|");
        writeln!(page, "| {number} | `{name}` | {text} |").expect("writing to a String cannot fail");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_is_written_where_it_belongs() {
        let root = std::env::temp_dir().join(format!("bifrons-manual-{}", std::process::id()));
        write(&root).unwrap();
        for Page { path, text } in PAGES {
            let text = text();
            assert_eq!(std::fs::read_to_string(root.join(path)).unwrap(), text, "{path}");
            assert!(text.starts_with("# ") && text.contains("| name |"), "{path}");
        }
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn each_reason_has_its_row() {
        let page = drop_reasons();
        for reason in DropReason::ALL {
            let row = format!("| {} | `{}` | {} |", *reason as u8, reason.name(), reason.text());
            assert_eq!(page.lines().filter(|line| *line == row).count(), 1, "{row}");
        }
    }

    #[test]
    fn a_bar_in_the_text_does_not_split_the_row() {
        let page = render_drop_reasons([(7, "odd", "Either | or.")].into_iter());
        assert!(page.ends_with("| 7 | `odd` | Either \\| or. |\n"), "{page}");
    }
}
