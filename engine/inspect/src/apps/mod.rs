//! One file per application protocol, all of one shape: `PROBE`, the probe, its decoder if it has one, tests.

mod bittorrent;
mod dhcp;
mod dns;
mod ftp;
mod http;
mod ike;
mod imap;
mod kerberos;
mod ldap;
mod mysql;
mod netbios;
mod ntp;
mod pop3;
mod postgres;
mod quic;
mod rdp;
mod redis;
mod rtp;
mod sip;
mod smb;
mod smtp;
mod snmp;
mod ssh;
mod stun;
mod syslog;
mod telnet;
#[cfg(test)]
mod testing;
mod text;
mod tftp;
mod tls;

use crate::Probe;

/// Every probe. The place is the bit in a session's set of probes that are still asked, so there are at most 64.
pub const PROBES: &[Probe] = &[
    bittorrent::PROBE,
    dhcp::PROBE,
    dns::PROBE,
    ftp::PROBE,
    http::PROBE,
    ike::PROBE,
    imap::PROBE,
    kerberos::PROBE,
    ldap::PROBE,
    mysql::PROBE,
    netbios::PROBE,
    ntp::PROBE,
    pop3::PROBE,
    postgres::PROBE,
    quic::PROBE,
    rdp::PROBE,
    redis::PROBE,
    rtp::PROBE,
    sip::PROBE,
    smb::PROBE,
    smtp::PROBE,
    snmp::PROBE,
    ssh::PROBE,
    stun::PROBE,
    syslog::PROBE,
    telnet::PROBE,
    tftp::PROBE,
    tls::PROBE,
];

const _: () = assert!(PROBES.len() <= 64);
