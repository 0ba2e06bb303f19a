//! One file per application protocol, all of one shape: `PROBE`, the probe, its decoder if it has one,
//! tests.

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

/// Every probe, those that are asked most often first: where two could be certain of the same bytes, the
/// first one wins. The place is the bit in a session's set of probes that are still asked, so there are at
/// most 64.
pub const PROBES: &[Probe] = &[
    tls::PROBE,
    http::PROBE,
    dns::PROBE,
    quic::PROBE,
    ssh::PROBE,
    smtp::PROBE,
    ftp::PROBE,
    imap::PROBE,
    pop3::PROBE,
    smb::PROBE,
    ldap::PROBE,
    kerberos::PROBE,
    rdp::PROBE,
    mysql::PROBE,
    postgres::PROBE,
    redis::PROBE,
    telnet::PROBE,
    bittorrent::PROBE,
    ntp::PROBE,
    snmp::PROBE,
    syslog::PROBE,
    dhcp::PROBE,
    netbios::PROBE,
    sip::PROBE,
    rtp::PROBE,
    stun::PROBE,
    ike::PROBE,
    tftp::PROBE,
];

const _: () = assert!(PROBES.len() <= 64);

#[cfg(test)]
mod tests;
