//! What waits to be delivered: in memory, and on the disk when that is full.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Where and how much may wait.
#[derive(Clone, Debug)]
pub struct SpoolOptions {
    /// The folder for what memory cannot hold, and for what still waits when the sink is closed. Each sink
    /// has its own. Without one, what memory cannot hold is dropped.
    pub folder: Option<PathBuf>,
    /// Bytes of messages in memory. With a folder and none in memory, all that waits stands in files, and an
    /// end of the process at any moment loses none of it.
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
    /// Held while the folder is in use.
    _lock: Option<File>,
}

struct Chunk {
    path: PathBuf,
    bytes: u64,
    messages: u64,
}

/// A file of the spool grows to about this many bytes; it is read as a whole.
const CHUNK_BYTES: u64 = 4 << 20;

/// Bytes in front of a message in a file, with its length.
const LENGTH_BYTES: u64 = 4;

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
            _lock: None,
        };
        if let Some(folder) = spool.options.folder.clone() {
            std::fs::create_dir_all(&folder)?;
            spool._lock = Some(lock(&folder)?);
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
        if self.has_room_in_memory(message.len()) {
            self.front_bytes += message.len();
            self.front.push_back(message);
            self.waiting += 1;
            return Ok(true);
        }
        if !self.has_room_on_disk(message.len()) {
            return Ok(false);
        }
        self.append(&message)?;
        self.waiting += 1;
        Ok(true)
    }

    /// Whether there is room for a message of so many bytes.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        self.has_room_in_memory(length) || self.has_room_on_disk(length)
    }

    /// Behind what stands on the disk, memory takes nothing: messages stay in their order.
    fn has_room_in_memory(&self, length: usize) -> bool {
        let is_room = self.front_bytes + length <= self.options.memory_max;
        is_room && self.chunks.is_empty() && self.loaded.is_none()
    }

    fn has_room_on_disk(&self, length: usize) -> bool {
        let size = length as u64 + LENGTH_BYTES;
        self.options.folder.is_some() && self.disk_bytes + size <= self.options.disk_max
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

/// Takes a spool's folder into use.
fn lock(folder: &Path) -> io::Result<File> {
    let file = File::create(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let text = format!("{}: another sink has this spool", folder.display());
            Err(io::Error::new(io::ErrorKind::ResourceBusy, text))
        }
        Err(TryLockError::Error(error)) => Err(error),
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
        drop(spool);
        let mut spool = Spool::open(options.clone()).unwrap();
        let busy = Spool::open(options).err().unwrap();
        assert!(busy.to_string().ends_with("another sink has this spool"), "{busy}");
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
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "only the lock is left");
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
    fn with_nothing_in_memory_an_end_at_any_moment_loses_nothing() {
        let folder = folder("killed");
        let options = SpoolOptions { folder: Some(folder.clone()), memory_max: 0, disk_max: 1_000 };
        let mut spool = Spool::open(options.clone()).unwrap();
        (0..3).for_each(|number| assert!(spool.push(message(number)).unwrap()));
        assert_eq!(take(&mut spool, 1), [message(0)]);
        assert!(spool.push(message(3)).unwrap());
        // Not closed. What was delivered of a file comes again.
        drop(spool);
        let mut spool = Spool::open(options).unwrap();
        assert_eq!(spool.waiting, 4);
        assert_eq!(take(&mut spool, 9), [message(0), message(1), message(2)]);
        assert_eq!(take(&mut spool, 9), [message(3)]);
        std::fs::remove_dir_all(folder).unwrap();
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
