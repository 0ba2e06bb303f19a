//! Interface descriptions of pcapng: link type, name, clock.

use bifrons_model::Timestamp;

use super::{CaptureInterface, CaptureLink, byte_order::ByteOrder, packet::Origin};
use crate::CaptureProblem;

/// How much of an interface name is kept, in bytes.
const NAME_LENGTH_MAX: usize = 256;

/// The longest frame check sequence that is believed, in bytes.
const FCS_LENGTH_MAX: u32 = 16;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

mod code {
    pub const END: u16 = 0;
    pub const NAME: u16 = 2;
    pub const TIME_RESOLUTION: u16 = 9;
    pub const FCS_LENGTH: u16 = 13;
    pub const TIME_OFFSET: u16 = 14;
}

/// What the packets of an interface need of its description.
#[derive(Clone, Debug)]
pub(super) struct Described {
    pub origin: Origin,
    pub clock: Clock,
    /// The most that a Simple Packet holds.
    pub snapshot_length: u32,
}

/// Reads the body of an interface description. The number in the file is left to the caller.
pub(super) fn read(
    order: ByteOrder,
    length: u32,
    body: &[u8],
) -> Result<(CaptureInterface, Described), CaptureProblem> {
    let Some((&[t0, t1, _, _, s0, s1, s2, s3], rest)) = body.split_first_chunk::<8>() else {
        let expected = "room for the fixed fields";
        return Err(CaptureProblem::BlockLength { kind: 1, length, expected });
    };
    let link = CaptureLink::from_number(u32::from(order.u16([t0, t1])));
    let snapshot_length = match order.u32([s0, s1, s2, s3]) {
        0 => u32::MAX,
        limit => limit,
    };
    let mut interface = CaptureInterface { name: None, link, fcs_length: 0 };
    let mut clock = Clock { resolution: Resolution::NanosPerUnit(1_000), offset_nanos: 0 };
    for option in options(order, rest) {
        let Opt { code, value } = option?;
        let malformed = CaptureProblem::InterfaceOption { code };
        match (code, value) {
            (code::NAME, name) => {
                let name = name.get(..NAME_LENGTH_MAX).unwrap_or(name);
                interface.name = Some(String::from_utf8_lossy(name).into_owned());
            }
            (code::TIME_RESOLUTION, [exponent]) => clock.resolution = Resolution::from_exponent(*exponent),
            (code::FCS_LENGTH, [length]) => interface.fcs_length = fcs_bytes(u32::from(*length)),
            (code::TIME_OFFSET, value) => {
                let seconds = order.i64(value.try_into().map_err(|_| malformed)?);
                clock.offset_nanos = seconds.saturating_mul(NANOS_PER_SECOND as i64);
            }
            (code::TIME_RESOLUTION | code::FCS_LENGTH, _) => return Err(malformed),
            (_, _) => {}
        }
    }
    let origin = Origin { interface: 0, link, fcs_length: interface.fcs_length };
    Ok((interface, Described { origin, clock, snapshot_length }))
}

/// The specification says bits and gives 4 as its example, so writers differ: small numbers are bytes.
fn fcs_bytes(number: u32) -> u32 {
    let bytes = if number < 8 { number } else { number / 8 };
    bytes.min(FCS_LENGTH_MAX)
}

/// How an interface counts time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    resolution: Resolution,
    /// Added to every time; saturates, as all times do.
    offset_nanos: i64,
}

impl Clock {
    #[inline]
    pub fn time(&self, units: u64) -> Timestamp {
        let nanos = match self.resolution {
            Resolution::NanosPerUnit(factor) => units.saturating_mul(factor),
            Resolution::UnitsPerNano(divisor) => units.checked_div(divisor).unwrap_or(0),
            Resolution::BinaryFraction(bits) => {
                // 94 bits at most.
                let scaled = (u128::from(units) * u128::from(NANOS_PER_SECOND)) >> bits;
                u64::try_from(scaled).unwrap_or(u64::MAX)
            }
        };
        Timestamp::from_nanos(nanos.saturating_add_signed(self.offset_nanos))
    }
}

/// The unit of times.
#[derive(Clone, Copy, Debug)]
enum Resolution {
    NanosPerUnit(u64),
    /// 0 stands for more than 64 bits can tell: all times are 0 then.
    UnitsPerNano(u64),
    /// Units of 2 to the minus this many seconds, 0 to 127.
    BinaryFraction(u8),
}

impl Resolution {
    /// A negative power of 10, or of 2 when the highest bit is set.
    fn from_exponent(exponent: u8) -> Self {
        if exponent & 0x80 != 0 {
            return Self::BinaryFraction(exponent & 0x7f);
        }
        let exponent = u32::from(exponent);
        if exponent <= 9 {
            Self::NanosPerUnit(10_u64.pow(9 - exponent))
        } else {
            Self::UnitsPerNano(10_u64.checked_pow(exponent - 9).unwrap_or(0))
        }
    }
}

/// An option of a block.
pub(super) struct Opt<'a> {
    pub code: u16,
    pub value: &'a [u8],
}

/// The options of a block up to the end mark, or up to the first malformed one, which is an error.
pub(super) fn options(
    order: ByteOrder,
    mut bytes: &[u8],
) -> impl Iterator<Item = Result<Opt<'_>, CaptureProblem>> {
    std::iter::from_fn(move || {
        let (&[c0, c1, l0, l1], rest) = bytes.split_first_chunk::<4>()?;
        let code = order.u16([c0, c1]);
        if code == code::END {
            return None;
        }
        let length = usize::from(order.u16([l0, l1]));
        let Some(value) = rest.get(..length) else {
            bytes = &[];
            return Some(Err(CaptureProblem::InterfaceOption { code }));
        };
        bytes = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Ok(Opt { code, value }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(exponent: u8, offset_nanos: i64, units: u64) -> u64 {
        Clock { resolution: Resolution::from_exponent(exponent), offset_nanos }.time(units).as_nanos()
    }

    #[test]
    fn units_of_all_sizes() {
        for (exponent, units, expected) in [
            (0, 3, 3_000_000_000),
            (3, 3, 3_000_000),
            (6, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
            (9, 77, 77),
            (12, 77_999, 77),
            (28, u64::MAX, 1),
            (127, u64::MAX, 0),
            (0x80, 3, 3_000_000_000),
            (0x80 | 10, 1536, 1_500_000_000),
            (0x80 | 64, u64::MAX, 999_999_999),
            (0xff, u64::MAX, 0),
            (0, u64::MAX, u64::MAX),
            (0x80, u64::MAX, u64::MAX),
        ] {
            assert_eq!(nanos(exponent, 0, units), expected, "exponent {exponent:#x}");
        }
    }

    #[test]
    fn offsets_saturate() {
        assert_eq!(nanos(9, -5, 7), 2);
        assert_eq!(nanos(9, -8, 7), 0);
        assert_eq!(nanos(9, i64::MAX, u64::MAX), u64::MAX);
    }
}
