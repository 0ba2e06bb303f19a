//! RTP and RTCP (RFC 3550), with or without encryption, which leaves the headers readable.
//!
//! Two bits and a number are no mark, so that it takes two packets of one direction that continue one
//! another: same source, same payload type, a sequence that rises by little, a time that does not jump.
//! RTCP is known by its lengths that fill the datagram. A session that begins with anything else belongs to
//! an application that has media inside, and is not named here.

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "rtp", tcp: false, udp: true, probe, decoder: None };

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    /// Packets that only open a way through address translation are this small.
    const SMALL: usize = 8;
    let mut latest: [Option<Packet>; 2] = [None, None];
    for (direction, datagram) in evidence.each_datagram() {
        let [sent, received] = &mut latest;
        let latest = match direction {
            Direction::ClientToServer => sent,
            Direction::ServerToClient => received,
        };
        let Some(packet) = Packet::read(datagram) else {
            if datagram.len() > SMALL {
                return ProbeAnswer::NotMine;
            }
            continue;
        };
        if packet.is_report_with_description() || latest.is_some_and(|earlier| packet.follows(earlier)) {
            return ProbeAnswer::Certain(app::RTP_BASE);
        }
        *latest = Some(packet);
    }
    ProbeAnswer::Unsure
}

#[derive(Clone, Copy)]
enum Packet {
    Media(Media),
    Control(Control),
}

#[derive(Clone, Copy)]
struct Media {
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    source: u32,
}

#[derive(Clone, Copy)]
struct Control {
    source: u32,
    has_description: bool,
}

impl Packet {
    fn read(datagram: &[u8]) -> Option<Self> {
        let second = *datagram.get(1)?;
        // Control packets have the numbers that media would have as types 64 to 95 with the marker bit (RFC
        // 5761 section 4).
        if matches!(second, 192..=223) {
            Control::read(datagram).map(Self::Control)
        } else {
            Media::read(datagram).map(Self::Media)
        }
    }

    fn is_report_with_description(self) -> bool {
        match self {
            Self::Control(control) => control.has_description,
            Self::Media(_) => false,
        }
    }

    fn follows(self, earlier: Self) -> bool {
        match (self, earlier) {
            (Self::Media(media), Self::Media(earlier)) => media.follows(earlier),
            (Self::Control(control), Self::Control(earlier)) => control.source == earlier.source,
            (Self::Media(media), Self::Control(control)) | (Self::Control(control), Self::Media(media)) => {
                media.source == control.source
            }
        }
    }
}

impl Media {
    fn read(datagram: &[u8]) -> Option<Self> {
        let (header, rest) = datagram.split_first_chunk::<12>()?;
        let [first, second, s0, s1, t0, t1, t2, t3, a, b, c, d] = *header;
        let payload_type = second & 0x7f;
        let contributors = usize::from(first & 0x0f) * 4;
        let payload = rest.get(contributors..)?;
        let known_type = matches!(payload_type, 0..=34 | 96..=127);
        (first >> 6 == 2 && known_type && !payload.is_empty()).then_some(Self {
            payload_type,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            source: u32::from_be_bytes([a, b, c, d]),
        })
    }

    /// At most a few packets were lost, and less than about ten seconds of video time passed.
    fn follows(self, earlier: Self) -> bool {
        const FARTHEST: u32 = 1 << 20;
        let step = self.sequence.wrapping_sub(earlier.sequence);
        let elapsed = self.timestamp.wrapping_sub(earlier.timestamp);
        self.source == earlier.source
            && self.payload_type == earlier.payload_type
            && (1..=16).contains(&step)
            && (elapsed <= FARTHEST || elapsed.wrapping_neg() <= FARTHEST)
    }
}

impl Control {
    /// A compound packet: reports and the like, each with its length, to the end of the datagram.
    fn read(datagram: &[u8]) -> Option<Self> {
        const SOURCE_DESCRIPTION: u8 = 202;
        let source = u32::from_be_bytes(*datagram.get(4..)?.first_chunk()?);
        let mut rest = datagram;
        let mut has_description = false;
        while let Some(([first, kind, high, low], _)) = rest.split_first_chunk() {
            let length = (usize::from(u16::from_be_bytes([*high, *low])) + 1) * 4;
            let is_first = rest.len() == datagram.len();
            if first >> 6 != 2 || !matches!(kind, 200..=207) || length < 8 {
                return None;
            }
            rest = rest.get(length..)?;
            has_description |= *kind == SOURCE_DESCRIPTION && !is_first;
        }
        rest.is_empty().then_some(Self { source, has_description })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use bifrons_model::Direction::{self, ClientToServer, ServerToClient};

    use super::*;
    use crate::Transport;

    fn media(sequence: u16, timestamp: u32, source: u8) -> Vec<u8> {
        let mut packet = [0x80, 0].to_vec();
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend([1, 2, 3, source]);
        packet.extend([0x55; 160]);
        packet
    }

    const REPORT: [u8; 8] = [0x80, 201, 0, 1, 1, 2, 3, 4];
    const DESCRIPTION: [u8; 16] = [0x81, 202, 0, 3, 1, 2, 3, 4, 1, 3, b'a', b'@', b'b', 0, 0, 0];

    fn answer(datagrams: &[(Direction, &[u8])]) -> ProbeAnswer {
        let side = |wanted: Direction| -> Vec<u8> {
            datagrams.iter().filter(|(way, _)| *way == wanted).flat_map(|(_, bytes)| bytes.to_vec()).collect()
        };
        let lengths: Vec<_> = datagrams.iter().map(|(way, bytes)| (*way, bytes.len())).collect();
        probe(&Evidence {
            transport: Transport::Udp,
            client_port: 40000,
            server_port: 40002,
            sent: &side(ClientToServer),
            received: &side(ServerToClient),
            datagrams: &lengths,
        })
    }

    #[test]
    fn two_packets_that_continue_are_known_either_way() {
        for way in [ClientToServer, ServerToClient] {
            let (first, second) = (media(0xffff, 160, 4), media(0, 320, 4));
            assert_eq!(answer(&[(way, &first)]), ProbeAnswer::Unsure);
            assert_eq!(answer(&[(way, &first), (way, &second)]), ProbeAnswer::Certain(app::RTP_BASE));
            assert_eq!(answer(&[(way, &first), (way.reverse(), &second)]), ProbeAnswer::Unsure);
        }
    }

    #[test]
    fn packets_that_do_not_continue_are_not() {
        let first = media(7, 160, 4);
        for second in [
            media(7, 160, 4),
            media(6, 320, 4),
            media(80, 320, 4),
            media(8, 320, 5),
            media(8, 0x7000_0000, 4),
        ] {
            assert_eq!(answer(&[(ClientToServer, &first), (ClientToServer, &second)]), ProbeAnswer::Unsure);
        }
    }

    #[test]
    fn control_is_known_by_its_lengths() {
        let compound = [&REPORT[..], &DESCRIPTION].concat();
        assert_eq!(answer(&[(ClientToServer, &compound)]), ProbeAnswer::Certain(app::RTP_BASE));
        assert_eq!(answer(&[(ClientToServer, &REPORT)]), ProbeAnswer::Unsure);
        assert_eq!(
            answer(&[(ClientToServer, &REPORT), (ClientToServer, &REPORT)]),
            ProbeAnswer::Certain(app::RTP_BASE)
        );
        assert_eq!(
            answer(&[(ClientToServer, &REPORT), (ClientToServer, &media(1, 2, 4))]),
            ProbeAnswer::Certain(app::RTP_BASE)
        );
        for length in 0..compound.len() {
            let cut = answer(&[(ClientToServer, &compound[..length])]);
            assert_ne!(cut, ProbeAnswer::Certain(app::RTP_BASE), "{length} bytes");
        }
    }

    #[test]
    fn media_behind_something_else_is_left_alone() {
        let (first, second) = (media(7, 160, 4), media(8, 320, 4));
        let opened = |opening: &[u8]| {
            answer(&[(ClientToServer, opening), (ClientToServer, &first), (ClientToServer, &second)])
        };
        assert_eq!(opened(&[0; 74]), ProbeAnswer::NotMine);
        assert_eq!(opened(&[0; 4]), ProbeAnswer::Certain(app::RTP_BASE));
    }

    #[test]
    fn truncations_are_not_certain() {
        let (first, second) = (media(7, 160, 4), media(8, 320, 4));
        for length in 0..=12 {
            let both = [(ClientToServer, &first[..length]), (ClientToServer, &second[..length])];
            assert_ne!(answer(&both), ProbeAnswer::Certain(app::RTP_BASE), "{length} bytes");
        }
    }

    #[test]
    fn look_alikes_are_left_alone() {
        for byte in [0, 0x40, 0x80, 0xff] {
            let datagram = [byte; 60];
            let three = [(ClientToServer, &datagram[..]); 3];
            assert_ne!(answer(&three), ProbeAnswer::Certain(app::RTP_BASE), "{byte:#x}");
        }
    }
}
