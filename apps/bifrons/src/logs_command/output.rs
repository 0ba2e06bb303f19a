//! Records on their way to a terminal or a file.

use std::io::{self, BufWriter, Write};

use bifrons_logs::{
    record::{Column, LogRecord},
    sinks::{RecordFormat, Template},
};
use clap::{Args, ValueEnum};

/// How records are written.
#[derive(Args)]
pub struct Form {
    /// How records are written
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Only these columns, in this order, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = super::column, value_name = "COLUMN,…")]
    columns: Vec<Column>,
    /// A line for each record with `$src`, `$session_end_reason` and the like in it
    #[arg(long, conflicts_with_all = ["format", "columns"])]
    template: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people
    Table,
    /// Columns with commas between, their names in the first line
    Csv,
    /// An object for each record
    Json,
    /// All columns with commas between, as PAN-OS writes them
    PanOs,
}

/// Takes records.
pub struct Output<W: Write> {
    form: Written,
    /// What is needed of each record; everything without.
    pub columns: Option<Vec<Column>>,
    out: BufWriter<W>,
    line: String,
}

enum Written {
    Table(Vec<Column>),
    Lines(RecordFormat),
}

/// What a table shows if nobody says.
const COLUMNS: [Column; 12] = [
    Column::TIME_GENERATED,
    Column::SUBTYPE,
    Column::SRC,
    Column::SPORT,
    Column::DST,
    Column::DPORT,
    Column::PROTO,
    Column::APP,
    Column::ACTION,
    Column::RULE,
    Column::BYTES,
    Column::SESSION_END_REASON,
];

impl Form {
    /// An output of this form to `out`, its first line written.
    pub fn output<W: Write>(&self, out: W, default: Format) -> anyhow::Result<Output<W>> {
        let chosen = |default: &[Column]| {
            if self.columns.is_empty() { default.to_vec() } else { self.columns.clone() }
        };
        let (form, columns) = match (&self.template, self.format.unwrap_or(default)) {
            (Some(text), _) => (Written::Lines(RecordFormat::Template(Template::parse(text)?)), None),
            (None, Format::Table) => (Written::Table(chosen(&COLUMNS)), Some(chosen(&COLUMNS))),
            (None, Format::Csv) => {
                (Written::Lines(RecordFormat::Csv(chosen(&Column::ALL))), Some(chosen(&Column::ALL)))
            }
            (None, Format::Json) if self.columns.is_empty() => (Written::Lines(RecordFormat::Json), None),
            (None, Format::Json) => {
                (Written::Lines(RecordFormat::JsonColumns(chosen(&[]))), Some(chosen(&[])))
            }
            (None, Format::PanOs) => (Written::Lines(RecordFormat::PanOs), None),
        };
        let mut output = Output { form, columns, out: BufWriter::new(out), line: String::new() };
        output.write_header()?;
        Ok(output)
    }
}

impl<W: Write> Output<W> {
    pub fn write(&mut self, record: &LogRecord<'_>) -> io::Result<()> {
        self.line(record);
        self.out.write_all(self.line.as_bytes())
    }

    /// The record's line.
    pub fn line(&mut self, record: &LogRecord<'_>) -> &[u8] {
        self.line.clear();
        match &self.form {
            Written::Table(columns) => {
                for column in columns {
                    push_cell(record.get(*column).unwrap_or_default(), *column, &mut self.line);
                }
                self.line.truncate(self.line.trim_end().len());
            }
            Written::Lines(format) => format.write(record, &mut self.line),
        }
        self.line.push('\n');
        self.line.as_bytes()
    }

    pub fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        self.out.write_all(line)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn write_header(&mut self) -> io::Result<()> {
        let header = match &self.form {
            Written::Table(columns) => {
                let mut header = String::new();
                columns.iter().for_each(|column| push_cell(column.name(), *column, &mut header));
                Some(header.trim_end().to_owned())
            }
            Written::Lines(format) => format.header(),
        };
        header.map_or(Ok(()), |header| writeln!(self.out, "{header}"))
    }
}

/// Appends a value and blanks up to the column's usual width: rows are written before the widest is known.
fn push_cell(value: &str, column: Column, line: &mut String) {
    use bifrons_logs::record::ColumnType;
    let width = match column.column_type() {
        ColumnType::Time => 19,
        ColumnType::Address => 15,
        ColumnType::Number | ColumnType::Flags => 8,
        ColumnType::Text | ColumnType::Word => 12,
    };
    let width = width.max(column.name().len());
    let value: String = value.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    line.push_str(&format!("{value:width$}  "));
}
