//! The table of diagnoses. Its order decides: the first entry that fits a record is its diagnosis, so the
//! special stands before the general.

mod blocked;
mod datagrams;
mod ends;
mod handshake;
mod inspection;
mod unknown;

use crate::diagnosis::Diagnosis;

/// How many diagnoses there are.
pub const COUNT: usize = 63;

/// Every diagnosis.
pub static DIAGNOSES: [&Diagnosis; COUNT] = [
    // Threat records, which tell of a finding in a session.
    &inspection::SINKHOLED,
    &inspection::URL_BLOCKED,
    &inspection::FINDING_BLOCKED,
    &inspection::FINDING_LOGGED,
    // Not an end.
    &ends::CONTRADICTION,
    &ends::BEGUN,
    // Ended by inspection or decryption.
    &inspection::THREAT,
    &inspection::CERTIFICATE,
    &inspection::UNSUPPORTED_PARAMETERS,
    &inspection::DECRYPTION_FAILED,
    &ends::OUT_OF_ORDER,
    &ends::RESOURCES,
    // Stopped by policy.
    &blocked::URL_FILTER,
    &blocked::RESET_TO_CLIENT,
    &blocked::RESET_TO_SERVER,
    &blocked::TRANSLATED_DESTINATION,
    &blocked::NO_RULE_FOR_PORT,
    &blocked::PORT_BLOCKED,
    &blocked::NON_STANDARD_PORT,
    &blocked::DENIED_AFTER_SHIFT,
    &blocked::NO_RULE_FOR_APPLICATION,
    &blocked::UNREACHABLE_SENT,
    &blocked::RESET_TO_BOTH,
    &blocked::APPLICATION_DENIED,
    &blocked::BLOCKED,
    &blocked::ENDED_BY_POLICY,
    // Allowed, and the handshake went wrong.
    &handshake::STALE_SESSION,
    &handshake::REFUSED,
    &handshake::ASYMMETRIC,
    &handshake::ABANDONED,
    &handshake::RESET_AFTER_ANSWER,
    &handshake::TRANSLATED_UNANSWERED,
    &handshake::LONE_SYN,
    &handshake::UNANSWERED,
    &handshake::HALF_OPEN,
    &handshake::MIDSTREAM,
    &handshake::OPENED_WITHOUT_DATA,
    &handshake::INCOMPLETE,
    // Allowed, and only one side was heard.
    &ends::ONE_DIRECTION,
    &datagrams::ONE_WAY,
    &datagrams::NAME_UNANSWERED,
    &datagrams::ECHO_UNANSWERED,
    &datagrams::UNANSWERED,
    // Allowed and answered, and cut.
    &inspection::CLIENT_REFUSES_DECRYPTION,
    &ends::SERVER_RESET_EARLY,
    &ends::CLIENT_RESET_EARLY,
    &ends::IDLE_TIMEOUT,
    &ends::SERVER_SILENT,
    // Allowed and answered, by an application that nobody knows.
    &unknown::INSUFFICIENT_TCP,
    &unknown::INSUFFICIENT_OTHER,
    &unknown::UNKNOWN_TCP,
    &unknown::UNKNOWN_UDP,
    &unknown::UNKNOWN_P2P,
    // Allowed and delivered, with something to know about.
    &ends::SERVER_RESET,
    &ends::CLIENT_RESET,
    &ends::PORT_REUSED,
    &ends::DECODER,
    &ends::AGED_OUT_OPEN,
    &ends::ENDED_OTHERWISE,
    &ends::DELIVERED_ON_FOREIGN_PORT,
    &ends::CLOSED,
    &ends::END_UNSAID,
    &datagrams::ANSWERED,
];

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeSet, string::ToString};

    use super::*;
    use crate::{diagnosis::PROTOCOL_NUMBER, facts::Field, samples};

    #[test]
    fn every_entry_is_whole() {
        let names: BTreeSet<_> = DIAGNOSES.iter().map(|diagnosis| diagnosis.name).collect();
        assert_eq!(names.len(), DIAGNOSES.len(), "names are unique");
        assert!(names.len() >= 50, "{}", names.len());
        for diagnosis in DIAGNOSES {
            let name = diagnosis.name;
            let is_name = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
            assert!(is_name && !name.is_empty(), "{name}");
            assert!(diagnosis.cause.ends_with('.'), "{name}");
            assert!(!diagnosis.evidence.is_empty(), "{name}");
            assert!(diagnosis.next_step.ends_with('.'), "{name}");
            for alternative in diagnosis.alternatives {
                assert!(alternative.cause.ends_with('.') && alternative.told_by.ends_with('.'), "{name}");
            }
        }
    }

    /// What is not delivered leaves something to do, and that is a command.
    #[test]
    fn every_failure_names_a_command() {
        const SETTLED: [&str; 4] = ["contradictory-record", "tcp-closed", "datagrams-answered", "answered"];
        for diagnosis in DIAGNOSES.iter().filter(|diagnosis| !SETTLED.contains(&diagnosis.name)) {
            assert!(!diagnosis.commands.is_empty(), "{}", diagnosis.name);
        }
    }

    #[test]
    fn commands_name_fields_that_exist() {
        let facts = samples::web();
        for diagnosis in DIAGNOSES {
            for template in diagnosis.commands {
                for part in template.split('$').skip(1) {
                    let end = part.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(part.len());
                    let name = &part[..end];
                    let is_known = name == PROTOCOL_NUMBER || Field::from_name(name).is_some();
                    assert!(is_known, "{}: {template}", diagnosis.name);
                }
            }
            for command in diagnosis.commands(&facts) {
                assert!(!command.to_string().contains('$'), "{command}");
            }
        }
    }
}
