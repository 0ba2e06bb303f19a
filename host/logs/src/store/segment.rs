//! One Parquet file of the store.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::Arc,
};

use parquet::{
    errors::ParquetError,
    file::{
        metadata::RowGroupMetaData,
        properties::{EnabledStatistics, WriterProperties, WriterVersion},
        reader::{FileReader as _, SerializedFileReader},
        statistics::Statistics,
        writer::SerializedFileWriter,
    },
};

use crate::{
    record::Column,
    store::{
        StoreError,
        column::Values,
        parquet::{EncodedColumn, Encoder, ReadError, decode},
        schema::{OTHER, Schema, Stored},
        table::Table,
        wal::sync_folder,
    },
};

/// Rows of one file ready to be put into it.
pub(crate) struct EncodedGroup {
    columns: Vec<EncodedColumn>,
}

impl EncodedGroup {
    /// Encodes a table that has all its columns and at least one row.
    pub(crate) fn new(table: &Table, encoder: &mut Encoder) -> Result<Self, ParquetError> {
        let absent = Values::absent(false);
        let other = table.other.clone().map_or_else(|| absent.clone(), Values::Text);
        let values = table.columns.iter().map(|column| column.as_ref().unwrap_or(&absent));
        let mut columns = Vec::new();
        for (values, column) in values.chain([&other]).zip(table.schema.parquet.columns()) {
            columns.push(encoder.encode(column, values, table.rows)?);
        }
        Ok(Self { columns })
    }
}

/// Writes a file that is there as a whole or not at all.
pub(crate) fn write(path: &Path, schema: &Schema, groups: Vec<EncodedGroup>) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|source| StoreError::io(folder, source))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Other engines ignore names that begin with a point.
    let unfinished = folder.join(format!(".{name}.unfinished"));
    let io_error = |source| StoreError::io(&unfinished, source);
    let file = File::create(&unfinished).map_err(io_error)?;
    let file =
        write_groups(file, schema, groups).map_err(|source| StoreError::parquet(&unfinished, source))?;
    file.sync_all().map_err(io_error)?;
    std::fs::rename(&unfinished, path).map_err(io_error)?;
    sync_folder(folder).map_err(|source| StoreError::io(folder, source))
}

fn write_groups(file: File, schema: &Schema, groups: Vec<EncodedGroup>) -> Result<File, ParquetError> {
    let properties = WriterProperties::builder()
        .set_created_by(concat!("bifrons version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    let root = schema.parquet.root_schema_ptr();
    let mut writer = SerializedFileWriter::new(BufWriter::new(file), root, Arc::new(properties.build()))?;
    for group in groups {
        let mut into = writer.next_row_group()?;
        for column in group.columns {
            into.append_column(&column.bytes, column.close)?;
        }
        into.close()?;
    }
    let mut buffer = writer.into_inner()?;
    buffer.flush()?;
    buffer.into_inner().map_err(|error| error.into_error().into())
}

/// A file that is read.
pub(crate) struct Segment {
    reader: SerializedFileReader<File>,
    schema: &'static Schema,
    /// Where each of the schema's columns stands in this file, and at the end [`OTHER`]: a file that another
    /// release wrote may have more columns or fewer.
    places: Vec<Option<usize>>,
}

impl Segment {
    pub(crate) fn open(path: &Path, schema: &'static Schema) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(|source| StoreError::io(path, source))?;
        let reader = SerializedFileReader::new(file).map_err(|source| StoreError::parquet(path, source))?;
        let leaves = reader.metadata().file_metadata().schema_descr().columns();
        let names = schema.columns.iter().map(|column| column.name()).chain([OTHER]);
        let places = names.map(|name| leaves.iter().position(|leaf| leaf.name() == name)).collect();
        Ok(Self { reader, schema, places })
    }

    pub(crate) fn schema(&self) -> &'static Schema {
        self.schema
    }

    pub(crate) fn groups(&self) -> usize {
        self.reader.num_row_groups()
    }

    fn metadata(&self, group: usize) -> Option<&RowGroupMetaData> {
        self.reader.metadata().row_groups().get(group)
    }

    pub(crate) fn rows(&self, group: usize) -> usize {
        self.metadata(group).and_then(|group| usize::try_from(group.num_rows()).ok()).unwrap_or(0)
    }

    /// Rows of all groups.
    pub(crate) fn all_rows(&self) -> usize {
        (0..self.groups()).map(|group| self.rows(group)).sum()
    }

    /// What the file says of a column's values in a group.
    pub(crate) fn statistics(&self, group: usize, column: Column) -> Option<&Statistics> {
        let place = (*self.places.get(self.schema.place(column)?)?)?;
        self.metadata(group)?.columns().get(place)?.statistics()
    }

    /// Whether some of the group's rows have values that no column can hold.
    pub(crate) fn has_misfits(&self, group: usize) -> bool {
        let Some(place) = self.places.last().copied().flatten() else { return false };
        let statistics = self.metadata(group).and_then(|group| group.columns().get(place)?.statistics());
        let nulls = statistics.and_then(Statistics::null_count_opt);
        nulls.and_then(|nulls| usize::try_from(nulls).ok()) != Some(self.rows(group))
    }

    /// Reads columns into `table`, whose rows are those of `group`.
    pub(crate) fn read(
        &self,
        group: usize,
        columns: impl IntoIterator<Item = Column>,
        table: &mut Table,
    ) -> Result<(), SegmentError> {
        for column in columns {
            let Some(place) = self.schema.place(column) else { continue };
            let Some(slot @ None) = table.columns.get_mut(place) else { continue };
            let is_number = Stored::of(column).is_number();
            *slot = Some(match self.places.get(place).copied().flatten() {
                Some(place) => self.decode(group, place, is_number)?,
                None => Values::absent(is_number),
            });
        }
        Ok(())
    }

    /// Reads the values that no column can hold.
    pub(crate) fn read_misfits(&self, group: usize, table: &mut Table) -> Result<(), SegmentError> {
        if table.other.is_none() && self.has_misfits(group) {
            let place = self.places.last().copied().flatten();
            let values = place.map(|place| self.decode(group, place, false)).transpose()?;
            if let Some(Values::Text(values)) = values {
                table.other = Some(values);
            }
        }
        Ok(())
    }

    fn decode(&self, group: usize, place: usize, is_number: bool) -> Result<Values, SegmentError> {
        let reader = self.reader.get_row_group(group)?;
        let mut pages = reader.get_column_page_reader(place)?;
        Ok(decode(pages.as_mut(), is_number, self.rows(group))?)
    }
}

impl From<ReadError> for SegmentError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Library(source) => Self::Library(source),
            ReadError::Content(source) => Self::Content(source),
        }
    }
}

/// What is wrong inside a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SegmentError {
    #[error(transparent)]
    Library(#[from] ParquetError),
    #[error(transparent)]
    Content(crate::store::Damaged),
}
