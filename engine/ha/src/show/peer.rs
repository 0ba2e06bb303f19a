//! What is known of the peer.

use super::{Page, elapsed, priority, versions};
use crate::{HaLinkId, Status, election::StateReason};

pub(super) fn all(page: &mut Page, status: &Status) {
    page.block("Peer Information", |page| {
        about(page, status);
        let Some(hello) = &status.peer.hello else { return };
        page.block("Device Information", |page| page.value("Model", &hello.model));
        page.block("HA1 Control Link Information", |page| {
            if let Some(address) = status.settings.config.peer_address {
                page.value("IP Address", address);
            }
            page.value("MAC Address", hello.ha1_mac);
            if let Some(link) = status.peer.control_link {
                page.line(format_args!("Connection up; {}", words(link)));
            }
        });
        page.block("Election Option Information", |page| priority(page, hello));
        page.block("Version Information", |page| versions(page, hello));
    });
}

pub(super) fn state(page: &mut Page, status: &Status) {
    page.block("Peer Information", |page| {
        about(page, status);
        let Some(hello) = &status.peer.hello else { return };
        page.block("Device Information", |page| page.value("Model", &hello.model));
        page.block("Election Option Information", |page| priority(page, hello));
    });
}

fn about(page: &mut Page, status: &Status) {
    let peer = &status.peer;
    page.value("Connection status", super::up(peer.is_alive));
    if !peer.is_alive {
        page.value("Connection down reason", peer.down_reason.name());
    }
    let Some(hello) = &peer.hello else {
        page.value("State", "unknown");
        return;
    };
    page.value("Version", hello.versions.highest);
    page.value("Mode", hello.mode.name());
    if hello.group != status.own.group {
        page.value("Group", hello.group);
    }
    let span = elapsed(status.now.since(peer.since));
    page.line(format_args!("State: {} (last {span})", hello.state.name()));
    if let Some(reason) = StateReason::text_of(hello.reason).filter(|_| !hello.state.is_functional()) {
        page.value("State Reason", reason);
    }
}

const fn words(link: HaLinkId) -> &'static str {
    match link {
        HaLinkId::Ha1 => "Primary HA1 link",
        HaLinkId::Ha1Backup => "Backup HA1 link",
        HaLinkId::HeartbeatBackup => "Heartbeat backup",
        HaLinkId::Ha2 | HaLinkId::Ha2Backup | HaLinkId::Ha3 => "",
    }
}
