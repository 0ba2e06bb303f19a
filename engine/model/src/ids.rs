//! Small numbers that name things.

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number as an index into a table.
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id!(
    /// A session's number, 1 to 4,294,967,295, given in the order of admission; 0 names none.
    SessionId(u32)
);
id!(
    /// An application's number, fixed in the catalogue and never reused.
    AppId(u16)
);
id!(
    /// A security rule's number, given at commit: an index into `Names::rules`. It says nothing about order.
    RuleId(u32)
);
id!(
    /// A security zone's number, given at commit: an index into `Names::zones`.
    ZoneId(u16)
);
id!(
    /// An interface's number, given at commit: an index into `Names::interfaces`.
    InterfaceId(u16)
);
id!(
    /// A virtual router's number, given at commit: its place in the configuration.
    VirtualRouterId(u16)
);
id!(
    /// Which committed configuration a session was last judged by; raised by one at each commit.
    Generation(u32)
);
id!(
    /// A NAT rule's number, given at commit: an index into `Names::nat_rules`. It says nothing about order.
    NatRuleId(u32)
);
id!(
    /// A user's number: an index into `Names::users`; 0 is nobody known.
    UserId(u32)
);
id!(
    /// A custom URL category's number, given at commit: an index into `Names::categories`; 0 is none.
    CategoryId(u16)
);
