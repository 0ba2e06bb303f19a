//! What a record says, before anything is concluded.

/// A field's value as evidence shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// The record does not have it.
    Absent,
    /// Text as the log spells it.
    Text(&'a str),
    /// A count, a port, a number of seconds.
    Number(u64),
}

macro_rules! facts {
    (
        text { $( $(#[$text_doc:meta])* $text:ident $text_variant:ident $text_name:literal; )* }
        number { $( $(#[$number_doc:meta])* $number:ident $number_variant:ident $number_name:literal; )* }
    ) => {
        /// One record's fields, as far as anything is concluded from them. Text that a log does not have is
        /// empty, numbers are `None`.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Facts<'a> {
            $( $(#[$text_doc])* pub $text: &'a str, )*
            $( $(#[$number_doc])* pub $number: Option<u64>, )*
        }

        /// A field of [`Facts`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Field {
            $( $(#[$text_doc])* $text_variant, )*
            $( $(#[$number_doc])* $number_variant, )*
        }

        impl Field {
            /// Every field.
            pub const ALL: &'static [Self] =
                &[$( Self::$text_variant, )* $( Self::$number_variant, )*];

            /// The name by which logs and their documentation call it.
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$text_variant => $text_name, )*
                    $( Self::$number_variant => $number_name, )*
                }
            }

            /// The field called `name`.
            pub fn from_name(name: &str) -> Option<Self> {
                Some(match name {
                    $( $text_name => Self::$text_variant, )*
                    $( $number_name => Self::$number_variant, )*
                    _ => return None,
                })
            }
        }

        impl<'a> Facts<'a> {
            /// Takes every field from `read`, which answers `None` for what its log does not have.
            #[inline]
            pub fn gather(mut read: impl FnMut(Field) -> Option<&'a str>) -> Self {
                Self {
                    $( $text: read(Field::$text_variant).unwrap_or(""), )*
                    $( $number: read(Field::$number_variant).and_then(number), )*
                }
            }

            /// Sets one field from text; numbers that are none are taken as absent.
            pub fn set(&mut self, field: Field, text: &'a str) {
                match field {
                    $( Field::$text_variant => self.$text = text, )*
                    $( Field::$number_variant => self.$number = number(text), )*
                }
            }

            /// The value of one field.
            pub fn value(&self, field: Field) -> Value<'a> {
                match field {
                    $( Field::$text_variant => self.$text.into(), )*
                    $( Field::$number_variant => self.$number.map_or(Value::Absent, Value::Number), )*
                }
            }
        }
    };
}

facts! {
    text {
        /// The kind of log: `TRAFFIC` or `THREAT`; empty is taken as traffic.
        kind Kind "type";
        /// `start`, `end`, `drop` or `deny`; of a threat record its kind of threat.
        subtype Subtype "subtype";
        /// When the record was written.
        time_generated TimeGenerated "time_generated";
        /// When the record was received.
        receive_time ReceiveTime "receive_time";
        /// When the session began.
        start Start "start";
        /// The client's address.
        src Source "src";
        /// The server's address.
        dst Destination "dst";
        /// The client's address after translation.
        natsrc NatSource "natsrc";
        /// The server's address after translation.
        natdst NatDestination "natdst";
        /// The security rule.
        rule Rule "rule";
        /// The application.
        app App "app";
        /// The zone of the client.
        from From "from";
        /// The zone of the server.
        to To "to";
        /// Flag bits in hexadecimal.
        flags Flags "flags";
        /// The IP protocol, by name or number.
        proto Protocol "proto";
        /// The action.
        action Action "action";
        /// The URL category.
        category Category "category";
        /// Why the session ended.
        session_end_reason EndReason "session_end_reason";
        /// Whether the rule or the application chose the action.
        action_source ActionSource "action_source";
        /// What the session tracker saw.
        tracker Tracker "tracker";
        /// The first steps of a TCP session.
        handshake Handshake "handshake";
        /// What these steps amount to.
        handshake_outcome HandshakeOutcome "handshake_outcome";
        /// The NAT rule.
        nat_rule NatRule "nat_rule";
        /// A threat record's URL or file name.
        misc Misc "misc";
        /// A threat record's threat.
        threatid Threat "threatid";
    }
    number {
        /// The session's number.
        sessionid SessionId "sessionid";
        /// How many sessions the record stands for.
        repeatcnt RepeatCount "repeatcnt";
        /// The client's port.
        sport SourcePort "sport";
        /// The server's port.
        dport DestinationPort "dport";
        /// Seconds from the session's first packet to its last.
        elapsed Elapsed "elapsed";
        /// Bytes of both directions, frame headers included.
        bytes Bytes "bytes";
        /// Bytes from client to server.
        bytes_sent BytesSent "bytes_sent";
        /// Bytes from server to client.
        bytes_received BytesReceived "bytes_received";
        /// Packets of both directions.
        packets Packets "packets";
        /// Packets from client to server.
        pkts_sent PacketsSent "pkts_sent";
        /// Packets from server to client.
        pkts_received PacketsReceived "pkts_received";
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        if text.is_empty() { Self::Absent } else { Self::Text(text) }
    }
}

/// Digits before a fraction, if there is one: `3600` and `3600.25` are both 3600.
fn number(text: &str) -> Option<u64> {
    let mut value = 0_u64;
    let mut digits = 0;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
                digits += 1;
            }
            b'.' if digits > 0 => return Some(value),
            _ => return None,
        }
    }
    (digits > 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_set_and_read_by_its_name() {
        for field in Field::ALL {
            let mut facts = Facts::default();
            assert_eq!(facts.value(*field), Value::Absent);
            facts.set(*field, "17");
            assert!(matches!(facts.value(*field), Value::Text("17") | Value::Number(17)), "{field:?}");
            assert_eq!(Field::from_name(field.name()), Some(*field));
            let gathered = Facts::gather(|asked| (asked == *field).then_some("17"));
            assert_eq!(gathered, facts);
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("18446744073709551615"), Some(u64::MAX));
        assert_eq!(number("18446744073709551616"), None);
        assert_eq!(number("1.250000001"), Some(1));
        for text in ["", "-7", ".5", "12 ", "0x10"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
