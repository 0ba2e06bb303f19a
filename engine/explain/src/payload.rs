//! Whether a direction carried payload, as far as counters of packets and bytes can show.

/// Ethernet and the longest IPv4 and TCP headers that a stack sends: no segment without payload is longer.
const BARE_MAX_V4: u64 = 14 + 20 + 60;
const BARE_MAX_V6: u64 = 14 + 40 + 60;

/// Ethernet and the shortest headers: a segment with payload is longer.
const BARE_MIN_V4: u64 = 14 + 20 + 20;
const BARE_MIN_V6: u64 = 14 + 40 + 20;

/// What the counters say of payload in one direction of a TCP session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// More bytes than headers can take.
    Surely,
    /// No more bytes than the headers took.
    SurelyNot,
    /// The counters leave it open, or are not there.
    Unclear,
}

impl Payload {
    /// By the counters of one direction; bytes count whole frames without their check sequence.
    pub fn of_tcp(packets: Option<u64>, bytes: Option<u64>, is_v6: bool) -> Self {
        let (bare_min, bare_max) =
            if is_v6 { (BARE_MIN_V6, BARE_MAX_V6) } else { (BARE_MIN_V4, BARE_MAX_V4) };
        match (packets, bytes) {
            (Some(0), _) | (_, Some(0)) => Self::SurelyNot,
            (Some(packets), Some(bytes)) if bytes > packets.saturating_mul(bare_max) => Self::Surely,
            (Some(packets), Some(bytes)) if bytes <= packets.saturating_mul(bare_min) => Self::SurelyNot,
            (Some(_), Some(_)) | (None, _) | (_, None) => Self::Unclear,
        }
    }

    /// Of protocols without a handshake: every packet is payload.
    pub const fn of_datagrams(packets: Option<u64>) -> Self {
        match packets {
            Some(0) => Self::SurelyNot,
            Some(_) => Self::Surely,
            None => Self::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_bare_segments_carry_nothing() {
        assert_eq!(Payload::of_tcp(Some(1), Some(54), false), Payload::SurelyNot);
        assert_eq!(Payload::of_tcp(Some(4), Some(296), false), Payload::Unclear);
        assert_eq!(Payload::of_tcp(Some(4), Some(1_400), false), Payload::Surely);
        assert_eq!(Payload::of_tcp(Some(1), Some(100), true), Payload::Unclear);
        assert_eq!(Payload::of_tcp(Some(0), Some(0), true), Payload::SurelyNot);
        assert_eq!(Payload::of_tcp(None, Some(9_000), false), Payload::Unclear);
        assert_eq!(Payload::of_datagrams(Some(1)), Payload::Surely);
    }
}
