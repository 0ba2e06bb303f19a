//! FTP (RFC 959, RFC 2428) between real stacks: a control connection that announces another for the data, and
//! the data compared byte by byte.

mod client;
mod server;

pub use client::FtpClient;
pub use server::FtpServer;

use smoltcp::socket::tcp::Socket;

/// The port of control connections.
pub const CONTROL: u16 = 21;
/// The port that servers open data connections from.
pub const DATA: u16 = 20;
const BUFFER: usize = 8 * 1024;
/// The longest line that an end takes.
const LINE_MAX: usize = 512;

/// Lines of a control connection.
#[derive(Debug, Default)]
struct Lines {
    heard: Vec<u8>,
}

impl Lines {
    /// The next whole line, without its end.
    fn next(&mut self, socket: &mut Socket<'_>) -> Option<String> {
        while socket.can_recv() && self.heard.len() < LINE_MAX {
            let heard = &mut self.heard;
            let taken = socket.recv(|bytes| {
                let taken = bytes.len().min(LINE_MAX - heard.len());
                heard.extend_from_slice(&bytes[..taken]);
                (taken, taken)
            });
            if !taken.is_ok_and(|taken| taken > 0) {
                break;
            }
        }
        let end = self.heard.windows(2).position(|pair| pair == b"\r\n")?;
        let line = String::from_utf8_lossy(&self.heard[..end]).into_owned();
        self.heard.drain(..end + 2);
        Some(line)
    }
}

/// Says a line; a line always fits, as both ends wait for answers.
fn say(socket: &mut Socket<'_>, line: &str) {
    let _ = socket.send_slice(format!("{line}\r\n").as_bytes());
}

/// The six numbers of `PORT` and of the answer to `PASV` as address and port.
fn six_numbers(text: &str) -> Option<([u8; 4], u16)> {
    let from = text.find(|sign: char| sign.is_ascii_digit())?;
    let digits = text.get(from..)?.trim_end_matches(['.', ')', ' ']);
    let numbers: Vec<u8> = digits.split(',').filter_map(|number| number.parse().ok()).collect();
    let [a, b, c, d, high, low] = numbers.try_into().ok()?;
    Some(([a, b, c, d], u16::from_be_bytes([high, low])))
}

/// A file's name says whose content it has and how much.
fn file_name(talk: usize, length: u64) -> String {
    format!("file-{talk}-{length}")
}

fn read_file_name(name: &str) -> Option<(usize, u64)> {
    let (talk, length) = name.strip_prefix("file-")?.split_once('-')?;
    Some((talk.parse().ok()?, length.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_read() {
        let text = "Entering Passive Mode (10,2,0,10,195,80).";
        assert_eq!(six_numbers(text), Some(([10, 2, 0, 10], 50_000)));
        assert_eq!(six_numbers("10,1,0,9,19,137"), Some(([10, 1, 0, 9], 5_001)));
        assert_eq!(six_numbers("10,1,0,9,19"), None);
        assert_eq!(read_file_name(&file_name(3, 1_000)), Some((3, 1_000)));
    }
}
