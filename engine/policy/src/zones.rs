//! Which zones a rule is for.

use alloc::{boxed::Box, vec};

use bifrons_model::ZoneId;

/// Zones by their places in the configuration.
#[derive(Clone, Debug)]
pub(crate) enum ZoneSet {
    Any,
    /// One bit per zone, of devices with at most 64 zones.
    Few(u64),
    /// One bit per zone.
    Many(Box<[u64]>),
}

impl ZoneSet {
    /// From a rule's list, of which an empty one means `any`.
    pub(crate) fn new(listed: &[usize], zones: usize) -> Self {
        if listed.is_empty() {
            return Self::Any;
        }
        let mut words = vec![0u64; zones.div_ceil(64)];
        for zone in listed {
            if let Some(word) = words.get_mut(zone / 64) {
                *word |= 1 << (zone % 64);
            }
        }
        match words.as_slice() {
            [word] => Self::Few(*word),
            _ => Self::Many(words.into_boxed_slice()),
        }
    }

    #[inline]
    pub(crate) fn contains(&self, place: u32) -> bool {
        match self {
            Self::Any => true,
            Self::Few(word) => place < 64 && word >> place & 1 == 1,
            Self::Many(words) => {
                words.get(place as usize / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
            }
        }
    }
}

/// Where the zone with each number stands in the configuration; `None` for one that it has no longer. Rules
/// name zones by place, so their sets stay as small as the configuration however many zones come and go.
#[derive(Clone, Debug)]
pub(crate) struct ZonePlaces {
    places: Box<[Option<u32>]>,
    count: u32,
}

impl ZonePlaces {
    pub(crate) fn new(numbers: &[Option<ZoneId>]) -> Self {
        let count = numbers.iter().flatten().map(|zone| zone.index() + 1).max().unwrap_or(0);
        let mut places = vec![None; count];
        for (place, zone) in (0..).zip(numbers) {
            if let Some(zone_place) = zone.and_then(|zone| places.get_mut(zone.index())) {
                *zone_place = Some(place);
            }
        }
        Self { places: places.into_boxed_slice(), count: u32::try_from(numbers.len()).unwrap_or(u32::MAX) }
    }

    /// How many zones the configuration has.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    #[inline]
    pub(crate) fn place_of(&self, zone: ZoneId) -> Option<u32> {
        self.places.get(zone.index()).copied().flatten()
    }
}
