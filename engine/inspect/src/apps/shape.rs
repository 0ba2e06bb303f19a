//! Comparing bytes with the fixed shape of a protocol's header.

use bifrons_model::{AppId, Direction};

use crate::{Evidence, ProbeAnswer};

use super::text::Fit;

/// What a byte must be.
#[derive(Clone, Copy)]
pub(super) enum B {
    /// This.
    Is(u8),
    /// From the first to the last.
    In(u8, u8),
    /// One of these.
    Of(&'static [u8]),
    /// Whatever it is.
    Any,
}

/// Whether the bytes begin with this shape.
pub(super) fn begins(bytes: &[u8], shape: &[B]) -> Fit {
    let fits = |(byte, wanted): (&u8, &B)| match wanted {
        B::Is(value) => byte == value,
        B::In(first, last) => (first..=last).contains(&byte),
        B::Of(values) => values.contains(byte),
        B::Any => true,
    };
    if !bytes.iter().zip(shape).all(fits) {
        Fit::No
    } else if bytes.len() < shape.len() {
        Fit::Open
    } else {
        Fit::Yes
    }
}

/// Whether the bytes begin with exactly these.
pub(super) fn magic(bytes: &[u8], expected: &[u8]) -> Fit {
    if !bytes.iter().zip(expected).all(|(byte, expected)| byte == expected) {
        Fit::No
    } else if bytes.len() < expected.len() {
        Fit::Open
    } else {
        Fit::Yes
    }
}

impl Fit {
    /// This, and once it is sure also what is asked then.
    pub(super) fn and(self, then: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes => then(),
            Self::No | Self::Open => self,
        }
    }

    /// This, or else the other.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::Open, _) | (_, Self::Open) => Self::Open,
            (Self::No, Self::No) => Self::No,
        }
    }

    /// Open where it would be sure: for what fits but says too little.
    pub(super) const fn at_most_open(self) -> Self {
        match self {
            Self::Yes | Self::Open => Self::Open,
            Self::No => Self::No,
        }
    }

    /// Yes or no.
    pub(super) const fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// The number in `width` bytes at `place`, the highest first.
pub(super) fn big(bytes: &[u8], place: usize, width: usize) -> Option<usize> {
    let field = bytes.get(place..place.checked_add(width)?)?;
    Some(field.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// The number in `width` bytes at `place`, the lowest first.
pub(super) fn little(bytes: &[u8], place: usize, width: usize) -> Option<usize> {
    let field = bytes.get(place..place.checked_add(width)?)?;
    Some(field.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// A stream that either side's beginning tells: certain when a side that has bytes fits, unless the other
/// does not.
pub(super) fn either(
    evidence: &Evidence<'_>,
    app: AppId,
    sent: impl Fn(&[u8]) -> Fit,
    received: impl Fn(&[u8]) -> Fit,
) -> ProbeAnswer {
    let (sent, received) = sides(evidence, sent, received);
    match (sent, received) {
        (Fit::No, _) | (_, Fit::No) => ProbeAnswer::NotMine,
        (Fit::Yes, _) | (_, Fit::Yes) => ProbeAnswer::Certain(app),
        (Fit::Open, Fit::Open) => ProbeAnswer::Unsure,
    }
}

/// As [`either`], for protocols in which the client speaks first.
pub(super) fn client_first(
    evidence: &Evidence<'_>,
    app: AppId,
    sent: impl Fn(&[u8]) -> Fit,
    received: impl Fn(&[u8]) -> Fit,
) -> ProbeAnswer {
    if evidence.sent.is_empty() && !evidence.received.is_empty() {
        return ProbeAnswer::NotMine;
    }
    either(evidence, app, sent, received)
}

/// As [`either`], for protocols in which the server speaks first.
pub(super) fn server_first(
    evidence: &Evidence<'_>,
    app: AppId,
    sent: impl Fn(&[u8]) -> Fit,
    received: impl Fn(&[u8]) -> Fit,
) -> ProbeAnswer {
    if evidence.received.is_empty() && !evidence.sent.is_empty() {
        return ProbeAnswer::NotMine;
    }
    either(evidence, app, sent, received)
}

/// A stream that only both sides' beginnings together tell; on its own port one of them does.
pub(super) fn both(
    evidence: &Evidence<'_>,
    app: AppId,
    at_home: bool,
    sent: impl Fn(&[u8]) -> Fit,
    received: impl Fn(&[u8]) -> Fit,
) -> ProbeAnswer {
    let (sent, received) = sides(evidence, sent, received);
    match (sent, received) {
        (Fit::No, _) | (_, Fit::No) => ProbeAnswer::NotMine,
        (Fit::Yes, Fit::Yes) => ProbeAnswer::Certain(app),
        (Fit::Yes, Fit::Open) | (Fit::Open, Fit::Yes) if at_home => ProbeAnswer::Certain(app),
        (Fit::Yes | Fit::Open, Fit::Open) | (Fit::Open, Fit::Yes) => ProbeAnswer::Unsure,
    }
}

/// What each side's beginning says; open where there is nothing yet.
fn sides(
    evidence: &Evidence<'_>,
    sent: impl Fn(&[u8]) -> Fit,
    received: impl Fn(&[u8]) -> Fit,
) -> (Fit, Fit) {
    let side = |bytes: &[u8], judge: &dyn Fn(&[u8]) -> Fit| {
        if bytes.is_empty() { Fit::Open } else { judge(bytes) }
    };
    (side(evidence.sent, &sent), side(evidence.received, &received))
}

/// Datagrams that must all fit, `needed` of them to be certain.
pub(super) fn datagrams(
    evidence: &Evidence<'_>,
    app: AppId,
    needed: usize,
    fits: impl Fn(Direction, &[u8]) -> bool,
) -> ProbeAnswer {
    if !evidence.each_datagram().all(|(direction, datagram)| fits(direction, datagram)) {
        ProbeAnswer::NotMine
    } else if evidence.datagrams.len() >= needed {
        ProbeAnswer::Certain(app)
    } else {
        ProbeAnswer::Unsure
    }
}

/// Whether either end uses one of these ports.
pub(super) fn uses_any(evidence: &Evidence<'_>, ports: &[u16]) -> bool {
    ports.iter().any(|port| evidence.uses_port(*port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let shape = [B::Is(1), B::In(2, 4), B::Of(&[7, 9]), B::Any];
        assert_eq!(begins(&[1, 3, 9, 200, 1], &shape), Fit::Yes);
        assert_eq!(begins(&[1, 3, 9], &shape), Fit::Open);
        assert_eq!(begins(&[1, 5], &shape), Fit::No);
        assert_eq!(begins(&[1, 2, 8], &shape), Fit::No);
        assert_eq!(magic(b"ab", b"abc"), Fit::Open);
        assert_eq!(magic(b"ax", b"abc"), Fit::No);
        assert_eq!(Fit::Open.or(Fit::No), Fit::Open);
        assert_eq!(Fit::Yes.and(|| Fit::Open), Fit::Open);
    }

    #[test]
    fn numbers() {
        assert_eq!(big(&[0, 1, 2], 1, 2), Some(0x0102));
        assert_eq!(little(&[0, 1, 2], 1, 2), Some(0x0201));
        assert_eq!(big(&[0, 1, 2], 2, 2), None);
        assert_eq!(little(&[0], usize::MAX, 2), None);
    }
}
