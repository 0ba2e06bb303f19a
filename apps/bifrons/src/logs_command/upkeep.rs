//! `bifrons logs compact`.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use bifrons_logs::store::{Retention, StoreWriter, WriterOptions};
use clap::Args;

/// Merge small files of a store, and delete what need no longer be kept
#[derive(Args)]
pub struct Arguments {
    /// The store's folder
    store: PathBuf,
    /// Delete hours that ended longer ago than this: `90d`, `12h`
    #[arg(long, value_parser = age, value_name = "AGE")]
    keep: Option<Duration>,
    /// Delete the oldest files until the store is no larger: `500M`, `20G`, `1T`
    #[arg(long, value_parser = size, value_name = "SIZE")]
    size_max: Option<u64>,
    /// A merged file has at most so many records
    #[arg(long, default_value_t = 4_000_000, value_name = "NUMBER")]
    rows: usize,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut writer = StoreWriter::open(&arguments.store, WriterOptions::default())?;
    let retention = Retention { age: arguments.keep, bytes_max: arguments.size_max };
    let deleted = writer.retain(retention, super::now()?)?;
    let merged = writer.compact(arguments.rows)?;
    println!("{} files with {} records deleted", deleted.files_before, deleted.rows);
    println!("{} files made {} with {} records", merged.files_before, merged.files_after, merged.rows);
    Ok(ExitCode::SUCCESS)
}

fn age(text: &str) -> Result<Duration, String> {
    let (number, unit) = number_and_unit(text)?;
    let seconds = match unit {
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("an age is a number of days or hours, such as 90d or 12h".to_owned()),
    };
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

/// A number of bytes.
pub fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = number_and_unit(text)?;
    let bytes: u64 = match unit {
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        _ => return Err("a size is a number with k, M, G or T, such as 20G".to_owned()),
    };
    Ok(number.saturating_mul(bytes))
}

fn number_and_unit(text: &str) -> Result<(u64, &str), String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    Ok((number.parse().map_err(|_| format!("{text} does not begin with a number"))?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes() {
        assert_eq!(age("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(age("12h"), Ok(Duration::from_secs(12 * 3_600)));
        assert_eq!(size("20G"), Ok(20_000_000_000));
        for text in ["", "d", "90", "5x", "-1d"] {
            assert!(age(text).is_err() && size(text).is_err(), "{text}");
        }
    }
}
