//! SQL over a store of log records, by DataFusion.
//!
//! Each kind of log is a table: `traffic`, `threat`, `system`, `config` and `other`. Its columns are those
//! of the
//! files, and `type`, `date` and `hour` from their folders. `address_key` makes addresses comparable, as the
//! filter language's SQL needs it.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use bifrons_logs::filter::address_key;
use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch, StringArray, cast::AsArray as _},
        datatypes::{DataType, Field, Schema},
        util::{
            display::{ArrayFormatter, FormatOptions},
            pretty::pretty_format_batches,
        },
    },
    common::ScalarValue,
    datasource::{file_format::parquet::ParquetFormat, listing::ListingOptions},
    error::DataFusionError,
    execution::{memory_pool::FairSpillPool, runtime_env::RuntimeEnvBuilder},
    logical_expr::{ColumnarValue, Volatility, create_udf},
    prelude::{SessionConfig, SessionContext},
};

/// The tables.
const KINDS: [&str; 5] = ["traffic", "threat", "system", "config", "other"];

/// A store that can be asked in SQL.
pub struct Engine {
    context: SessionContext,
}

impl Engine {
    /// The store in `folder`. Operators that gather much take at most `memory` bytes and then use the disk.
    ///
    /// # Errors
    /// When the folder holds no files of records, or they cannot be read.
    pub async fn open(folder: &Path, memory: usize) -> anyhow::Result<Self> {
        let mut config = SessionConfig::new();
        // The functions here take plain strings.
        config.options_mut().execution.parquet.schema_force_view_types = false;
        config.options_mut().execution.parquet.pushdown_filters = true;
        let runtime =
            RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(memory))).build_arc()?;
        let context = SessionContext::new_with_config_rt(config, runtime);
        context.register_udf(create_udf(
            "address_key",
            vec![DataType::Utf8],
            DataType::Utf8,
            Volatility::Immutable,
            Arc::new(address_keys),
        ));
        let mut tables = 0;
        for kind in KINDS {
            let path = folder.join(format!("type={kind}"));
            if path.is_dir() {
                register(&context, kind, &path).await.with_context(|| format!("{}", path.display()))?;
                tables += 1;
            }
        }
        anyhow::ensure!(tables > 0, "{} holds no files of records", folder.display());
        Ok(Self { context })
    }

    /// What a statement gives.
    ///
    /// # Errors
    /// When it is none, or cannot be carried out.
    pub async fn query(&self, sql: &str) -> anyhow::Result<Vec<RecordBatch>> {
        let frame = self.context.sql(sql).await?;
        let schema = Arc::new(Schema::from(frame.schema().as_arrow().clone()));
        let mut batches = frame.collect().await?;
        if batches.is_empty() {
            batches.push(RecordBatch::new_empty(schema));
        }
        Ok(batches)
    }
}

/// Makes the folder of a kind a table.
async fn register(context: &SessionContext, kind: &str, folder: &Path) -> Result<(), DataFusionError> {
    let partitions = ["date", "hour"].map(|name| (name.to_owned(), DataType::Utf8));
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()))
        .with_file_extension(".parquet")
        .with_table_partition_cols(partitions.to_vec());
    let files = format!("{kind}_files");
    context.register_listing_table(&files, format!("{}/", folder.display()), options, None, None).await?;
    let view = format!("CREATE VIEW {kind} AS SELECT *, '{kind}' AS \"type\" FROM {files}");
    context.sql(&view).await?.collect().await?;
    Ok(())
}

fn address_keys(arguments: &[ColumnarValue]) -> Result<ColumnarValue, DataFusionError> {
    match arguments {
        [ColumnarValue::Scalar(value)] => {
            let text = match value {
                ScalarValue::Utf8(text) => text.as_deref(),
                _ => None,
            };
            Ok(ColumnarValue::Scalar(ScalarValue::Utf8(text.and_then(address_key))))
        }
        [ColumnarValue::Array(values)] => {
            let texts = values
                .as_string_opt::<i32>()
                .ok_or_else(|| DataFusionError::Execution("address_key takes a text".to_owned()))?;
            let keys: StringArray = texts.iter().map(|text| text.and_then(address_key)).collect();
            Ok(ColumnarValue::Array(Arc::new(keys) as ArrayRef))
        }
        _ => Err(DataFusionError::Execution("address_key takes one text".to_owned())),
    }
}

/// Rows as a table for people.
///
/// # Errors
/// When a value cannot be written.
pub fn table(batches: &[RecordBatch]) -> anyhow::Result<String> {
    Ok(pretty_format_batches(batches)?.to_string())
}

/// Rows as CSV, the names of the columns first.
///
/// # Errors
/// When a value cannot be written.
pub fn csv(batches: &[RecordBatch]) -> anyhow::Result<String> {
    let mut out = String::new();
    if let Some(batch) = batches.first() {
        let schema = batch.schema();
        push_row(schema.fields().iter().map(|field: &Arc<Field>| field.name().clone()), &mut out);
    }
    let options = FormatOptions::default();
    for batch in batches {
        let formatters = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let formatters: Vec<ArrayFormatter<'_>> = formatters.collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            push_row(formatters.iter().map(|formatter| formatter.value(row).to_string()), &mut out);
        }
    }
    Ok(out)
}

fn push_row(values: impl Iterator<Item = String>, out: &mut String) {
    for (place, value) in values.enumerate() {
        if place > 0 {
            out.push(',');
        }
        if value.contains([',', '"', '\n', '\r']) {
            out.push_str(&format!("\"{}\"", value.replace('"', "\"\"")));
        } else {
            out.push_str(&value);
        }
    }
    out.push('\n');
}
