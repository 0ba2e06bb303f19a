//! Zone protection profiles.

use alloc::{format, vec::Vec};

use super::{View, addresses::Addresses};
use crate::{
    Problem,
    parse::Report,
    typed::{
        AddressRange, FloodProtection, FloodRates, IcmpDrops, IpDrops, Ipv6Drops, Scan, ScanAction,
        ScanProtection, SynFlood, TcpDrops, TrackBy, ZoneProtection,
    },
};

pub(super) fn profiles(
    root: &View<'_>,
    addresses: &Addresses,
    report: &mut Report<'_>,
) -> Vec<ZoneProtection> {
    let profiles = root.at(&["network", "profiles", "zone-protection-profile"]).entries();
    profiles
        .into_iter()
        .map(|(name, entry)| ZoneProtection {
            name: name.into(),
            flood: flood(&entry.below("flood"), report),
            scans: entry
                .below("scan")
                .entries()
                .iter()
                .filter_map(|(id, scan)| protect(id, scan, report))
                .collect(),
            scan_exempt: exempt(&entry.below("scan-white-list"), addresses, report),
            ip: ip(&entry),
            tcp: tcp(&entry),
            icmp: icmp(&entry),
            ipv6: ipv6(&entry.below("ipv6")),
        })
        .collect()
}

fn flood(view: &View<'_>, report: &mut Report<'_>) -> FloodProtection {
    let mut limited = |word: &'static str| {
        let view = view.below(word);
        let limits = rates(&view.below("red"), FloodRates::RANDOM_EARLY_DROP, report);
        view.below("enable").is_yes().then_some(limits)
    };
    let (udp, icmp, icmpv6, other_ip) =
        (limited("udp"), limited("icmp"), limited("icmpv6"), limited("other-ip"));
    FloodProtection { tcp_syn: syn_flood(&view.below("tcp-syn"), report), udp, icmp, icmpv6, other_ip }
}

fn syn_flood(view: &View<'_>, report: &mut Report<'_>) -> Option<SynFlood> {
    let (red, cookies) = (view.below("red"), view.below("syn-cookies"));
    if red.exists() && cookies.exists() {
        let what = "SYNs are limited by `red` or by `syn-cookies`".into();
        cookies.gap(report, cookies.line(), Problem::Conflict { what });
    }
    let protection = if cookies.exists() {
        SynFlood::SynCookies(rates(&cookies, FloodRates::SYN_COOKIES, report))
    } else {
        SynFlood::RandomEarlyDrop(rates(&red, FloodRates::RANDOM_EARLY_DROP, report))
    };
    view.below("enable").is_yes().then_some(protection)
}

fn rates(view: &View<'_>, usual: FloodRates, report: &mut Report<'_>) -> FloodRates {
    let maximal = view.below("maximal-rate");
    let rates = FloodRates {
        alarm: view.below("alarm-rate").number().unwrap_or(usual.alarm),
        activate: view.below("activate-rate").number().unwrap_or(usual.activate),
        maximal: maximal.number().unwrap_or(usual.maximal),
    };
    if rates.activate > rates.maximal {
        let given = if maximal.exists() { maximal } else { view.below("activate-rate") };
        let what = format!("`activate-rate` {} is above `maximal-rate` {}", rates.activate, rates.maximal);
        given.gap(report, given.line(), Problem::Conflict { what });
    }
    rates
}

fn protect(id: &str, entry: &View<'_>, report: &mut Report<'_>) -> Option<ScanProtection> {
    let scan = match id {
        "8001" => Scan::TcpPorts,
        "8002" => Scan::Hosts,
        "8003" => Scan::UdpPorts,
        "8006" => Scan::Protocols,
        _ => return None,
    };
    let actions = ["allow", "alert", "block", "block-ip"].map(|action| entry.at(&["action", action]));
    let mut used = actions.iter().filter(|view| view.exists());
    if let (Some(_), Some(second)) = (used.next(), used.next()) {
        let what = "a scan has one action".into();
        second.gap(report, second.line(), Problem::Conflict { what });
    }
    let small = |view: View<'_>| view.number().and_then(|number| u16::try_from(number).ok());
    let [allow, _, block, block_ip] = &actions;
    let action = if block_ip.exists() {
        ScanAction::BlockIp {
            track_by: match block_ip.below("track-by").word().as_str() {
                "source-and-destination" => TrackBy::SourceAndDestination,
                _ => TrackBy::Source,
            },
            duration: small(block_ip.below("duration")).unwrap_or(300),
        }
    } else if block.exists() {
        ScanAction::Block
    } else if allow.exists() {
        ScanAction::Allow
    } else {
        ScanAction::Alert
    };
    let usual_interval = if scan == Scan::Hosts { 10 } else { 2 };
    Some(ScanProtection {
        scan,
        action,
        interval: small(entry.below("interval")).unwrap_or(usual_interval),
        threshold: small(entry.below("threshold")).unwrap_or(100),
    })
}

fn exempt(view: &View<'_>, addresses: &Addresses, report: &mut Report<'_>) -> Vec<AddressRange> {
    let mut ranges = Vec::new();
    for (_, entry) in view.entries() {
        for word in ["ipv4", "ipv6"] {
            let source = entry.below(word);
            if let Some(value) = source.value() {
                addresses.add(&source, value, &mut ranges, report);
            }
        }
    }
    ranges
}

fn ip(entry: &View<'_>) -> IpDrops {
    let drops = |word: &'static str| entry.below(word).is_yes();
    IpDrops {
        spoofed: drops("discard-ip-spoof"),
        strict_check: drops("strict-ip-check"),
        fragments: drops("discard-ip-frag"),
        strict_source_route: drops("discard-strict-source-routing"),
        loose_source_route: drops("discard-loose-source-routing"),
        timestamp: drops("discard-timestamp"),
        record_route: drops("discard-record-route"),
        security: drops("discard-security"),
        stream_id: drops("discard-stream-id"),
        unknown_option: drops("discard-unknown-option"),
        malformed_option: drops("discard-malformed-option"),
    }
}

fn tcp(entry: &View<'_>) -> TcpDrops {
    let drops = |word: &'static str| entry.below(word).is_yes();
    TcpDrops {
        mismatched_overlap: drops("discard-overlapping-tcp-segment-mismatch"),
        split_handshake: drops("discard-tcp-split-handshake"),
        syn_with_data: drops("discard-tcp-syn-with-data"),
        syn_ack_with_data: drops("discard-tcp-synack-with-data"),
        strip_timestamp: drops("remove-tcp-timestamp"),
        strip_fast_open: drops("strip-tcp-fast-open-and-data"),
        strip_mptcp: match entry.below("strip-mptcp-option").word().as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        },
    }
}

fn icmp(entry: &View<'_>) -> IcmpDrops {
    let drops = |word: &'static str| entry.below(word).is_yes();
    IcmpDrops {
        ping_zero_id: drops("discard-icmp-ping-zero-id"),
        fragments: drops("discard-icmp-frag"),
        large: drops("discard-icmp-large-packet"),
        errors: drops("discard-icmp-error"),
        suppress_time_exceeded: drops("suppress-icmp-timeexceeded"),
        suppress_fragmentation_needed: drops("suppress-icmp-needfrag"),
    }
}

fn ipv6(entry: &View<'_>) -> Ipv6Drops {
    let drops = |word: &'static str| entry.below(word).is_yes();
    let header = |word: &'static str| entry.at(&["filter-ext-hdr", word]).is_yes();
    Ipv6Drops {
        routing_header_0: drops("routing-header-0"),
        routing_header_1: drops("routing-header-1"),
        routing_header_3: drops("routing-header-3"),
        routing_header_4_to_252: drops("routing-header-4-252"),
        routing_header_253: drops("routing-header-253"),
        routing_header_254: drops("routing-header-254"),
        routing_header_255: drops("routing-header-255"),
        ipv4_compatible: drops("ipv4-compatible-address"),
        anycast_source: drops("anycast-source"),
        needless_fragment_header: drops("needless-fragment-hdr"),
        small_too_big: drops("icmpv6-too-big-small-mtu-discard"),
        hop_by_hop: header("hop-by-hop-hdr"),
        routing_header: header("routing-hdr"),
        destination_options: header("dest-option-hdr"),
        invalid_options: drops("options-invalid-ipv6-discard"),
        reserved_field: drops("reserved-field-set-discard"),
    }
}
