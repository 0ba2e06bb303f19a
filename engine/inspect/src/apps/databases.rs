//! Databases and caches: Tabular Data Stream ([MS-TDS]) and its browser service ([MC-SQLR]), Oracle's TNS,
//! DRDA, MongoDB, Cassandra (native protocol and between nodes), memcached, Elasticsearch's transport.

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer, Transport};

use super::{
    shape::{B, begins, big, both, client_first, datagrams, either, little, magic, uses_any},
    text::{self, Fit},
};

pub(super) const TDS: Probe = Probe { name: "tds", tcp: true, udp: false, probe: tds, decoder: None };
pub(super) const SQL_BROWSER: Probe =
    Probe { name: "sql-browser", tcp: false, udp: true, probe: sql_browser, decoder: None };
pub(super) const TNS: Probe = Probe { name: "tns", tcp: true, udp: false, probe: tns, decoder: None };
pub(super) const DRDA: Probe = Probe { name: "drda", tcp: true, udp: false, probe: drda, decoder: None };
pub(super) const MONGODB: Probe =
    Probe { name: "mongodb", tcp: true, udp: false, probe: mongodb, decoder: None };
pub(super) const CASSANDRA: Probe =
    Probe { name: "cassandra", tcp: true, udp: false, probe: cassandra, decoder: None };
pub(super) const MEMCACHED: Probe =
    Probe { name: "memcached", tcp: true, udp: true, probe: memcached, decoder: None };
pub(super) const ELASTIC: Probe =
    Probe { name: "elastic-transport", tcp: true, udp: false, probe: elastic, decoder: None };

/// What a server sends has too little of a shape of its own.
fn tds(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[1433]);
    // The login of versions before 7 is 512 bytes long or goes on.
    let old = [B::Is(2), B::In(0, 1), B::Is(2), B::Is(0), B::Is(0), B::Is(0), B::In(0, 1), B::Is(0)];
    let request = |bytes: &[u8]| {
        let newer = tds_request(bytes);
        if at_home { newer.or(begins(bytes, &old)) } else { newer }
    };
    client_first(evidence, app::MSSQL_DB, request, |bytes| {
        begins(bytes, &[B::Is(4), B::In(0, 1)]).and(|| Fit::Open)
    })
}

/// A login, or what is asked before one.
fn tds_request(bytes: &[u8]) -> Fit {
    let header =
        [B::Of(&[0x10, 0x12]), B::In(0, 1), B::Any, B::Any, B::Is(0), B::Is(0), B::In(0, 1), B::Is(0)];
    begins(bytes, &header).and(|| {
        let length = big(bytes, 2, 2).unwrap_or_default();
        if bytes.first() == Some(&0x12) {
            // The first option is the version, whose value follows the list of options.
            let shape = [B::Is(0), B::Is(0), B::In(6, 60), B::Is(0), B::Is(6)];
            return begins(bytes.get(8..).unwrap_or_default(), &shape);
        }
        match little(bytes, 8, 4) {
            // A login's own length, and the version with its high nibble 7.
            Some(own) => {
                begins(bytes.get(12..).unwrap_or_default(), &[B::Any, B::Any, B::Any, B::In(0x70, 0x7f)])
                    .and(|| Fit::of(own + 8 == length))
            }
            None => Fit::Open,
        }
    })
}

fn sql_browser(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[1434]) {
        return ProbeAnswer::NotMine;
    }
    datagrams(evidence, app::MSSQL_MON, 1, |_, datagram| match datagram {
        [2 | 3] => true,
        [4 | 15, .., 0] => datagram.len() <= 34,
        [5, ..] => little(datagram, 1, 2).is_some_and(|length| length + 3 == datagram.len()),
        _ => false,
    })
}

fn tns(evidence: &Evidence<'_>) -> ProbeAnswer {
    client_first(evidence, app::ORACLE, tns_connect, |bytes| {
        // Accept, refuse, redirect, resend.
        let shape =
            [B::Any, B::Any, B::Is(0), B::Is(0), B::Of(&[2, 4, 5, 11]), B::In(0, 8), B::Is(0), B::Is(0)];
        begins(bytes, &shape).at_most_open()
    })
}

fn tns_connect(bytes: &[u8]) -> Fit {
    let shape = [B::Any, B::Any, B::Is(0), B::Is(0), B::Is(1), B::In(0, 8), B::Is(0), B::Is(0), B::Is(1)];
    begins(bytes, &shape).and(|| {
        let names = [&b"(CONNECT_DATA"[..], b"(DESCRIPTION", b"(ADDRESS"];
        if names.iter().any(|name| text::contains(bytes, name)) {
            Fit::Yes
        } else if big(bytes, 0, 2).is_some_and(|length| bytes.len() >= length) {
            Fit::No
        } else {
            Fit::Open
        }
    })
}

/// EXCSAT comes first, EXCSATRD answers it.
fn drda(evidence: &Evidence<'_>) -> ProbeAnswer {
    let command = |code: [B; 2]| {
        move |bytes: &[u8]| {
            let [high, low] = code;
            let shape = [B::Any, B::Any, B::Is(0xd0), B::Any, B::Any, B::Any, B::Any, B::Any, high, low];
            begins(bytes, &shape).and(|| Fit::of(big(bytes, 6, 2).map(|inner| inner + 6) == big(bytes, 0, 2)))
        }
    };
    either(evidence, app::DB2, command([B::Is(0x10), B::Is(0x41)]), command([B::Is(0x14), B::Is(0x43)]))
}

fn mongodb(evidence: &Evidence<'_>) -> ProbeAnswer {
    either(
        evidence,
        app::MONGODB,
        |bytes| mongodb_message(bytes, false),
        |bytes| mongodb_message(bytes, true),
    )
}

/// Length, request, what it answers, operation; then what the operation begins with.
fn mongodb_message(bytes: &[u8], is_answer: bool) -> Fit {
    let (Some(length), Some(answers), Some(operation)) =
        (little(bytes, 0, 4), little(bytes, 8, 4), little(bytes, 12, 4))
    else {
        let plausible = bytes.get(3).is_none_or(|high| *high <= 2);
        return if plausible { Fit::Open } else { Fit::No };
    };
    // Some clients say minus one where a request answers nothing.
    let is_sound = (26..48_000_000).contains(&length) && (is_answer || matches!(answers, 0 | 0xffff_ffff));
    match operation {
        _ if !is_sound => Fit::No,
        1 if is_answer => match (little(bytes, 16, 4), little(bytes, 32, 4)) {
            (Some(flags), Some(count)) => Fit::of(flags < 16 && count < 0x1_0000),
            _ => Fit::Open,
        },
        // A query names its collection behind a dot.
        2004 if !is_answer => match bytes.get(20..) {
            Some(name) if name.contains(&0) => {
                let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                Fit::of(name.contains(&b'.') && name.iter().all(u8::is_ascii_graphic))
            }
            _ => Fit::Open,
        },
        2013 => match (little(bytes, 16, 4), bytes.get(20)) {
            (Some(flags), Some(kind)) => Fit::of(flags & 0xfffc == 0 && *kind <= 1),
            _ => Fit::Open,
        },
        2012 => Fit::of(length > 26),
        2001 | 2002 | 2005 | 2006 if !is_answer => match little(bytes, 16, 4) {
            Some(zero_or_flags) => Fit::of(zero_or_flags <= 1),
            None => Fit::Open,
        },
        _ => Fit::No,
    }
}

fn cassandra(evidence: &Evidence<'_>) -> ProbeAnswer {
    let between_nodes = magic(evidence.sent, &[0xca, 0x55, 0x2d, 0xfa]);
    match between_nodes {
        Fit::Yes => return ProbeAnswer::Certain(app::CASSANDRA),
        Fit::Open if !evidence.sent.is_empty() => return ProbeAnswer::Unsure,
        Fit::Open | Fit::No => (),
    }
    let asked = |bytes: &[u8]| {
        let body = cassandra_frame(bytes, [3, 5], &[1, 5]);
        body.and(|| {
            let is_old = bytes.first().is_some_and(|version| *version <= 2);
            let (operation, length) =
                if is_old { (bytes.get(3), big(bytes, 4, 4)) } else { (bytes.get(4), big(bytes, 5, 4)) };
            match (operation, length) {
                // OPTIONS is empty; STARTUP says which version of the language.
                (Some(5), Some(length)) => Fit::of(length == 0),
                (Some(1), Some(22..=999)) => {
                    if text::contains(bytes, b"CQL_VERSION") {
                        Fit::Yes
                    } else if bytes.len() > 200 {
                        Fit::No
                    } else {
                        Fit::Open
                    }
                }
                (_, None) => Fit::Open,
                _ => Fit::No,
            }
        })
    };
    let (sent, received) = (asked, |bytes: &[u8]| cassandra_frame(bytes, [0x83, 0x85], &[0, 2, 3, 6]));
    if uses_any(evidence, &[9042]) && !evidence.sent.is_empty() {
        return either(evidence, app::CASSANDRA, sent, |bytes| received(bytes).at_most_open());
    }
    both(evidence, app::CASSANDRA, false, sent, received)
}

/// Version, flags, stream (a byte, two from version 3), operation.
fn cassandra_frame(bytes: &[u8], newer: [u8; 2], operations: &'static [u8]) -> Fit {
    let [first, last] = newer;
    let new = [B::In(first, last), B::In(0, 0x1f), B::Any, B::Any, B::Of(operations), B::Is(0), B::Is(0)];
    let old = [B::In(first - 2, first - 1), B::In(0, 3), B::Any, B::Of(operations), B::Is(0), B::Is(0)];
    begins(bytes, &new).or(begins(bytes, &old))
}

/// Commands and answers of the text protocol.
const MEMCACHED_COMMANDS: [&[u8]; 17] = [
    b"get",
    b"gets",
    b"gat",
    b"gats",
    b"set",
    b"add",
    b"replace",
    b"append",
    b"prepend",
    b"cas",
    b"delete",
    b"incr",
    b"decr",
    b"touch",
    b"stats",
    b"flush_all",
    b"version",
];
const MEMCACHED_ANSWERS: [&[u8]; 13] = [
    b"VALUE",
    b"STORED",
    b"NOT_STORED",
    b"EXISTS",
    b"NOT_FOUND",
    b"DELETED",
    b"TOUCHED",
    b"END",
    b"STAT",
    b"OK",
    b"VERSION",
    b"ERROR",
    b"CLIENT_ERROR",
];

fn memcached(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[11_211]);
    match evidence.transport {
        Transport::Tcp => both(
            evidence,
            app::MEMCACHED,
            at_home,
            |bytes| text::command(bytes, &MEMCACHED_COMMANDS).or(memcached_binary(bytes, 0x80)),
            |bytes| text::command(bytes, &MEMCACHED_ANSWERS).or(memcached_binary(bytes, 0x81)),
        ),
        // Request, number of the datagram, how many there are, two zeros.
        Transport::Udp if at_home => datagrams(evidence, app::MEMCACHED, 1, |_, datagram| {
            let content = datagram.get(8..).unwrap_or_default();
            let text =
                text::command(content, &MEMCACHED_COMMANDS).or(text::command(content, &MEMCACHED_ANSWERS));
            let binary = memcached_binary(content, 0x80).or(memcached_binary(content, 0x81));
            datagram.get(6..8) == Some(&[0, 0]) && text.or(binary) != Fit::No && !content.is_empty()
        }),
        Transport::Udp => ProbeAnswer::NotMine,
    }
}

/// Magic, operation, length of the key, length of the extras, type (zero), and the length of all.
fn memcached_binary(bytes: &[u8], first: u8) -> Fit {
    begins(bytes, &[B::Is(first), B::In(0, 0x53), B::Is(0), B::Any, B::In(0, 24), B::Is(0)]).and(|| {
        match (big(bytes, 2, 2), bytes.get(4), big(bytes, 8, 4)) {
            (Some(key), Some(extras), Some(all)) => {
                Fit::of(key + usize::from(*extras) <= all && all < 0x10_0000)
            }
            _ => Fit::Open,
        }
    })
}

/// `ES`, length, request, status, version (RFC-less; the format of the server's transport module).
fn elastic(evidence: &Evidence<'_>) -> ProbeAnswer {
    let side = |bytes: &[u8]| {
        let shape = [
            B::Is(b'E'),
            B::Is(b'S'),
            B::Is(0),
            B::Any,
            B::Any,
            B::Any,
            B::Is(0),
            B::Any,
            B::Any,
            B::Any,
            B::Any,
            B::Any,
            B::Any,
            B::Any,
            B::In(0, 0x1f),
            B::Is(0),
        ];
        begins(bytes, &shape)
    };
    either(evidence, app::ELASTIC_SEARCH, side, side)
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::apps::testing::{
        assert_datagrams, assert_never_certain, assert_no_datagram, assert_recognised, assert_recognised_at,
    };

    #[test]
    fn tds_before_and_at_login() {
        let before =
            b"\x12\x01\0\x2f\0\0\0\0\0\0\x1a\0\x06\x01\0\x20\0\x01\x02\0\x21\0\x01\x03\0\x22\0\x04\xff";
        assert_recognised(TDS, app::MSSQL_DB, before, b"");
        let mut login = vec![0x10, 1, 0, 0x90, 0, 0, 1, 0, 0x88, 0, 0, 0, 4, 0, 0, 0x74];
        login.resize(0x90, 0);
        assert_recognised(TDS, app::MSSQL_DB, &login, b"");
        assert_never_certain(TDS, b"\x12\x01\0\x2f\0\0\0\0\0\0\x1a\0\x07", b"");
        assert_recognised_at(TDS, app::MSSQL_DB, 1433, b"\x02\0\x02\0\0\0\x01\0host", b"");
        assert_never_certain(TDS, b"\x02\0\x02\0\0\0\x01\0host", b"");
        assert_never_certain(TDS, b"", b"\x04\x01\0\x25\0\0\x01\0\0\0\x15");
        assert_datagrams(SQL_BROWSER, app::MSSQL_MON, 1434, &[b"\x02", b"\x05\x03\0abc"]);
        assert_no_datagram(SQL_BROWSER, 40_001, b"\x02");
        assert_no_datagram(SQL_BROWSER, 1434, b"\x05\x04\0abc");
    }

    #[test]
    fn tns_and_drda() {
        let mut connect = Vec::from(*b"\0\x48\0\0\x01\0\0\0\x01\x39\x01\x2c\0\0\x20\0");
        connect.extend(b"\x7f\xff\xc6\x0e(DESCRIPTION=(CONNECT_DATA=(SID=x)))");
        assert_recognised(TNS, app::ORACLE, &connect, b"");
        assert_never_certain(TNS, b"\0\x48\0\0\x01\0\0\0\x01\x39\x01\x2c", b"");
        assert_never_certain(TNS, b"", b"\0\x18\0\0\x02\0\0\0");
        let excsat = b"\0\x26\xd0\x41\0\x01\0\x20\x10\x41\0\x08";
        assert_recognised(DRDA, app::DB2, excsat, b"");
        assert_never_certain(DRDA, b"\0\x26\xd0\x41\0\x01\0\x21\x10\x41", b"");
    }

    #[test]
    fn mongodb_operations() {
        let query = b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xd4\x07\0\0\0\0\0\0admin.$cmd\0\0\0\0\0\xff\xff\xff\xff";
        assert_recognised(MONGODB, app::MONGODB, query, b"");
        let mut minus_one = *query;
        minus_one[8..12].fill(0xff);
        assert_recognised(MONGODB, app::MONGODB, &minus_one, b"");
        let message = b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x20\0\0\0";
        assert_recognised(MONGODB, app::MONGODB, message, b"");
        assert_never_certain(MONGODB, b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xd4\x07\0\0\0\0\0\0admin\0", b"");
        assert_never_certain(MONGODB, b"\x3a\0\0\0\x01\0\0\0\x01\0\0\0\xdd\x07\0\0\0\0\0\0\0", b"");
        assert_never_certain(MONGODB, b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xd8\x07\0\0\0\0\0\0", b"");
    }

    #[test]
    fn cassandra_frames() {
        let options = b"\x04\0\0\0\x05\0\0\0\0";
        assert_recognised_at(CASSANDRA, app::CASSANDRA, 9042, options, b"");
        assert_recognised(CASSANDRA, app::CASSANDRA, options, b"\x84\0\0\0\x06\0\0\0\x2f");
        let startup = b"\x03\0\0\0\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0";
        assert_recognised_at(CASSANDRA, app::CASSANDRA, 9042, startup, b"");
        assert_recognised(CASSANDRA, app::CASSANDRA, b"\xca\x55\x2d\xfa\0\0\0\x08", b"");
        assert_never_certain(CASSANDRA, options, b"");
        assert_never_certain(CASSANDRA, b"\x04\0\0\0\x05\0\0\0\x01", b"\x84\0\0\0\x06\0\0\0\x2f");
    }

    #[test]
    fn memcached_text_and_binary() {
        assert_recognised(MEMCACHED, app::MEMCACHED, b"get a\r\n", b"END\r\n");
        assert_recognised_at(MEMCACHED, app::MEMCACHED, 11_211, b"set a 0 0 1\r\n", b"");
        let binary = b"\x80\0\0\x01\0\0\0\0\0\0\0\x01";
        assert_recognised_at(MEMCACHED, app::MEMCACHED, 11_211, binary, b"");
        assert_datagrams(MEMCACHED, app::MEMCACHED, 11_211, &[b"\0\x01\0\0\0\x01\0\0get a\r\n"]);
        assert_never_certain(MEMCACHED, b"get a\r\n", b"");
        assert_never_certain(MEMCACHED, b"getting", b"END\r\n");
        assert_no_datagram(MEMCACHED, 40_001, b"\0\x01\0\0\0\x01\0\0get a\r\n");
        assert_no_datagram(MEMCACHED, 11_211, b"\0\x01\0\0\0\x01\0\x01get a\r\n");
    }

    #[test]
    fn elasticsearch_between_nodes() {
        let hello = b"ES\0\0\0\x2c\0\0\0\0\0\0\0\x01\x08\0\x7a\x12";
        assert_recognised(ELASTIC, app::ELASTIC_SEARCH, hello, b"");
        assert_never_certain(ELASTIC, b"ESMTP ready to serve you\r\n", b"");
    }
}
