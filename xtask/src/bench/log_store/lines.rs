//! Lines of a traffic log as a firewall in front of an office writes them, with all 128 columns of 11.1.
//!
//! A few hosts make most of the sessions and a few servers get most of them, names are looked up first,
//! volumes
//! spread over orders of magnitude, and most sessions to the outside are translated. About a thousand
//! sessions end each second. The seed decides everything.

use std::fmt::Write as _;

/// What makes one kind of traffic.
struct Traffic {
    /// How often, of a thousand sessions.
    share: u64,
    app: &'static str,
    protocol: &'static str,
    ports: &'static [u16],
    rule: &'static str,
    /// Packets and bytes of a session, in the middle: sent, received.
    packets: [u64; 2],
    bytes: [u64; 2],
    seconds: u64,
    /// How sessions end, and how often of a hundred.
    ends: &'static [(u64, &'static str)],
    /// Subcategory, category, technology, risk, container.
    attributes: [&'static str; 5],
    is_outside: bool,
}

const NETWORK: [&str; 5] = ["infrastructure", "networking", "network-protocol", "3", "dns"];
const WEB: [&str; 5] = ["encrypted-tunnel", "networking", "browser-based", "4", ""];
const UNKNOWN: [&str; 5] = ["unknown", "unknown", "unknown", "1", ""];
const INSIDE: [&str; 5] = ["storage-backup", "business-systems", "client-server", "2", "ms-ds-smb"];

#[rustfmt::skip]
const TRAFFIC: [Traffic; 9] = [
    Traffic { share: 330, app: "dns-base", protocol: "udp", ports: &[53], rule: "names", packets: [1, 1],
        bytes: [80, 190], seconds: 0, ends: &[(100, "aged-out")], attributes: NETWORK, is_outside: false },
    Traffic { share: 300, app: "ssl", protocol: "tcp", ports: &[443, 443, 443, 8443], rule: "outbound web",
        packets: [14, 18], bytes: [2_600, 14_000], seconds: 20,
        ends: &[(62, "tcp-fin"), (16, "tcp-rst-from-client"), (12, "aged-out"), (10, "tcp-rst-from-server")],
        attributes: WEB, is_outside: true },
    Traffic { share: 90, app: "quic", protocol: "udp", ports: &[443], rule: "outbound web", packets: [20, 30],
        bytes: [5_000, 24_000], seconds: 40, ends: &[(100, "aged-out")], attributes: WEB, is_outside: true },
    Traffic { share: 80, app: "web-browsing", protocol: "tcp", ports: &[80, 80, 8080], rule: "outbound web",
        packets: [6, 7], bytes: [900, 5_000], seconds: 5,
        ends: &[(75, "tcp-fin"), (15, "aged-out"), (10, "tcp-rst-from-server")], attributes: WEB,
        is_outside: true },
    Traffic { share: 80, app: "incomplete", protocol: "tcp", ports: &[443, 445, 22, 3389, 8443],
        rule: "any inside",
        packets: [3, 0], bytes: [222, 0], seconds: 3, ends: &[(90, "aged-out"), (10, "tcp-rst-from-server")],
        attributes: UNKNOWN, is_outside: false },
    Traffic { share: 50, app: "ms-ds-smbv3", protocol: "tcp", ports: &[445], rule: "file servers",
        packets: [60, 70], bytes: [16_000, 60_000], seconds: 300,
        ends: &[(55, "tcp-fin"), (45, "tcp-rst-from-client")], attributes: INSIDE, is_outside: false },
    Traffic { share: 30, app: "ntp-base", protocol: "udp", ports: &[123], rule: "time", packets: [1, 1],
        bytes: [90, 90], seconds: 0, ends: &[(100, "aged-out")], attributes: NETWORK, is_outside: true },
    Traffic { share: 30, app: "ping", protocol: "icmp", ports: &[0], rule: "monitoring", packets: [4, 4],
        bytes: [392, 392], seconds: 4, ends: &[(100, "aged-out")], attributes: NETWORK, is_outside: false },
    Traffic { share: 10, app: "not-applicable", protocol: "tcp", ports: &[23, 135, 1433, 5900, 6379],
        rule: "deny all",
        packets: [1, 0], bytes: [66, 0], seconds: 0, ends: &[(100, "policy-deny")], attributes: UNKNOWN,
        is_outside: false },
];

/// Makes lines.
pub struct Lines {
    state: u64,
    number: u64,
    line: String,
}

/// 2026-01-31 08:00:00.
const BEGIN: u64 = 1_769_846_400;

const SESSIONS_PER_SECOND: u64 = 1_000;

impl Lines {
    pub fn new(seed: u64) -> Self {
        Self { state: seed | 1, number: 0, line: String::new() }
    }

    /// The next line, without its end.
    pub fn next_line(&mut self) -> &str {
        self.number += 1;
        let traffic = self.traffic();
        let (client, server) = (self.popular(4_000), self.popular(30_000));
        let source = format!("10.{}.{}.{}", 16 + client / 8192, client / 200 % 256, client % 200 + 20);
        let destination = match (traffic.is_outside, traffic.ports) {
            (true, _) => {
                format!("{}.{}.{}.{}", 20 + server % 180, server / 7 % 256, server / 3 % 256, server % 251)
            }
            (false, [53 | 123]) => format!("10.0.0.{}", 53 + server % 2),
            (false, _) => format!("10.1.{}.{}", server % 4, 10 + server / 4 % 200),
        };
        let is_icmp = traffic.protocol == "icmp";
        let source_port = if is_icmp { 0 } else { 32_768 + self.random(28_232) };
        let port = u64::from(traffic.ports[server as usize % traffic.ports.len()]);
        let blocked = traffic.app == "not-applicable";
        let is_translated = traffic.is_outside;
        let (translated, translated_port) =
            if is_translated { ("198.51.100.7", 1_024 + self.random(60_000)) } else { ("", 0) };
        let flags = if is_translated { "0x400000" } else { "0x0" };
        let (translated_destination, translated_destination_port) =
            if is_translated { (destination.as_str(), port) } else { ("", 0) };
        let [sent, received] = [0, 1].map(|side| {
            let packets = self.spread(traffic.packets[side]);
            let bytes = packets * (traffic.bytes[side] / traffic.packets[side].max(1));
            (packets, if bytes == 0 { 0 } else { bytes + self.random(1 + bytes / 4) })
        });
        let seconds = self.spread(traffic.seconds);
        let millis = BEGIN * 1_000 + self.number * 1_000 / SESSIONS_PER_SECOND;
        let [now, began] = [millis / 1_000, millis / 1_000 - seconds].map(date_time);
        let reason = self.of_hundred(traffic.ends);
        let (subtype, action, outside) = match blocked {
            true => ("drop", "deny", ""),
            false => ("end", "allow", if traffic.is_outside { "ethernet1/1" } else { "ethernet1/3" }),
        };
        let to = if traffic.is_outside { "untrust" } else { "servers" };
        let location = if traffic.is_outside { "" } else { "10.0.0.0-10.255.255.255" };
        let user = if client % 3 == 0 { String::new() } else { format!("corp\\user{client}") };
        let session = 100_000 + self.number + self.random(300);
        let sequence = 7_118_573_826_263_000_000 + self.number;
        let [subcategory, category, technology, risk, container] = traffic.attributes;
        let (rule, app, protocol) = (traffic.rule, traffic.app, traffic.protocol);
        let (bytes, packets) = (sent.1 + received.1, sent.0 + received.0);
        let uuid = traffic.rule.len();
        let iso = format!("{}.{:03}+00:00", now.replace('/', "-").replace(' ', "T"), millis % 1_000);
        self.line.clear();
        let _ = write!(
            self.line,
            "1,{now},012801096514,TRAFFIC,{subtype},2817,{now},{source},{destination},{translated},\
             {translated_destination},{rule},{user},,{app},vsys1,trust,{to},ethernet1/2,{outside},to siem,\
             {now},\
             {session},1,{source_port},{port},{translated_port},{translated_destination_port},{flags},\
             {protocol},\
             {action},{bytes},{},{},{packets},{began},{seconds},any,,{sequence},0x8000000000000000,\
             10.0.0.0-10.255.255.255,{location},,{},{},{reason},0,0,0,0,,gate-1,from-policy,,,0,,0,,N/A,0,\
             0,0,0,\
             6dd1d0f5-13e3-47de-ae8b-0000000000{uuid:02},0,0,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,{iso},,,\
             {subcategory},{category},{technology},{risk},,{container},{app},\
             no,no,0,non-proxyuserid,,0,0,,,,,,,,,",
            sent.1, received.1, sent.0, received.0,
        );
        &self.line
    }

    fn traffic(&mut self) -> &'static Traffic {
        let mut drawn = self.random(1_000);
        let found = TRAFFIC.iter().find(|traffic| match drawn.checked_sub(traffic.share) {
            Some(left) => {
                drawn = left;
                false
            }
            None => true,
        });
        found.unwrap_or(&TRAFFIC[0])
    }

    fn of_hundred(&mut self, words: &[(u64, &'static str)]) -> &'static str {
        let mut drawn = self.random(100);
        for (share, word) in words {
            match drawn.checked_sub(*share) {
                Some(left) => drawn = left,
                None => return word,
            }
        }
        "unknown"
    }

    /// One of `count`, the first ones far more often.
    fn popular(&mut self, count: u64) -> u64 {
        let drawn = self.random(1 << 20) as f64 / f64::from(1 << 20);
        (drawn.powi(4) * count as f64) as u64
    }

    /// A number around `middle`, sometimes a multiple of it.
    fn spread(&mut self, middle: u64) -> u64 {
        let tail = match self.random(100) {
            0 => 50,
            1..=5 => 8,
            6..=25 => 2,
            _ => 1,
        };
        if middle < 2 { middle } else { 1 + self.random(middle * 2) * tail }
    }

    /// A number below `limit` (xorshift).
    fn random(&mut self, limit: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % limit
    }
}

/// `2026/01/31 08:00:00`.
fn date_time(seconds: u64) -> String {
    let (year, month, day, hour, minute, second) = bifrons_model::Timestamp::from_secs(seconds).civil();
    format!("{year:04}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}")
}
