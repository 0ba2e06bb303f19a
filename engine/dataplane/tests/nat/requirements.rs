//! Every requirement, and what shows that it is met.

use std::{env, fmt::Write as _, fs, path::Path};

use crate::{icmp, tcp, udp};

/// One requirement of an RFC.
struct Requirement {
    number: u8,
    /// MUST, SHOULD or MAY, as the RFC says; RECOMMENDED is SHOULD.
    level: &'static str,
    /// What it asks, in our words.
    asks: &'static str,
    tests: &'static [(&'static str, fn())],
    /// What is not met, met under a condition, or does not apply; empty where the tests say it all.
    remark: &'static str,
}

/// A requirement with the tests that are named; a name without its function does not compile.
macro_rules! requirement {
    ($number:literal $level:literal $asks:literal [$($module:ident::$test:ident),*] $remark:literal) => {
        Requirement {
            number: $number,
            level: $level,
            asks: $asks,
            tests: &[$((stringify!($test), $module::$test)),*],
            remark: $remark,
        }
    };
}

const RFC_4787: [Requirement; 14] = [
    requirement!(1 "MUST" "One mapping for a source address and port, whatever the destination."
        [udp::rfc4787_req_1_endpoint_independent_mapping]
        "Rules with `persistent-dynamic-ip-and-port`. Plain `dynamic-ip-and-port` maps each session anew."),
    requirement!(2 "SHOULD" "One external address for all sessions of an internal one."
        [udp::rfc4787_req_2_paired_pooling] "As long as that address has ports left."),
    requirement!(3 "MUST" "No port stands for two sources; ports below 1,024 stay below, the others above."
        [udp::rfc4787_req_3_no_port_overloading_and_ranges_are_kept]
        "With `dipp-oversub 1x`, the default; the other values are overloading."),
    requirement!(4 "SHOULD" "Even ports become even ones, odd ports odd ones."
        [udp::rfc4787_req_4_port_parity_is_preserved] "As long as there are such ports."),
    requirement!(5 "MUST" "A mapping lives at least two minutes, configurable, five by default."
        [udp::rfc4787_req_5_mapping_timer_is_configurable_to_five_minutes]
        "With `timeout-udp` 120 or more. The default is 30 seconds, as PAN-OS has it."),
    requirement!(6 "MUST" "Packets from inside refresh the mapping."
        [udp::rfc4787_req_6_outbound_packets_refresh_the_mapping] ""),
    requirement!(7 "MUST" "A dynamically configured outside network may not collide with the inside one."
        [] "Not applicable: interfaces have configured addresses only."),
    requirement!(8 "SHOULD" "Filtering independent of the endpoint, or dependent on the address only."
        [udp::rfc4787_req_8_only_the_endpoint_that_was_asked_may_answer]
        "Not met on purpose: a firewall lets in what the rules allow and the answers of who was asked, \
         address and port."),
    requirement!(9 "MUST" "Internal hosts reach each other by their external addresses, and see \
     external sources."
        [udp::rfc4787_req_9_hairpinning_with_the_external_source,
         udp::rfc4787_req_9_hairpinning_to_a_published_server]
        "Mappings of persistent rules; published servers by a rule that translates both ends."),
    requirement!(10 "SHOULD" "Application-level gateways for UDP are off by default, each with a switch."
        [] "Not met: the gateways for SIP and TFTP are always on, as PAN-OS has them by default."),
    requirement!(11 "MUST" "What a mapping is like does not depend on other mappings or on time."
        [udp::rfc4787_req_11_behaviour_does_not_depend_on_other_mappings] ""),
    requirement!(12 "MUST" "ICMP does not end a mapping, and is not filtered by who sends it."
        [udp::rfc4787_req_12_icmp_does_not_end_the_mapping] ""),
    requirement!(13 "MUST" "A packet with DF that is too long for the next link is reported; others are \
     fragmented."
        [] "Not met: `mtu` has no effect yet, and every packet leaves as long as it came."),
    requirement!(14 "MUST" "Fragments are translated in whatever order they come."
        [udp::rfc4787_req_14_fragments_in_any_order] ""),
];

const RFC_5382: [Requirement; 10] = [
    requirement!(1 "MUST" "One mapping for a source address and port, whatever the destination."
        [tcp::rfc5382_req_1_endpoint_independent_mapping]
        "Rules with `persistent-dynamic-ip-and-port`. Plain `dynamic-ip-and-port` maps each session anew."),
    requirement!(2 "MUST" "All valid sequences of segments, from inside, from outside, and simultaneous \
     open."
        [tcp::rfc5382_req_2_all_valid_sequences_from_inside,
         tcp::rfc5382_req_2_all_valid_sequences_from_outside,
         tcp::rfc5382_req_2_simultaneous_open] ""),
    requirement!(3 "SHOULD" "Filtering independent of the endpoint, or dependent on the address only."
        [tcp::rfc5382_req_3_only_the_endpoint_that_was_called_may_answer]
        "Not met on purpose: a firewall lets in what the rules allow and the answers of who was called, \
         address and port."),
    requirement!(4 "MUST" "An unsolicited SYN from outside is not answered for six seconds."
        [tcp::rfc5382_req_4_an_unsolicited_syn_is_not_answered]
        "Nor is it answered later, unless a rule with a reset or an ICMP answer blocks it (REQ-4a)."),
    requirement!(5 "MUST" "An idle connection lives at least 2 hours 4 minutes, one that opens or \
     closes 4 minutes."
        [tcp::rfc5382_req_5_established_timer_is_configurable_beyond_two_hours]
        "In part: with `timeout-tcp` 7440 or more, the default is an hour. While a connection opens or \
         closes, the \
         timers of PAN-OS hold, 5 to 120 seconds by default."),
    requirement!(6 "SHOULD" "Application-level gateways for TCP but FTP's are off by default."
        [] "Not met: the gateway for SIP is always on, as PAN-OS has it by default."),
    requirement!(7 "MUST" "No port stands for two sources." [tcp::rfc5382_req_7_no_port_overloading]
        "With `dipp-oversub 1x`, the default."),
    requirement!(8 "MUST" "Internal hosts reach each other by their external addresses, and see \
     external sources."
        [tcp::rfc5382_req_8_hairpinning_with_the_external_source] "As RFC 4787, REQ-9."),
    requirement!(9 "SHOULD" "ICMP Destination Unreachable is translated."
        [tcp::rfc5382_req_9_destination_unreachable_is_translated] ""),
    requirement!(10 "MUST" "ICMP ends neither mapping nor connection."
        [tcp::rfc5382_req_10_icmp_does_not_end_the_connection] ""),
];

const RFC_5508: [Requirement; 11] = [
    requirement!(1 "MUST" "Queries from inside and their answers pass; one mapping for an identifier."
        [icmp::rfc5508_req_1_queries_pass_and_are_mapped_independently_of_the_host]
        "One mapping: rules with `persistent-dynamic-ip-and-port`."),
    requirement!(2 "MUST" "A query's mapping lives at least a minute, configurable."
        [icmp::rfc5508_req_2_query_timer_is_configurable_to_a_minute]
        "With `timeout-icmp` 60 or more. The default is 6 seconds, as PAN-OS has it."),
    requirement!(3 "SHOULD" "Of an error, its own and the quoted IP header's checksum are judged, the \
     quoted options \
                             passed over, the quoted transport checksum not judged."
        [icmp::rfc5508_req_3_a_wrong_checksum_of_the_error_is_dropped,
         icmp::rfc5508_req_3_quoted_options_are_passed_over,
         icmp::rfc5508_req_3_the_quoted_transport_checksum_is_not_judged]
        "In part: the quoted IP header's checksum is not judged."),
    requirement!(4 "MUST" "An error from outside is translated with what it quotes, or dropped."
        [icmp::rfc5508_req_4_errors_from_outside] ""),
    requirement!(5 "MUST" "An error from inside is translated with what it quotes, or dropped."
        [icmp::rfc5508_req_5_errors_from_inside] ""),
    requirement!(6 "MUST" "An error neither refreshes nor ends the query that it is about."
        [icmp::rfc5508_req_6_an_error_neither_refreshes_nor_ends_the_query] ""),
    requirement!(7 "MUST" "Queries and errors between internal hosts pass by their external addresses."
        [icmp::rfc5508_req_7_queries_and_errors_hairpin] ""),
    requirement!(8 "SHOULD" "A session that is refused is reported with code 13."
        [icmp::rfc5508_req_8_what_is_prohibited_is_reported_where_the_rule_says_so]
        "In part: where the rule has `icmp-unreachable`. A session for which a pool has nothing left is \
         dropped silently."),
    requirement!(9 "MAY" "The operator can keep messages from being sent."
        [icmp::rfc5508_req_9_what_is_prohibited_is_not_reported_by_default] ""),
    requirement!(10 "MUST" "Which messages pass: unreachable, time exceeded, echo, and others."
        [icmp::rfc5508_req_10_which_messages_pass] ""),
    requirement!(11 "MAY" "Messages that are neither query nor error are dropped or handled."
        [icmp::rfc5508_req_11_other_messages_are_judged_by_the_rules] ""),
];

fn page() -> String {
    let mut page = String::from(
        "# Requirements on address translation\n\n\
         <!-- Generated: edit engine/dataplane/tests/nat/requirements.rs, then run\n     \
         `BIFRONS_BLESS=1 cargo test -p bifrons-dataplane --test nat`. -->\n\n\
         What RFC 4787 (UDP), RFC 5382 (TCP) and RFC 5508 (ICMP) ask of a translator, and the tests that\n\
         show it with packets through the engine. Where a requirement is not met, or only under a\n\
         condition, the last column says so. Levels are the RFCs'; RECOMMENDED is SHOULD.\n",
    );
    for (title, requirements) in [
        ("RFC 4787: UDP", RFC_4787.as_slice()),
        ("RFC 5382: TCP", RFC_5382.as_slice()),
        ("RFC 5508: ICMP", RFC_5508.as_slice()),
    ] {
        write!(page, "\n## {title}\n\n| | level | asks | tests | remark |\n|---:|---|---|---|---|\n")
            .expect("text grows");
        for Requirement { number, level, asks, tests, remark } in requirements {
            let tests: Vec<String> = tests.iter().map(|(name, _)| format!("`{name}`")).collect();
            writeln!(page, "| {number} | {level} | {asks} | {} | {remark} |", tests.join(" "))
                .expect("text grows");
        }
    }
    page
}

#[test]
fn the_page_is_current() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual/nat-requirements.md");
    let page = page();
    if env::var_os("BIFRONS_BLESS").is_some() {
        fs::write(&place, &page).expect("the page can be written");
    }
    let stored = fs::read_to_string(&place).unwrap_or_default();
    assert_eq!(stored, page, "run BIFRONS_BLESS=1 cargo test -p bifrons-dataplane --test nat");
}

#[test]
fn every_requirement_has_its_tests_or_a_reason() {
    for (rfc, requirements) in
        [("rfc4787", RFC_4787.as_slice()), ("rfc5382", RFC_5382.as_slice()), ("rfc5508", RFC_5508.as_slice())]
    {
        for (number, requirement) in (1..).zip(requirements) {
            assert_eq!(requirement.number, number);
            assert!(!requirement.tests.is_empty() || !requirement.remark.is_empty(), "{rfc} {number}");
            for (name, test) in requirement.tests {
                assert!(name.starts_with(&format!("{rfc}_req_{number}_")), "{name}");
                test();
            }
        }
    }
}
