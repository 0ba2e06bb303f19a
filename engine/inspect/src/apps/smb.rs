//! SMB 1, 2 and 3 ([MS-CIFS], [MS-SMB2]) in the framing of the NetBIOS session service (RFC 1002 section
//! 4.3), and that service itself. The name of the family comes first; the decoder shifts to that of the
//! dialect the server chose.

use alloc::{boxed::Box, vec::Vec};

use bifrons_catalog::app;
use bifrons_model::{AppId, Direction};

use crate::{Decoder, Evidence, Finding, Findings, Keep, Probe, ProbeAnswer};

pub(super) const PROBE: Probe =
    Probe { name: "smb", tcp: true, udp: false, probe, decoder: Some(|| Box::new(DialectReader::default())) };

const SESSION_MESSAGE: u8 = 0x00;
const SESSION_REQUEST: u8 = 0x81;
const FRAME: usize = 4;
/// The encoded name of NetBIOS with its length and its end.
const NAME: usize = 34;
/// Messages that are looked at before the dialect is given up.
const MOST_MESSAGES: u32 = 8;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    evidence.judge(side)
}

fn side(bytes: &[u8]) -> ProbeAnswer {
    match bytes {
        [SESSION_MESSAGE, ..] => session_message(bytes),
        [SESSION_REQUEST, ..] => session_request(bytes),
        // A positive response alone is too short to say anything.
        [0x82, 0, 0, 0] => ProbeAnswer::Unsure,
        [0x82, 0, 0, 0, rest @ ..] => session_message(rest),
        [0x82, rest @ ..] if rest.len() < 3 && rest.iter().all(|byte| *byte == 0) => ProbeAnswer::Unsure,
        _ => ProbeAnswer::NotMine,
    }
}

/// A frame with an SMB message: the protocol's identifier must follow, and the length hold its header.
fn session_message(bytes: &[u8]) -> ProbeAnswer {
    let Some((frame, message)) = bytes.split_at_checked(FRAME) else {
        let starts = bytes.first().is_none_or(|kind| *kind == SESSION_MESSAGE);
        return if starts { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine };
    };
    let length = frame.iter().fold(0_u32, |length, byte| length << 8 | u32::from(*byte));
    if frame.first() != Some(&SESSION_MESSAGE) || length < 32 {
        return ProbeAnswer::NotMine;
    }
    match message {
        [0xfc..=0xff, b'S', b'M', b'B', ..] => ProbeAnswer::Certain(app::MS_DS_SMB_BASE),
        [] | [0xfc..=0xff] | [0xfc..=0xff, b'S'] | [0xfc..=0xff, b'S', b'M'] => ProbeAnswer::Unsure,
        _ => ProbeAnswer::NotMine,
    }
}

/// Called and calling name, each 32 letters from A to P.
fn session_request(bytes: &[u8]) -> ProbeAnswer {
    const LENGTH: u8 = 2 * NAME as u8;
    let Some((frame, names)) = bytes.split_at_checked(FRAME) else {
        let fits = bytes.get(1..).unwrap_or_default().iter().all(|byte| *byte == 0);
        return if fits { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine };
    };
    let name_fits = names.iter().take(2 * NAME).enumerate().all(|(place, byte)| match place % NAME {
        0 => *byte == 32,
        33 => *byte == 0,
        _ => (b'A'..=b'P').contains(byte),
    });
    if frame != [SESSION_REQUEST, 0, 0, LENGTH] || !name_fits {
        return ProbeAnswer::NotMine;
    }
    if names.len() >= NAME { ProbeAnswer::Certain(app::NETBIOS_SS) } else { ProbeAnswer::Unsure }
}

/// Follows the frames of both ways and looks at each message's header until the dialect is known.
#[derive(Default)]
struct DialectReader {
    sides: [Frames; 2],
    messages: u32,
    is_netbios: bool,
}

/// One way's place in its frames, and the first bytes of the current message.
#[derive(Default)]
struct Frames {
    frame: Vec<u8>,
    left: usize,
    head: Vec<u8>,
}

/// Bytes of a message that are kept: up to the dialect in SMB 2's answer to negotiate (header 64, then 6).
const HEAD: usize = 70;

impl Decoder for DialectReader {
    fn data(&mut self, direction: Direction, mut bytes: &[u8], findings: &mut Findings) -> Keep {
        while !bytes.is_empty() {
            let side = &mut self.sides[direction.index()];
            bytes = side.take(bytes);
            if side.left > 0 && side.head.len() < HEAD || side.frame.len() < FRAME {
                continue;
            }
            let kind = side.frame.first().copied();
            self.is_netbios |= kind == Some(SESSION_REQUEST);
            let dialect = dialect(&side.head);
            side.head.clear();
            side.frame.clear();
            self.messages += u32::from(kind == Some(SESSION_MESSAGE));
            if let (Some(app), false) = (dialect, self.is_netbios) {
                findings.push(Finding::Shift(app));
                return Keep::Done;
            }
            if self.messages >= MOST_MESSAGES || self.is_netbios || dialect.is_some() {
                return Keep::Done;
            }
        }
        Keep::Reading
    }
}

impl Frames {
    /// Takes what belongs to the current frame; what is left over belongs to the next one. Stops where a
    /// head is complete.
    fn take<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.frame.len() < FRAME {
            // The rest of the message before, whose head has been looked at.
            let (skipped, bytes) = bytes.split_at(self.left.min(bytes.len()));
            self.left -= skipped.len();
            let (frame, bytes) = bytes.split_at((FRAME - self.frame.len()).min(bytes.len()));
            self.frame.extend_from_slice(frame);
            if let [kind, high, middle, low] = *self.frame {
                let high = if kind == SESSION_MESSAGE { high } else { high & 1 };
                self.left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            }
            return bytes;
        }
        let wanted = (HEAD - self.head.len()).min(self.left).min(bytes.len());
        let (head, rest) = bytes.split_at(wanted);
        self.head.extend_from_slice(head);
        self.left -= head.len();
        rest
    }
}

/// What a message says of the dialect: an answer to negotiate chooses it, and later messages are of one.
fn dialect(message: &[u8]) -> Option<AppId> {
    const NEGOTIATE_1: u8 = 0x72;
    const IS_RESPONSE_1: u8 = 0x80;
    match message {
        // [MS-CIFS] section 2.2.3.1: command at 4, flags at 9.
        [0xff, b'S', b'M', b'B', command, _, _, _, _, flags, ..] => {
            (*command != NEGOTIATE_1 || flags & IS_RESPONSE_1 != 0).then_some(app::MS_DS_SMBV1)
        }
        // Encrypted and compressed messages came with 3.0 and 3.1.1.
        [0xfc | 0xfd, b'S', b'M', b'B', ..] => Some(app::MS_DS_SMBV3),
        [0xfe, b'S', b'M', b'B', ..] => dialect_2(message),
        _ => None,
    }
}

/// [MS-SMB2] sections 2.2.1.2 and 2.2.4: command at 12, flags at 16, the dialect chosen at 68.
fn dialect_2(message: &[u8]) -> Option<AppId> {
    let number = |place: usize| match message.get(place..place + 2) {
        Some([low, high]) => Some(u16::from_le_bytes([*low, *high])),
        _ => None,
    };
    let is_answer_to_negotiate = number(12)? == 0 && number(16)? & 1 == 1;
    match number(68)? {
        0x0202 | 0x0210 if is_answer_to_negotiate => Some(app::MS_DS_SMBV2),
        0x0300 | 0x0302 | 0x0311 if is_answer_to_negotiate => Some(app::MS_DS_SMBV3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::apps::testing::{assert_never_certain, assert_recognised, findings};

    fn framed(message: &[u8]) -> Vec<u8> {
        [&(message.len() as u32).to_be_bytes(), message].concat()
    }

    fn smb1(command: u8, flags: u8) -> Vec<u8> {
        let mut message = vec![0xff, b'S', b'M', b'B', command, 0, 0, 0, 0, flags];
        message.resize(47, 0);
        framed(&message)
    }

    fn smb2(command: u8, flags: u8, dialect: u16) -> Vec<u8> {
        let mut message = vec![0xfe, b'S', b'M', b'B', 64, 0, 0, 0, 0, 0, 0, 0, command, 0, 0, 0, flags];
        message.resize(68, 0);
        message.extend(dialect.to_le_bytes());
        message.resize(104, 0);
        framed(&message)
    }

    fn request() -> Vec<u8> {
        let name = [&[32][..], &[b'C'; 32], &[0]].concat();
        [&[0x81, 0, 0, 68][..], &name, &name].concat()
    }

    #[test]
    fn messages_of_every_version() {
        for message in
            [smb1(0x72, 0), smb2(0, 0, 0), framed(&[&[0xfd, b'S', b'M', b'B'][..], &[0; 60]].concat())]
        {
            assert_recognised(PROBE, app::MS_DS_SMB_BASE, &message, b"");
            assert_recognised(PROBE, app::MS_DS_SMB_BASE, b"", &message);
        }
        assert_recognised(
            PROBE,
            app::MS_DS_SMB_BASE,
            b"",
            &[&[0x82, 0, 0, 0][..], &smb1(0x72, 0x80)].concat(),
        );
        assert_recognised(PROBE, app::NETBIOS_SS, &request(), b"");
    }

    #[test]
    fn look_alikes_are_not() {
        assert_never_certain(PROBE, &[0, 0, 0, 85, 0xfe, b'S', b'M', b'C'], b"");
        assert_never_certain(PROBE, &[0, 0, 0, 12, 0xff, b'S', b'M', b'B', 0x72], b"");
        assert_never_certain(PROBE, &[0x82, 0, 0, 0], b"");
        assert_never_certain(PROBE, &[&[0x81, 0, 0, 68, 32][..], &[b'Q'; 67]].concat(), b"");
    }

    #[test]
    fn the_dialect_chosen_names_the_version() {
        let cases = [
            (smb1(0x72, 0), smb1(0x72, 0x80), app::MS_DS_SMBV1),
            (smb1(0x72, 0), smb2(0, 1, 0x0210), app::MS_DS_SMBV2),
            (smb2(0, 0, 0), smb2(0, 1, 0x0202), app::MS_DS_SMBV2),
            (smb2(0, 0, 0), [smb2(0, 1, 0x02ff), smb2(0, 1, 0x0311)].concat(), app::MS_DS_SMBV3),
        ];
        for (sent, received, app) in cases {
            for size in [1, 3, 10, 60, 1000] {
                assert_eq!(
                    findings(PROBE, &sent, &received, size),
                    [Finding::Shift(app)],
                    "pieces of {size}"
                );
            }
        }
        assert_eq!(findings(PROBE, &smb2(0, 0, 0), b"", 7), []);
        assert_eq!(findings(PROBE, &smb2(1, 0, 0x0302), &smb2(1, 1, 0x0302), 7), []);
    }

    #[test]
    fn the_session_service_keeps_its_name() {
        let sent = [request(), smb1(0x72, 0)].concat();
        assert_eq!(findings(PROBE, &sent, &smb1(0x72, 0x80), 11), []);
    }
}
