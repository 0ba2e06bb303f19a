//! The management plane's state, held by both devices of a pair.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use bifrons_ha::config_sync::{RuntimeKind, RuntimeOutput};
use bifrons_model::Timestamp;
use bifrons_policy::DynamicRoute;

use super::Node;
use crate::{CommandError, Notice, config_channel::Aside, runtime};

impl Node {
    /// What is known of a kind, by its keys: this device's and the other one's of a pair.
    pub fn runtime_entries(&self, kind: RuntimeKind) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.runtime.entries(kind)
    }

    /// A route is there that no configuration holds, or it is no more.
    pub(super) fn change_route(
        &mut self,
        now: Timestamp,
        route: &DynamicRoute,
        is_there: bool,
    ) -> Result<(), CommandError> {
        if is_there {
            self.controller.add_route(route)?;
        } else {
            self.controller.remove_route(route)?;
        }
        let key = runtime::key_of(route, self.controller.config(), self.policy().names());
        // One that is told by no name stays this device's.
        if let Some(key) = key {
            self.put(now, RuntimeKind::Route, &key, is_there.then_some(&[]));
        }
        Ok(())
    }

    /// This user is behind an address, or nobody is known to be.
    pub(super) fn map_user(&mut self, now: Timestamp, address: IpAddr, user: Option<String>) {
        let key = runtime::address_key(address);
        self.put(now, RuntimeKind::UserMapping, &key, user.as_deref().map(str::as_bytes));
        self.controller.set_users(runtime::users(&self.runtime));
    }

    /// A lease is this, or is over.
    pub(super) fn set_lease(&mut self, now: Timestamp, key: &[u8], lease: Option<Vec<u8>>) {
        self.put(now, RuntimeKind::DhcpLease, key, lease.as_deref());
    }

    /// Another configuration runs: the peer's routes of routers and interfaces that are new are there, too.
    pub(super) fn follow_runtime_config(&mut self) {
        let device = self.pair.as_ref().map_or_else(Default::default, |pair| pair.device());
        self.runtime.handle_settings(runtime::settings(self.controller.config(), device));
        let (config, names) = (self.controller.config(), self.policy().names());
        let keys = self.runtime.entries(RuntimeKind::Route);
        let routes: Vec<_> = keys.filter_map(|(key, _)| runtime::route_of(key, config, names)).collect();
        // Those that are there already stay as they are.
        let added = routes.iter().filter(|route| self.controller.rib.add_route(route)).count();
        if added > 0 {
            self.controller.follow_routes();
        }
    }

    /// Takes what the peer says, and says what it does not know.
    pub(super) fn follow_runtime(&mut self) {
        while let Some(aside) = self.pair.as_mut().and_then(|pair| pair.poll_aside()) {
            match aside {
                Aside::Connected { is_connected, device } => {
                    self.runtime.handle_settings(runtime::settings(self.controller.config(), device));
                    self.runtime.handle_peer(is_connected);
                }
                // What is none changes nothing from there on.
                Aside::Message(message) => _ = self.runtime.handle_message(&message),
            }
        }
        let (mut has_users, mut has_routes) = (false, false);
        while let Some(output) = self.runtime.poll_output() {
            match output {
                RuntimeOutput::Message(message) => {
                    if let Some(pair) = &mut self.pair {
                        pair.say_aside(&message);
                    }
                }
                RuntimeOutput::Changed { kind, key, value } => match kind {
                    RuntimeKind::Route => has_routes |= self.take_route(&key, value.is_some()),
                    RuntimeKind::UserMapping => has_users = true,
                    RuntimeKind::DhcpLease | RuntimeKind::DnsCache => {
                        self.controller.notices.push(Notice::PairLease { key, lease: value });
                    }
                },
            }
        }
        if has_routes {
            self.controller.follow_routes();
        }
        if has_users {
            self.controller.set_users(runtime::users(&self.runtime));
        }
    }

    /// Whether it changes anything: one that is there already, or is not, is as the peer has it.
    fn take_route(&mut self, key: &[u8], is_there: bool) -> bool {
        let route = runtime::route_of(key, self.controller.config(), self.policy().names());
        let rib = &mut self.controller.rib;
        route.is_some_and(|route| if is_there { rib.add_route(&route) } else { rib.remove_route(&route) })
    }

    fn put(&mut self, now: Timestamp, kind: RuntimeKind, key: &[u8], value: Option<&[u8]>) {
        match value {
            // Without room for it, the peer is not told.
            Some(value) => _ = self.runtime.set(now, kind, key, value),
            None => self.runtime.remove(now, kind, key),
        }
    }
}
