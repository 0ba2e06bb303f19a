//! Zone protection profiles.

use alloc::format;

use super::errors;
use crate::{
    parse,
    typed::{
        FloodProtection, FloodRates, IcmpDrops, IpDrops, Ipv6Drops, Scan, ScanAction, ScanProtection,
        SynFlood, TcpDrops, TrackBy, ZoneProtection,
    },
};

const PROFILE: &str = "set network profiles zone-protection-profile p";

fn profile(lines: &[&str]) -> ZoneProtection {
    let mut text = format!("{PROFILE} description x\nset zone a network zone-protection-profile p\n");
    for line in lines {
        text.push_str(&format!("{PROFILE} {line}\n"));
    }
    let config = parse(&text, "x.set").unwrap();
    assert_eq!(config.zones[0].protection, Some(0));
    config.zone_protection_profiles[0].clone()
}

#[test]
fn an_empty_profile_is_the_default() {
    assert_eq!(profile(&[]), ZoneProtection { name: "p".into(), ..ZoneProtection::default() });
}

#[test]
fn floods() {
    let lines = [
        "flood tcp-syn enable yes syn-cookies activate-rate 5",
        "flood udp enable yes red alarm-rate 1 activate-rate 2 maximal-rate 3",
        "flood icmp enable no red maximal-rate 50000",
        "flood other-ip enable yes",
    ];
    let expected = FloodProtection {
        tcp_syn: Some(SynFlood::SynCookies(FloodRates { alarm: 10_000, activate: 5, maximal: 1_000_000 })),
        udp: Some(FloodRates { alarm: 1, activate: 2, maximal: 3 }),
        other_ip: Some(FloodRates::RANDOM_EARLY_DROP),
        ..FloodProtection::default()
    };
    assert_eq!(profile(&lines).flood, expected);
    let red = profile(&["flood tcp-syn enable yes"]).flood.tcp_syn.unwrap();
    assert_eq!((red, red.rates()), (SynFlood::RandomEarlyDrop(FloodRates::default()), FloodRates::default()));
    let above = format!("{PROFILE} flood udp red activate-rate 10 maximal-rate 9");
    assert_eq!(
        errors(&above),
        "x.set:1: network profiles zone-protection-profile p flood udp red maximal-rate: \
         `activate-rate` 10 is \
         above `maximal-rate` 9"
    );
    let both = format!("{PROFILE} flood tcp-syn red alarm-rate 1\n{PROFILE} flood tcp-syn syn-cookies");
    assert!(errors(&both).ends_with("SYNs are limited by `red` or by `syn-cookies`"));
}

#[test]
fn scans() {
    let lines = [
        "scan 8001 action block-ip track-by source-and-destination duration 60",
        "scan 8002 threshold 7",
        "scan 8003 action block interval 5",
        "scan 8006 action allow",
        "scan-white-list own ipv4 10.0.0.0/8",
    ];
    let profile = profile(&lines);
    let scan = |scan, action, interval, threshold| ScanProtection { scan, action, interval, threshold };
    let blocked = ScanAction::BlockIp { track_by: TrackBy::SourceAndDestination, duration: 60 };
    assert_eq!(
        profile.scans,
        [
            scan(Scan::TcpPorts, blocked, 2, 100),
            scan(Scan::Hosts, ScanAction::Alert, 10, 7),
            scan(Scan::UdpPorts, ScanAction::Block, 5, 100),
            scan(Scan::Protocols, ScanAction::Allow, 2, 100),
        ]
    );
    assert_eq!(profile.scan_exempt.len(), 1);
    assert!(errors(&format!("{PROFILE} scan 8004 interval 5")).contains("`8004` is not accepted"));
    let both = format!("{PROFILE} scan 8001 action alert\n{PROFILE} scan 8001 action block");
    assert!(errors(&both).ends_with("a scan has one action"));
}

#[test]
fn packets() {
    let lines = [
        "discard-ip-spoof yes discard-loose-source-routing yes discard-malformed-option yes",
        "discard-tcp-syn-with-data no discard-tcp-split-handshake yes strip-mptcp-option no",
        "discard-icmp-large-packet yes suppress-icmp-needfrag yes",
        "ipv6 routing-header-0 no routing-header-254 yes filter-ext-hdr hop-by-hop-hdr yes",
    ];
    let profile = profile(&lines);
    let ip =
        IpDrops { spoofed: true, loose_source_route: true, malformed_option: true, ..IpDrops::default() };
    assert_eq!(profile.ip, ip);
    let tcp = TcpDrops {
        syn_with_data: false,
        split_handshake: true,
        strip_mptcp: Some(false),
        ..TcpDrops::default()
    };
    assert_eq!(profile.tcp, tcp);
    let icmp = IcmpDrops { large: true, suppress_fragmentation_needed: true, ..IcmpDrops::default() };
    assert_eq!(profile.icmp, icmp);
    let ipv6 = Ipv6Drops {
        routing_header_0: false,
        routing_header_254: true,
        hop_by_hop: true,
        ..Ipv6Drops::default()
    };
    assert_eq!(profile.ipv6, ipv6);
}
