//! Watching and managing: NetFlow and IPFIX (RFC 3954, RFC 7011), sFlow 5, Zabbix, munin, collectd, IPMI
//! (RMCP), ONC RPC (RFC 5531) with its port mapper and NFS, DCE RPC.

use bifrons_catalog::app;
use bifrons_model::AppId;

use crate::{Evidence, Probe, ProbeAnswer, Transport};

use super::{
    shape::{B, begins, big, datagrams, either, little, magic, server_first, uses_any},
    text::Fit,
};

pub(super) const NETFLOW: Probe =
    Probe { name: "netflow", tcp: false, udp: true, probe: netflow, decoder: None };
pub(super) const SFLOW: Probe = Probe { name: "sflow", tcp: false, udp: true, probe: sflow, decoder: None };
pub(super) const ZABBIX: Probe =
    Probe { name: "zabbix", tcp: true, udp: false, probe: zabbix, decoder: None };
pub(super) const MUNIN: Probe = Probe { name: "munin", tcp: true, udp: false, probe: munin, decoder: None };
pub(super) const COLLECTD: Probe =
    Probe { name: "collectd", tcp: false, udp: true, probe: collectd, decoder: None };
pub(super) const RMCP: Probe = Probe { name: "rmcp", tcp: false, udp: true, probe: rmcp, decoder: None };
pub(super) const ONC_RPC: Probe =
    Probe { name: "onc-rpc", tcp: true, udp: true, probe: onc_rpc, decoder: None };
pub(super) const DCE_RPC: Probe =
    Probe { name: "dce-rpc", tcp: true, udp: true, probe: dce_rpc, decoder: None };

/// Versions with records of one length tell how many; later ones are sets that follow one another.
fn netflow(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[2055, 2056, 4739, 9995, 9996, 6343, 9555]);
    datagrams(evidence, app::NETFLOW, 1, |_, datagram| {
        let records = |size: usize, header: usize, most: usize| {
            let count = big(datagram, 2, 2).unwrap_or_default();
            (1..=most).contains(&count) && datagram.len() == header + count * size
        };
        match big(datagram, 0, 2) {
            Some(1) => at_home && records(52, 16, 24),
            Some(5) => records(48, 24, 30),
            Some(7) => records(52, 24, 28),
            Some(9) => {
                big(datagram, 2, 2).is_some_and(|count| (1..=1000).contains(&count)) && are_sets(datagram, 20)
            }
            Some(10) => big(datagram, 2, 2) == Some(datagram.len()) && are_sets(datagram, 16),
            _ => false,
        }
    })
}

/// Sets, each with its number and length, up to the end (padding aside).
fn are_sets(datagram: &[u8], header: usize) -> bool {
    let mut rest = datagram.get(header..).unwrap_or_default();
    let mut count = 0;
    while let (Some(kind), Some(length)) = (big(rest, 0, 2), big(rest, 2, 2)) {
        match rest.get(length..) {
            Some(after) if length >= 4 && (kind <= 3 || kind >= 256) => rest = after,
            _ => return false,
        }
        count += 1;
    }
    count > 0 && rest.len() < 4
}

fn sflow(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[6343]);
    datagrams(evidence, app::SFLOW, 1, |_, datagram| {
        let shape =
            [B::Is(0), B::Is(0), B::Is(0), B::Of(&[2, 4, 5]), B::Is(0), B::Is(0), B::Is(0), B::In(1, 2)];
        let address = if datagram.get(7) == Some(&2) { 16 } else { 4 };
        // Sub-agent, sequence and uptime come before the number of samples.
        let samples = big(datagram, 8 + address + 12, 4);
        begins(datagram, &shape) == Fit::Yes
            && (at_home || datagram.get(3) == Some(&5))
            && samples.is_some_and(|samples| (1..=200).contains(&samples) && samples * 8 <= datagram.len())
    })
}

fn zabbix(evidence: &Evidence<'_>) -> ProbeAnswer {
    let message = |bytes: &[u8]| {
        magic(bytes, b"ZBXD").and(|| match bytes.get(4) {
            Some(flags) => Fit::of((1..=7).contains(flags)),
            None => Fit::Open,
        })
    };
    either(evidence, app::ZABBIX, message, message)
}

fn munin(evidence: &Evidence<'_>) -> ProbeAnswer {
    let quiet = |bytes: &[u8]| if bytes.iter().all(u8::is_ascii) { Fit::Open } else { Fit::No };
    server_first(evidence, app::MUNIN, quiet, |bytes| magic(bytes, b"# munin node at "))
}

/// Parts, each with type and length, the first of which names the host.
fn collectd(evidence: &Evidence<'_>) -> ProbeAnswer {
    datagrams(evidence, app::COLLECTD, 1, |_, datagram| {
        if begins(datagram, &[B::Is(0), B::Is(0), B::Is(0), B::In(6, 255)]) != Fit::Yes {
            return false;
        }
        let mut rest = datagram;
        let mut parts = 0;
        while let (Some(kind), Some(length)) = (big(rest, 0, 2), big(rest, 2, 2)) {
            match rest.get(length..) {
                Some(after) if length > 4 && (kind <= 9 || matches!(kind, 0x100 | 0x101 | 0x200 | 0x210)) => {
                    rest = after;
                }
                _ => return false,
            }
            parts += 1;
        }
        rest.is_empty() && parts >= 3
    })
}

/// Version 6, a zero, a sequence (none for IPMI), the class.
fn rmcp(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[623, 664]) {
        return ProbeAnswer::NotMine;
    }
    let shape = [B::Is(6), B::Is(0), B::Any, B::Of(&[6, 7, 0x86, 0x87])];
    datagrams(evidence, app::RMCP, 1, |_, datagram| begins(datagram, &shape) == Fit::Yes)
}

fn onc_rpc(evidence: &Evidence<'_>) -> ProbeAnswer {
    match evidence.transport {
        Transport::Udp => {
            let mut answer = ProbeAnswer::Unsure;
            for (_, datagram) in evidence.each_datagram() {
                match rpc_call(datagram).or_else(|| rpc_reply(datagram, evidence)) {
                    Some(app) => answer = ProbeAnswer::Certain(app),
                    None => return ProbeAnswer::NotMine,
                }
            }
            answer
        }
        Transport::Tcp => {
            let sides = [evidence.sent, evidence.received];
            let mut answer = ProbeAnswer::Unsure;
            for bytes in sides.into_iter().filter(|bytes| !bytes.is_empty()) {
                // The record mark: the last fragment, and its length (section 11).
                let mark = begins(bytes, &[B::Is(0x80), B::In(0, 0x1f), B::Any, B::Any]);
                let Some(message) = bytes.get(4..).filter(|_| mark != Fit::No) else {
                    if mark == Fit::No {
                        return ProbeAnswer::NotMine;
                    }
                    continue;
                };
                match rpc_call(message).or_else(|| rpc_reply(message, evidence)) {
                    Some(app) => return ProbeAnswer::Certain(app),
                    None if message.len() >= 32 => return ProbeAnswer::NotMine,
                    None => (),
                }
            }
            answer = if sides.iter().all(|side| side.is_empty()) { ProbeAnswer::Unsure } else { answer };
            answer
        }
    }
}

/// Identifier, call, version 2, a program in use, its version, procedure, credentials.
fn rpc_call(message: &[u8]) -> Option<AppId> {
    let number = |place: usize| big(message, place * 4, 4);
    let is_call = number(1)? == 0 && number(2)? == 2 && number(4)? <= 10 && number(5)? <= 100;
    let credentials = number(6)? <= 7 || number(6)? == 300_001;
    if !is_call || !credentials || number(7)? > 400 {
        return None;
    }
    match number(3)? {
        100_000 => Some(app::PORTMAPPER),
        100_003 | 100_005 | 100_021 | 100_024 | 100_227 => Some(app::NFS),
        100_001..=100_300 | 390_000..=400_200 | 150_001 => Some(app::RPC),
        _ => None,
    }
}

/// Accepted or denied, with a verifier; which program it was only the port tells.
fn rpc_reply(message: &[u8], evidence: &Evidence<'_>) -> Option<AppId> {
    let number = |place: usize| big(message, place * 4, 4);
    if number(1)? != 1 || number(2)? > 1 || number(3)? > 7 || number(5)? > 5 {
        return None;
    }
    if uses_any(evidence, &[2049, 20_048]) {
        Some(app::NFS)
    } else if uses_any(evidence, &[111]) {
        Some(app::PORTMAPPER)
    } else {
        None
    }
}

fn dce_rpc(evidence: &Evidence<'_>) -> ProbeAnswer {
    match evidence.transport {
        Transport::Tcp => either(evidence, app::MSRPC, rpc_unit, rpc_unit),
        Transport::Udp => datagrams(evidence, app::MSRPC, 1, |_, datagram| {
            let shape = [B::Is(4), B::In(0, 19), B::Any, B::Any, B::Of(&[0, 0x10]), B::Is(0), B::Is(0)];
            let length = match datagram.get(4) {
                Some(0) => big(datagram, 74, 2),
                _ => little(datagram, 74, 2),
            };
            begins(datagram, &shape) == Fit::Yes && length.map(|length| length + 80) == Some(datagram.len())
        }),
    }
}

/// Version 5, a type in use, flags, how numbers are written, the fragment's length.
fn rpc_unit(bytes: &[u8]) -> Fit {
    let shape = [
        B::Is(5),
        B::In(0, 1),
        B::Of(&[0, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18, 19]),
        B::Any,
        B::Of(&[0, 0x10]),
        B::Is(0),
        B::Is(0),
        B::Is(0),
        B::Any,
        B::Any,
    ];
    begins(bytes, &shape).and(|| {
        let length = if bytes.get(4) == Some(&0) { big(bytes, 8, 2) } else { little(bytes, 8, 2) };
        Fit::of(length.is_some_and(|length| length >= 16))
    })
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::apps::testing::{
        assert_datagrams, assert_never_certain, assert_no_datagram, assert_recognised, assert_recognised_at,
    };

    #[test]
    fn flows() {
        let mut five = vec![0, 5, 0, 2];
        five.resize(24 + 96, 3);
        assert_datagrams(NETFLOW, app::NETFLOW, 40_001, &[&five]);
        assert_no_datagram(NETFLOW, 2055, &five[..119]);
        let nine = [&[0, 9, 0, 1][..], &[0; 16], &[0, 0, 0, 12, 1, 0, 0, 1, 0, 8, 0, 4]].concat();
        assert_datagrams(NETFLOW, app::NETFLOW, 40_001, &[&nine]);
        assert_no_datagram(NETFLOW, 2055, &nine[..31]);
        let ten = [&[0, 10, 0, 20][..], &[0; 12], &[1, 1, 0, 4]].concat();
        assert_datagrams(NETFLOW, app::NETFLOW, 40_001, &[&ten]);
        let mut samples = vec![0, 0, 0, 5, 0, 0, 0, 1, 192, 0, 2, 1];
        samples.resize(27, 0);
        samples.extend([1, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_datagrams(SFLOW, app::SFLOW, 40_001, &[&samples]);
        samples[27] = 0;
        assert_no_datagram(SFLOW, 6343, &samples);
    }

    #[test]
    fn watchers() {
        assert_recognised(ZABBIX, app::ZABBIX, b"ZBXD\x01\x0a\0\0\0\0\0\0\0agent.ping", b"");
        assert_recognised(ZABBIX, app::ZABBIX, b"", b"ZBXD\x01");
        assert_never_certain(ZABBIX, b"ZBXD\x08", b"");
        assert_recognised(MUNIN, app::MUNIN, b"", b"# munin node at a.test\n");
        assert_never_certain(MUNIN, b"list\n", b"# nobody");
        let host = b"\0\0\0\x09host\0\0\x08\0\x0c\0\0\0\0\0\0\0\x01\0\x02\0\x08cpu\0";
        assert_datagrams(COLLECTD, app::COLLECTD, 25_826, &[host]);
        assert_no_datagram(COLLECTD, 25_826, &host[..28]);
        assert_datagrams(RMCP, app::RMCP, 623, &[b"\x06\0\xff\x07\0\0\0\0"]);
        assert_no_datagram(RMCP, 40_001, b"\x06\0\xff\x07\0\0\0\0");
    }

    fn call(program: u32) -> Vec<u8> {
        [7, 0, 2, program, 3, 0, 0, 0, 0, 0].iter().flat_map(|number: &u32| number.to_be_bytes()).collect()
    }

    #[test]
    fn remote_procedures() {
        assert_datagrams(ONC_RPC, app::PORTMAPPER, 40_001, &[&call(100_000)]);
        assert_datagrams(ONC_RPC, app::NFS, 40_001, &[&call(100_003)]);
        assert_datagrams(ONC_RPC, app::RPC, 40_001, &[&call(100_011)]);
        assert_no_datagram(ONC_RPC, 111, &call(7));
        let stream = [&[0x80, 0, 0, 40][..], &call(100_003)].concat();
        assert_recognised(ONC_RPC, app::NFS, &stream, b"");
        let reply: Vec<u8> = [7_u32, 1, 0, 0, 0, 0].iter().flat_map(|number| number.to_be_bytes()).collect();
        assert_datagrams(ONC_RPC, app::NFS, 2049, &[&reply]);
        assert_no_datagram(ONC_RPC, 40_001, &reply);
        assert_recognised_at(ONC_RPC, app::PORTMAPPER, 111, b"", &[&[0x80, 0, 0, 24][..], &reply].concat());
        assert_never_certain(ONC_RPC, &[&[0x80, 0, 0, 40][..], &call(7)].concat(), b"");
    }

    #[test]
    fn dce_units() {
        let bind = b"\x05\0\x0b\x03\x10\0\0\0\x48\0\0\0\x01\0\0\0";
        assert_recognised(DCE_RPC, app::MSRPC, bind, b"");
        assert_recognised(DCE_RPC, app::MSRPC, b"", bind);
        assert_never_certain(DCE_RPC, b"\x05\0\x0b\x03\x10\0\0\0\x08\0\0\0", b"");
        let mut request = vec![4, 0, 0x20, 0, 0x10, 0, 0, 0];
        request.resize(74, 1);
        request.extend([2, 0, 0, 0, 0, 0, 9, 9]);
        assert_datagrams(DCE_RPC, app::MSRPC, 40_001, &[&request]);
        assert_no_datagram(DCE_RPC, 135, &request[..81]);
    }
}
