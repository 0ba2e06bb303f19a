//! What waits to be delivered: in memory, and on the disk when that is full.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Where and how much may wait.
#[derive(Clone, Debug)]
pub struct SpoolOptions {
    /// The folder for what memory cannot hold, and for what still waits when the sink is closed. Each sink
    /// has
    /// its own. Without one, what memory cannot hold is dropped.
    pub folder: Option<PathBuf>,
    /// Bytes of messages in memory.
    pub memory_max: usize,
    /// Bytes of messages on the disk.
    pub disk_max: u64,
}

impl Default for SpoolOptions {
    fn default() -> Self {
        Self { folder: None, memory_max: 8 << 20, disk_max: 1 << 30 }
    }
}

/// Messages in the order in which they came.
pub(crate) struct Spool {
    options: SpoolOptions,
    /// The oldest messages. Where `loaded` names a file, they are what is left of it.
    front: VecDeque<Vec<u8>>,
    front_bytes: usize,
    loaded: Option<Chunk>,
    /// What follows, the oldest first; the last is written to while `tail` is open.
    chunks: VecDeque<Chunk>,
    tail: Option<File>,
    disk_bytes: u64,
    next_number: u64,
    pub(crate) waiting: u64,
}

struct Chunk {
    path: PathBuf,
    bytes: u64,
    messages: u64,
}

/// A file of the spool grows to about this many bytes; it is read as a whole.
const CHUNK_BYTES: u64 = 4 << 20;

/// Numbers of files begin here, so that there is room in front of them.
const FIRST_NUMBER: u64 = 1 << 40;

impl Spool {
    /// A spool with what an earlier one has left in its folder.
    pub(crate) fn open(options: SpoolOptions) -> io::Result<Self> {
        let mut spool = Self {
            options,
            front: VecDeque::new(),
            front_bytes: 0,
            loaded: None,
            chunks: VecDeque::new(),
            tail: None,
            disk_bytes: 0,
            next_number: FIRST_NUMBER,
            waiting: 0,
        };
        if let Some(folder) = spool.options.folder.clone() {
            std::fs::create_dir_all(&folder)?;
            let mut found = Vec::new();
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                let is_chunk = path.extension().is_some_and(|extension| extension == "spool");
                let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
                found.extend(number.filter(|_| is_chunk).map(|number| (number, path)));
            }
            found.sort();
            for (number, path) in found {
                let (messages, bytes) = (read_chunk(&path)?.len() as u64, path.metadata()?.len());
                spool.next_number = number + 1;
                spool.waiting += messages;
                spool.disk_bytes += bytes;
                spool.chunks.push_back(Chunk { path, bytes, messages });
            }
        }
        Ok(spool)
    }

    /// Takes a message. `false` where there is no room for it.
    pub(crate) fn push(&mut self, message: Vec<u8>) -> io::Result<bool> {
        let is_room = self.front_bytes + message.len() <= self.options.memory_max;
        if self.chunks.is_empty() && self.loaded.is_none() && is_room {
            self.front_bytes += message.len();
            self.front.push_back(message);
            self.waiting += 1;
            return Ok(true);
        }
        let size = message.len() as u64 + 4;
        if self.options.folder.is_none() || self.disk_bytes + size > self.options.disk_max {
            return Ok(false);
        }
        self.append(&message)?;
        self.waiting += 1;
        Ok(true)
    }

    /// Copies of the oldest messages: at most `count` of them, and `bytes` but for the first.
    pub(crate) fn oldest(&mut self, count: usize, bytes: usize) -> io::Result<Vec<Vec<u8>>> {
        while self.front.is_empty()
            && let Some(chunk) = self.chunks.pop_front()
        {
            if self.chunks.is_empty() {
                self.tail = None;
            }
            self.front = read_chunk(&chunk.path)?;
            self.front_bytes = self.front.iter().map(Vec::len).sum();
            self.loaded = Some(chunk);
            self.forget_empty_chunk();
        }
        let mut left = bytes;
        let fits = |message: &&Vec<u8>| {
            let fits = left == bytes || message.len() <= left;
            left = left.saturating_sub(message.len());
            fits
        };
        Ok(self.front.iter().take(count).take_while(fits).cloned().collect())
    }

    /// Forgets the oldest messages.
    pub(crate) fn forget(&mut self, count: usize) {
        for message in self.front.drain(..count.min(self.front.len())) {
            self.front_bytes -= message.len();
            self.waiting = self.waiting.saturating_sub(1);
        }
        self.forget_empty_chunk();
    }

    /// Puts what waits in memory onto the disk, where there is a folder for it. Returns how many messages are
    /// lost for want of one.
    pub(crate) fn close(&mut self) -> io::Result<u64> {
        let Some(folder) = self.options.folder.clone() else { return Ok(self.waiting) };
        if self.front.is_empty() {
            return Ok(0);
        }
        let path = match &self.loaded {
            Some(chunk) => chunk.path.clone(),
            None => {
                let oldest =
                    self.chunks.front().and_then(|chunk| chunk.path.file_stem()?.to_str()?.parse().ok());
                let number: u64 = oldest.unwrap_or(self.next_number);
                folder.join(format!("{:020}.spool", number.saturating_sub(1)))
            }
        };
        let mut bytes = Vec::new();
        self.front.iter().for_each(|message| push_message(message, &mut bytes));
        let unfinished = path.with_extension("unfinished");
        std::fs::write(&unfinished, &bytes)?;
        std::fs::rename(&unfinished, &path)?;
        Ok(0)
    }

    fn append(&mut self, message: &[u8]) -> io::Result<()> {
        let is_full = self.chunks.back().is_none_or(|chunk| chunk.bytes >= CHUNK_BYTES);
        if self.tail.is_none() || is_full {
            let folder = self.options.folder.clone().unwrap_or_default();
            let path = folder.join(format!("{:020}.spool", self.next_number));
            self.next_number += 1;
            self.tail = Some(OpenOptions::new().create_new(true).append(true).open(&path)?);
            self.chunks.push_back(Chunk { path, bytes: 0, messages: 0 });
        }
        let (Some(file), Some(chunk)) = (&mut self.tail, self.chunks.back_mut()) else { return Ok(()) };
        let mut bytes = Vec::with_capacity(message.len() + 4);
        push_message(message, &mut bytes);
        if let Err(error) = file.write_all(&bytes) {
            // Half a message would hide what follows it.
            file.set_len(chunk.bytes)?;
            return Err(error);
        }
        chunk.bytes += bytes.len() as u64;
        chunk.messages += 1;
        self.disk_bytes += bytes.len() as u64;
        Ok(())
    }

    fn forget_empty_chunk(&mut self) {
        if self.front.is_empty()
            && let Some(chunk) = self.loaded.take()
        {
            self.disk_bytes -= chunk.bytes;
            // A file that stays is delivered again by the next sink: once too often, but not lost.
            let _ = std::fs::remove_file(&chunk.path);
        }
    }
}

fn push_message(message: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(message.len() as u32).to_le_bytes());
    out.extend_from_slice(message);
}

/// The whole messages of a file; an interrupted one at its end is left out.
fn read_chunk(path: &Path) -> io::Result<VecDeque<Vec<u8>>> {
    let bytes = std::fs::read(path)?;
    let mut rest = bytes.as_slice();
    let mut messages = VecDeque::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>()
        && let Some((message, after)) = after.split_at_checked(u32::from_le_bytes(*length) as usize)
    {
        messages.push_back(message.to_vec());
        rest = after;
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("bifrons-spool-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    fn message(number: u32) -> Vec<u8> {
        format!("message {number:04}").into_bytes()
    }

    fn take(spool: &mut Spool, count: usize) -> Vec<Vec<u8>> {
        let taken = spool.oldest(count, usize::MAX).unwrap();
        spool.forget(taken.len());
        taken
    }

    #[test]
    fn messages_come_out_in_order_from_memory_and_disk() {
        let folder = folder("order");
        let options = SpoolOptions { folder: Some(folder.clone()), memory_max: 60, disk_max: 1_000 };
        let mut spool = Spool::open(options.clone()).unwrap();
        for number in 0..20 {
            assert!(spool.push(message(number)).unwrap());
        }
        assert_eq!(spool.waiting, 20);
        let mut found = take(&mut spool, 3);
        found.extend(take(&mut spool, 5));
        assert!(spool.push(message(20)).unwrap());
        // Closed in the middle, the rest waits for the next one.
        assert_eq!(spool.close().unwrap(), 0);
        let mut spool = Spool::open(options).unwrap();
        assert!(spool.push(message(21)).unwrap());
        loop {
            let more = take(&mut spool, 4);
            if more.is_empty() {
                break;
            }
            found.extend(more);
        }
        assert_eq!(found, (0..22).map(message).collect::<Vec<_>>());
        assert_eq!((spool.waiting, spool.disk_bytes), (0, 0));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_full_spool_takes_no_more() {
        let folder = folder("full");
        let options = SpoolOptions { folder: Some(folder.clone()), memory_max: 60, disk_max: 64 };
        let mut spool = Spool::open(options).unwrap();
        let taken = (0..20).filter(|number| spool.push(message(*number)).unwrap()).count();
        assert_eq!(taken, 5 + 4);
        take(&mut spool, 5);
        take(&mut spool, 4);
        assert!(spool.push(message(9)).unwrap());
        std::fs::remove_dir_all(folder).unwrap();

        let options = SpoolOptions { folder: None, memory_max: 60, disk_max: 1_000 };
        let mut spool = Spool::open(options).unwrap();
        assert_eq!((0..20).filter(|number| spool.push(message(*number)).unwrap()).count(), 5);
        assert_eq!(spool.close().unwrap(), 5);
    }

    #[test]
    fn a_batch_has_bounds() {
        let mut spool = Spool::open(SpoolOptions::default()).unwrap();
        (0..10).for_each(|number| assert!(spool.push(message(number)).unwrap()));
        assert_eq!(spool.oldest(4, usize::MAX).unwrap().len(), 4);
        assert_eq!(spool.oldest(10, 30).unwrap().len(), 2);
        assert_eq!(spool.oldest(10, 1).unwrap().len(), 1);
    }
}
