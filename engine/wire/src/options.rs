//! TCP options.

/// One option of a TCP header that the engine reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption {
    /// The largest segment the sender takes (RFC 9293, section 3.7.1).
    MaximumSegmentSize(u16),
    /// How far windows are shifted, at most 14 (RFC 7323, section 2.3).
    WindowScale(u8),
    /// Selective acknowledgement is understood (RFC 2018).
    SackPermitted,
    /// Value and echo (RFC 7323, section 3.2).
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// The peer's clock as last seen.
        echo: u32,
    },
    /// Multipath TCP (RFC 8684).
    Multipath,
    /// Any other kind.
    Other(u8),
}

/// The options in a TCP header's option area. Reading stops at the end mark or at the first malformed one.
pub fn tcp_options(area: &[u8]) -> impl Iterator<Item = TcpOption> {
    let mut rest = area;
    core::iter::from_fn(move || {
        loop {
            match *rest {
                [] | [0, ..] => return None,
                [1, ref after @ ..] => rest = after,
                [kind, length, ..] => {
                    let (option, after) = rest.split_at_checked(usize::from(length).max(2))?;
                    if length < 2 {
                        return None;
                    }
                    rest = after;
                    return Some(read(kind, &option[2..]));
                }
                [_] => return None,
            }
        }
    })
}

fn read(kind: u8, body: &[u8]) -> TcpOption {
    const SCALE_MAX: u8 = 14;
    match (kind, body) {
        (2, &[high, low]) => TcpOption::MaximumSegmentSize(u16::from_be_bytes([high, low])),
        (3, &[shift]) => TcpOption::WindowScale(shift.min(SCALE_MAX)),
        (4, []) => TcpOption::SackPermitted,
        (8, &[a, b, c, d, e, f, g, h]) => TcpOption::Timestamps {
            value: u32::from_be_bytes([a, b, c, d]),
            echo: u32::from_be_bytes([e, f, g, h]),
        },
        (30, _) => TcpOption::Multipath,
        _ => TcpOption::Other(kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn reads_a_usual_syn() {
        let area = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 9];
        let options: Vec<_> = tcp_options(&area).collect();
        assert_eq!(
            options,
            [
                TcpOption::MaximumSegmentSize(1460),
                TcpOption::SackPermitted,
                TcpOption::Timestamps { value: 7, echo: 0 },
                TcpOption::WindowScale(9)
            ]
        );
    }

    #[test]
    fn stops_at_nonsense() {
        assert_eq!(tcp_options(&[8]).count(), 0);
        assert_eq!(tcp_options(&[8, 0, 1, 1]).count(), 0);
        assert_eq!(tcp_options(&[8, 40, 1, 1]).count(), 0);
        assert_eq!(tcp_options(&[3, 3, 99]).collect::<Vec<_>>(), [TcpOption::WindowScale(14)]);
    }
}
