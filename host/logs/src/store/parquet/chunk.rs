//! A column's values as the pages of one column chunk.

use hashbrown::HashMap;
use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    column::{
        page::{CompressedPage, Page, PageReader, PageWriter as _},
        writer::ColumnCloseResult,
    },
    data_type::ByteArray,
    errors::ParquetError,
    file::{
        metadata::ColumnChunkMetaData,
        statistics::Statistics,
        writer::{SerializedPageWriter, TrackedWrite},
    },
    schema::types::ColumnDescPtr,
};

use super::{Damaged, delta, hybrid};
use crate::store::column::{Dictionary, NO_NUMBER, NumberValues, TextValues, Values};

/// How hard zstd tries: more costs more time than it saves room on these columns.
const ZSTD_LEVEL: i32 = 1;

/// Longer texts are no bounds in statistics.
const BOUND_BYTES_MAX: usize = 64;

/// Makes column chunks; keeps what is needed for each of them.
pub(crate) struct Encoder {
    compressor: zstd::bulk::Compressor<'static>,
    page: Vec<u8>,
    codes: Vec<u32>,
    numbers: Vec<i64>,
}

/// A column chunk ready to be put into a file.
pub(crate) struct EncodedColumn {
    pub(crate) bytes: bytes::Bytes,
    pub(crate) close: ColumnCloseResult,
}

impl Encoder {
    pub(crate) fn new() -> std::io::Result<Self> {
        let compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
        Ok(Self { compressor, page: Vec::new(), codes: Vec::new(), numbers: Vec::new() })
    }

    /// The chunk of a column of `rows` rows, at least one.
    pub(crate) fn encode(
        &mut self,
        column: &ColumnDescPtr,
        values: &Values,
        rows: usize,
    ) -> Result<EncodedColumn, ParquetError> {
        match values {
            Values::Text(values) => self.encode_text(column, values, rows),
            Values::Number(values) => self.encode_numbers(column, values, rows),
        }
    }

    fn encode_text(
        &mut self,
        column: &ColumnDescPtr,
        values: &TextValues,
        rows: usize,
    ) -> Result<EncodedColumn, ParquetError> {
        self.page.clear();
        self.codes.clear();
        let held = values.codes.get(..rows.min(values.codes.len())).unwrap_or_default();
        let rest = rows - held.len();
        let nulls = held.iter().filter(|code| **code == 0).count() + if values.rest == 0 { rest } else { 0 };
        levels(rows, nulls, held.iter().map(|code| *code != 0), values.rest != 0, &mut self.page);
        let width = hybrid::width_for(values.dictionary.len());
        if nulls < rows {
            self.page.push(width);
        }
        if nulls == 0 && held.is_empty() {
            hybrid::repeat(values.rest - 1, rows, width, &mut self.page);
        } else if nulls < rows {
            self.codes.extend(held.iter().filter(|code| **code != 0).map(|code| code - 1));
            if values.rest != 0 {
                self.codes.extend(std::iter::repeat_n(values.rest - 1, rest));
            }
            hybrid::encode(&self.codes, width, &mut self.page);
        }
        let mut dictionary = Vec::with_capacity(values.dictionary.size() + 4 * values.dictionary.len());
        for text in values.dictionary.iter() {
            dictionary.extend_from_slice(&(text.len() as u32).to_le_bytes());
            dictionary.extend_from_slice(text.as_bytes());
        }
        let bound = |text: &str| ByteArray::from(text.as_bytes().to_vec());
        let bounds = text_bounds(&values.dictionary);
        let statistics = Statistics::byte_array(
            bounds.map(|(least, _)| bound(least)),
            bounds.map(|(_, greatest)| bound(greatest)),
            None,
            Some(nulls as u64),
            false,
        );
        let (dictionary, encoding) = if nulls < rows {
            (Some((dictionary, values.dictionary.len())), Encoding::RLE_DICTIONARY)
        } else {
            (None, Encoding::PLAIN)
        };
        self.chunk(column, dictionary, encoding, rows, statistics)
    }

    fn encode_numbers(
        &mut self,
        column: &ColumnDescPtr,
        values: &NumberValues,
        rows: usize,
    ) -> Result<EncodedColumn, ParquetError> {
        self.page.clear();
        let held = values.values.get(..rows.min(values.values.len())).unwrap_or_default();
        let rest = rows - held.len();
        let is_value = |value: &i64| *value != NO_NUMBER;
        let nulls = rows
            - held.iter().filter(|value| is_value(value)).count()
            - if is_value(&values.rest) { rest } else { 0 };
        levels(rows, nulls, held.iter().map(is_value), is_value(&values.rest), &mut self.page);
        if held.is_empty() && nulls == 0 {
            self.page.push(1);
            hybrid::repeat(0, rows, 1, &mut self.page);
            let dictionary = Some((values.rest.to_le_bytes().to_vec(), 1));
            let statistics = Statistics::int64(Some(values.rest), Some(values.rest), None, Some(0), false);
            return self.chunk(column, dictionary, Encoding::RLE_DICTIONARY, rows, statistics);
        }
        if nulls == rows {
            let statistics = Statistics::int64(None, None, None, Some(rows as u64), false);
            return self.chunk(column, None, Encoding::PLAIN, rows, statistics);
        }
        self.numbers.clear();
        self.numbers.extend(held.iter().copied().filter(is_value));
        if is_value(&values.rest) {
            self.numbers.extend(std::iter::repeat_n(values.rest, rest));
        }
        let (least, greatest) = (self.numbers.iter().min().copied(), self.numbers.iter().max().copied());
        let statistics = Statistics::int64(least, greatest, None, Some(nulls as u64), false);
        match self.dictionary_of_numbers() {
            Some(dictionary) => {
                let width = hybrid::width_for(dictionary.len());
                self.page.push(width);
                hybrid::encode(&self.codes, width, &mut self.page);
                let bytes = dictionary.iter().flat_map(|value| value.to_le_bytes()).collect();
                let dictionary = Some((bytes, dictionary.len()));
                self.chunk(column, dictionary, Encoding::RLE_DICTIONARY, rows, statistics)
            }
            None => {
                delta::encode(&self.numbers, &mut self.page);
                self.chunk(column, None, Encoding::DELTA_BINARY_PACKED, rows, statistics)
            }
        }
    }

    /// The different numbers, with their places in `codes`; `None` where there are too many for it to pay.
    fn dictionary_of_numbers(&mut self) -> Option<Vec<i64>> {
        let distinct_max = (self.numbers.len() / 8).max(16);
        let mut places: HashMap<i64, u32, foldhash::fast::RandomState> = HashMap::default();
        let mut dictionary = Vec::new();
        self.codes.clear();
        let mut last = None;
        for (row, value) in self.numbers.iter().enumerate() {
            let code = match last {
                Some((number, code)) if number == *value => code,
                Some(_) | None => *places.entry(*value).or_insert_with(|| {
                    dictionary.push(*value);
                    dictionary.len() as u32 - 1
                }),
            };
            last = Some((*value, code));
            self.codes.push(code);
            // Most columns that are no use as a dictionary show it soon.
            let soon = row == SOON && dictionary.len() > SOON / 2;
            if dictionary.len() > distinct_max || soon {
                return None;
            }
        }
        Some(dictionary)
    }

    /// The pages: a dictionary if there is one, and what stands in `page`.
    fn chunk(
        &mut self,
        column: &ColumnDescPtr,
        dictionary: Option<(Vec<u8>, usize)>,
        encoding: Encoding,
        rows: usize,
        statistics: Statistics,
    ) -> Result<EncodedColumn, ParquetError> {
        let mut sink = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut sink);
        let mut sizes = [0_usize; 2];
        let mut data_page_offset = 0;
        let mut encodings = vec![Encoding::RLE, encoding];
        if let Some((bytes, entries)) = &dictionary {
            let buf = self.compressor.compress(bytes)?.into();
            let num_values = u32::try_from(*entries)?;
            let page = Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, is_sorted: false };
            let written = writer.write_page(CompressedPage::new(page, bytes.len()))?;
            data_page_offset = written.bytes_written;
            sizes = [written.compressed_size, written.uncompressed_size];
            encodings.push(Encoding::PLAIN);
        }
        let page = Page::DataPage {
            buf: self.compressor.compress(&self.page)?.into(),
            num_values: u32::try_from(rows)?,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let written = writer.write_page(CompressedPage::new(page, self.page.len()))?;
        sizes = [sizes[0] + written.compressed_size, sizes[1] + written.uncompressed_size];
        let bytes = bytes::Bytes::from(sink.into_inner()?);
        let metadata = ColumnChunkMetaData::builder(column.clone())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_encodings(encodings)
            .set_total_compressed_size(sizes[0] as i64)
            .set_total_uncompressed_size(sizes[1] as i64)
            .set_num_values(rows as i64)
            .set_data_page_offset(data_page_offset as i64)
            .set_dictionary_page_offset(dictionary.map(|_| 0))
            .set_statistics(statistics)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(EncodedColumn { bytes, close })
    }
}

/// After so many numbers it is looked at how many were different.
const SOON: usize = 4096;

/// Appends which rows have a value: the definition levels, with their length in front.
fn levels(rows: usize, nulls: usize, held: impl Iterator<Item = bool>, rest: bool, page: &mut Vec<u8>) {
    page.extend_from_slice(&[0; 4]);
    if nulls == 0 || nulls == rows {
        hybrid::repeat(u32::from(nulls == 0), rows, 1, page);
    } else {
        let mut levels: Vec<u32> = held.map(u32::from).collect();
        levels.resize(rows, u32::from(rest));
        hybrid::encode(&levels, 1, page);
    }
    let length = (page.len() - 4) as u32;
    page[..4].copy_from_slice(&length.to_le_bytes());
}

fn text_bounds(dictionary: &Dictionary) -> Option<(&str, &str)> {
    let (least, greatest) = (dictionary.iter().min()?, dictionary.iter().max()?);
    (least.len() <= BOUND_BYTES_MAX && greatest.len() <= BOUND_BYTES_MAX).then_some((least, greatest))
}

/// The values of a column chunk of `rows` rows.
pub(crate) fn decode(pages: &mut dyn PageReader, is_number: bool, rows: usize) -> Result<Values, ReadError> {
    let mut dictionary = Vec::new();
    let mut values = Values::absent(is_number);
    let mut row = 0;
    while let Some(page) = pages.get_next_page()? {
        match page {
            Page::DictionaryPage { buf, .. } => match &mut values {
                Values::Text(text) => text.dictionary = texts(&buf)?,
                Values::Number(_) => dictionary = whole_numbers(&buf),
            },
            Page::DataPage { buf, num_values, encoding, .. } => {
                let count = usize::try_from(num_values).unwrap_or(usize::MAX);
                if count > rows - row {
                    return Err(Damaged("a page has more rows than its group").into());
                }
                let (levels, content) = split_levels(&buf)?;
                match &mut values {
                    Values::Text(text) => decode_texts(levels, content, encoding, count, text)?,
                    Values::Number(numbers) => {
                        decode_numbers(levels, content, encoding, count, &dictionary, numbers)?;
                    }
                }
                row += count;
            }
            Page::DataPageV2 { .. } => return Err(Damaged("a page of version 2").into()),
        }
    }
    if row < rows {
        return Err(Damaged("a column has fewer rows than its group").into());
    }
    Ok(values)
}

/// What is wrong with a column chunk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Library(#[from] ParquetError),
    #[error(transparent)]
    Content(#[from] Damaged),
}

/// The definition levels, if they are not all 1, and what follows.
fn split_levels(page: &[u8]) -> Result<(&[u8], &[u8]), Damaged> {
    let early = Damaged("a page ends early");
    let (length, rest) = page.split_first_chunk::<4>().ok_or(early)?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(early)
}

/// Where all rows of a page are alike in having a value or none: which of the two.
fn uniform(levels: &[u8], count: usize) -> Option<bool> {
    let mut bytes = levels;
    let header = super::varint::read(&mut bytes).ok()?;
    (header & 1 == 0 && header >> 1 >= count as u64).then(|| bytes.first() == Some(&1))
}

/// Appends the rows of a page, each with what `next` gives or with `absent`.
fn spread<T: Copy>(
    levels: &[u8],
    count: usize,
    present: Vec<T>,
    absent: T,
    out: &mut Vec<T>,
) -> Result<(), Damaged> {
    let mut have = Vec::new();
    hybrid::decode(levels, 1, count, 0, &mut have)?;
    let mut present = present.into_iter();
    for level in have {
        let value = if level == 0 { absent } else { present.next().ok_or(Damaged("values are missing"))? };
        out.push(value);
    }
    Ok(())
}

fn present_count(levels: &[u8], count: usize) -> Result<usize, Damaged> {
    let mut have = Vec::new();
    hybrid::decode(levels, 1, count, 0, &mut have)?;
    Ok(have.into_iter().filter(|level| *level == 1).count())
}

fn decode_texts(
    levels: &[u8],
    content: &[u8],
    encoding: Encoding,
    count: usize,
    text: &mut TextValues,
) -> Result<(), Damaged> {
    let uniform = uniform(levels, count);
    if uniform != Some(false) && encoding != Encoding::RLE_DICTIONARY {
        return Err(Damaged("texts that are not in a dictionary"));
    }
    let (width, content) = match content.split_first() {
        Some((width, content)) => (*width, content),
        None => (0, content),
    };
    let limit = text.dictionary.len() as u32;
    match uniform {
        Some(false) => text.codes.extend(std::iter::repeat_n(0, count)),
        Some(true) => hybrid::decode(content, width, count, 1, &mut text.codes)?,
        None => {
            let mut codes = Vec::new();
            hybrid::decode(content, width, present_count(levels, count)?, 1, &mut codes)?;
            spread(levels, count, codes, 0, &mut text.codes)?;
        }
    }
    let from = text.codes.len() - count;
    let beyond = text.codes.get(from..).unwrap_or_default().iter().any(|code| *code > limit);
    if beyond { Err(Damaged("a place outside the dictionary")) } else { Ok(()) }
}

fn decode_numbers(
    levels: &[u8],
    content: &[u8],
    encoding: Encoding,
    count: usize,
    dictionary: &[i64],
    numbers: &mut NumberValues,
) -> Result<(), Damaged> {
    let present = match uniform(levels, count) {
        Some(true) => count,
        Some(false) => 0,
        None => present_count(levels, count)?,
    };
    let mut values = Vec::new();
    if present == 0 {
        // Nothing follows that would have to be read.
    } else if encoding == Encoding::RLE_DICTIONARY {
        let (width, content) = content.split_first().ok_or(Damaged("a page ends early"))?;
        let mut codes = Vec::new();
        hybrid::decode(content, *width, present, 0, &mut codes)?;
        values.reserve(codes.len());
        for code in codes {
            let value = dictionary.get(code as usize).ok_or(Damaged("a place outside the dictionary"))?;
            values.push(*value);
        }
    } else if encoding == Encoding::DELTA_BINARY_PACKED {
        delta::decode(content, present, &mut values)?;
    } else {
        return Err(Damaged("an encoding of numbers that the store does not use"));
    }
    if present == count && numbers.values.is_empty() {
        numbers.values = values;
    } else if present == count {
        numbers.values.extend(values);
    } else {
        spread(levels, count, values, NO_NUMBER, &mut numbers.values)?;
    }
    Ok(())
}

fn texts(mut page: &[u8]) -> Result<Dictionary, Damaged> {
    let mut dictionary = Dictionary::default();
    while let Some((length, rest)) = page.split_first_chunk::<4>() {
        let (text, rest) = rest
            .split_at_checked(u32::from_le_bytes(*length) as usize)
            .ok_or(Damaged("a dictionary ends early"))?;
        dictionary.push(str::from_utf8(text).map_err(|_| Damaged("a text is not UTF-8"))?);
        page = rest;
    }
    Ok(dictionary)
}

fn whole_numbers(page: &[u8]) -> Vec<i64> {
    page.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
}
