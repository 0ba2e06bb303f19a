//! A file that is changed for another when it is full.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::Transport;

pub(crate) struct FileWriter {
    path: PathBuf,
    bytes_max: u64,
    keep: u32,
    file: Option<(File, u64)>,
    lines: Vec<u8>,
}

impl FileWriter {
    pub(crate) fn new(path: PathBuf, bytes_max: u64, keep: u32) -> Self {
        Self { path, bytes_max, keep, file: None, lines: Vec::new() }
    }

    /// Renames the file to `….1`, that one to `….2` and so on; the oldest goes.
    fn rotate(&mut self) -> io::Result<()> {
        self.file = None;
        for number in (0..self.keep).rev() {
            let from = numbered(&self.path, number);
            if from.exists() {
                std::fs::rename(&from, numbered(&self.path, number + 1))?;
            }
        }
        if self.keep == 0 {
            std::fs::remove_file(&self.path)?;
        }
        Ok(())
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if number > 0 {
        name.push(format!(".{number}"));
    }
    name.into()
}

impl Transport for FileWriter {
    fn deliver(&mut self, messages: &[Vec<u8>]) -> io::Result<usize> {
        let (file, size) = match &mut self.file {
            Some(open) => open,
            none => {
                let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                let size = file.metadata()?.len();
                none.insert((file, size))
            }
        };
        self.lines.clear();
        let mut count = 0;
        for message in messages {
            let grown = *size + self.lines.len() as u64 + message.len() as u64 + 1;
            if grown > self.bytes_max && (*size > 0 || count > 0) {
                break;
            }
            self.lines.extend_from_slice(message);
            self.lines.push(b'\n');
            count += 1;
        }
        if count == 0 {
            self.rotate()?;
            return Ok(0);
        }
        if let Err(error) = file.write_all(&self.lines) {
            // What was written in part is written again as a whole.
            file.set_len(*size)?;
            return Err(error);
        }
        *size += self.lines.len() as u64;
        Ok(count)
    }
}
