//! The two devices of a pair.

/// Which device of an active/active pair: 0 or 1 (`mode active-active device-id`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeviceId {
    /// Device 0.
    #[default]
    Zero = 0,
    /// Device 1.
    One = 1,
}

impl DeviceId {
    /// From a number; only its lowest bit counts.
    pub const fn of(number: u8) -> Self {
        if number & 1 == 0 { Self::Zero } else { Self::One }
    }

    /// The other device.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Zero => Self::One,
            Self::One => Self::Zero,
        }
    }

    /// What of two things is this device's, that of device 0 first.
    pub const fn of_two<T: Copy>(self, two: [T; 2]) -> T {
        let [zero, one] = two;
        match self {
            Self::Zero => zero,
            Self::One => one,
        }
    }

    /// 0 or 1.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_the_others_peer() {
        for number in 0..=3 {
            let device = DeviceId::of(number);
            assert_eq!(device.number(), number & 1);
            assert_ne!(device.peer(), device);
            assert_eq!(device.of_two([0, 1]), device.number());
        }
    }
}
