//! One file per application protocol, all of one shape: `PROBE`, the probe, its decoder if it has one,
//! tests. Protocols that a few lines tell share a file with others of their field.

mod bittorrent;
mod databases;
mod dhcp;
mod dns;
mod dnscrypt;
mod ftp;
mod http;
mod ike;
mod imap;
mod industrial;
mod kerberos;
mod ldap;
mod management;
mod media;
mod messages;
mod mysql;
mod netbios;
mod networks;
mod ntp;
mod peers;
mod pop3;
mod postgres;
mod quic;
mod rdp;
mod redis;
mod rtp;
mod shape;
mod sip;
mod smb;
mod smtp;
mod snmp;
mod ssh;
mod storage;
mod stun;
mod syslog;
mod telnet;
mod terminals;
#[cfg(test)]
mod testing;
mod text;
mod tftp;
mod tls;
mod tunnels;

use crate::Probe;

/// Every probe, those that are asked most often first: where two could be certain of the same bytes, the
/// first one wins. The place is the bit in a session's set of probes that are still asked, so there are at
/// most 128.
pub const PROBES: &[Probe] = &[
    tls::PROBE,
    http::PROBE,
    // Before DNS, in which the certificate is asked for.
    dnscrypt::PROBE,
    dns::PROBE,
    quic::PROBE,
    ssh::PROBE,
    // Before others that greet with 220.
    terminals::VMWARE,
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
    stun::PROBE,
    ike::PROBE,
    peers::SSDP,
    peers::LOOKOUT,
    tunnels::DTLS,
    messages::MQTT,
    management::DCE_RPC,
    management::ONC_RPC,
    tunnels::WIREGUARD,
    tunnels::OPENVPN,
    tunnels::SOCKS,
    networks::BGP,
    networks::RADIUS,
    databases::TDS,
    databases::TNS,
    databases::DRDA,
    databases::MONGODB,
    databases::CASSANDRA,
    databases::MEMCACHED,
    databases::ELASTIC,
    databases::SQL_BROWSER,
    messages::XMPP,
    messages::IRC,
    messages::AMQP,
    messages::KAFKA,
    messages::NATS,
    messages::SMPP,
    messages::FIX,
    messages::HL7,
    messages::DICOM,
    messages::THRIFT,
    messages::NNTP,
    messages::COAP,
    media::RTSP,
    media::RTMP,
    media::H_225,
    media::RAS,
    media::MGCP,
    media::SKINNY,
    media::IAX,
    media::DISCORD,
    media::ZOOM,
    media::NINTENDO,
    media::TEAMSPEAK,
    media::MUMBLE,
    media::VIBER,
    media::SOURCE_ENGINE,
    media::MINECRAFT,
    industrial::MODBUS,
    industrial::DNP3,
    industrial::S7,
    industrial::IEC_104,
    industrial::BACNET,
    industrial::ETHERNET_IP,
    industrial::OPC_UA,
    industrial::SYNCHROPHASOR,
    industrial::KNX,
    management::NETFLOW,
    management::SFLOW,
    management::ZABBIX,
    management::MUNIN,
    management::COLLECTD,
    management::RMCP,
    networks::LDP,
    networks::TACACS,
    networks::DIAMETER,
    networks::NEIGHBOURS,
    tunnels::L2TP,
    tunnels::PPTP,
    tunnels::VXLAN,
    tunnels::GENEVE,
    tunnels::TEREDO,
    tunnels::GTP,
    tunnels::NAT_PMP,
    terminals::VNC,
    terminals::X11,
    terminals::ICA,
    terminals::TEAMVIEWER,
    terminals::RADMIN,
    terminals::OLD_SERVICES,
    terminals::JETDIRECT,
    peers::WS_DISCOVERY,
    peers::SLP,
    peers::BJNP,
    peers::BITCOIN,
    peers::STRATUM,
    peers::ETHEREUM,
    peers::GNUTELLA,
    peers::EDONKEY,
    peers::QQ,
    peers::MESSENGERS,
    storage::ISCSI,
    storage::AFP,
    storage::RSYNC,
    storage::GIT,
    storage::SUBVERSION,
    storage::AJP,
    storage::CORBA,
    storage::NOTES,
    storage::Z39_50,
    rtp::PROBE,
    tftp::PROBE,
];

const _: () = assert!(PROBES.len() <= 128);

#[cfg(test)]
mod tests;
