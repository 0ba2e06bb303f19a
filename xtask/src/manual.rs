//! The generated pages of the manual.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use bifrons_model::DropReason;

/// Where the list of drop reasons stands.
pub const DROP_REASONS: &str = "docs/manual/drop-reasons.md";

/// Write every generated page.
pub fn write(root: &Path) -> Result<()> {
    let path = root.join(DROP_REASONS);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&path, drop_reasons()).with_context(|| format!("{} cannot be written", path.display()))
}

/// The page of drop reasons as it should be.
pub fn drop_reasons() -> String {
    let rows = DropReason::ALL.iter().map(|reason| (*reason as u8, reason.name(), reason.text()));
    render_drop_reasons(rows)
}

fn render_drop_reasons<'text>(rows: impl Iterator<Item = (u8, &'text str, &'text str)>) -> String {
    let mut page = String::from(
        "# Drop reasons\n\n\
         <!-- Generated: edit engine/model/src/drop_reason.rs, then run `cargo xtask manual`. -->\n\n\
         A packet that Bifrons does not pass on carries exactly one of these reasons. Counters, the\n\
         command line and scenario files call it by its name. A number is never reused, so a gap in the numbers\n\
         is a reason that is retired or a place kept for its neighbours.\n\n\
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
