//! The releases whose logs are written.

/// The PAN-OS release whose set of columns is written. Releases only ever add columns at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogVersion {
    /// 10.1 and 10.2: 115 columns.
    V10_1,
    /// 11.1: 128 columns, all that its documentation names.
    #[default]
    V11_1,
}

impl LogVersion {
    /// Every release, oldest first.
    pub const ALL: [Self; 2] = [Self::V10_1, Self::V11_1];

    /// The release as people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V10_1 => "10.1",
            Self::V11_1 => "11.1",
        }
    }

    /// The release called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.name() == name)
    }

    /// How many columns a line has.
    pub const fn columns(self) -> usize {
        match self {
            Self::V10_1 => 115,
            Self::V11_1 => 128,
        }
    }

    /// The release in column 6 of real lines: the major number times 256 plus the minor one.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::V10_1 => "2561",
            Self::V11_1 => "2817",
        }
    }

    /// The oldest release that has the column at `position`, counted from 1.
    pub(crate) fn since(position: usize) -> Self {
        Self::ALL.into_iter().find(|version| position <= version.columns()).unwrap_or(Self::V11_1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Release, TRAFFIC};

    /// What is written is what is read.
    #[test]
    fn releases_are_those_of_the_layouts() {
        for version in LogVersion::ALL {
            let release = Release::from_text(version.name()).unwrap();
            assert_eq!(TRAFFIC.columns_in(release), Some(version.columns()));
            assert_eq!(Release::from_code(version.code()), Some(release));
        }
    }

    #[test]
    fn releases() {
        assert_eq!(LogVersion::since(115), LogVersion::V10_1);
        assert_eq!(LogVersion::since(116), LogVersion::V11_1);
        assert_eq!(LogVersion::since(128), LogVersion::V11_1);
        for version in LogVersion::ALL {
            assert_eq!(LogVersion::from_name(version.name()), Some(version));
        }
        assert_eq!(LogVersion::from_name("9.1"), None);
    }
}
