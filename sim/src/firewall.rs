//! The firewall of the engine as a device of the world.

use std::sync::Arc;

use bifrons_config::{CommitError, CommitRequest, Document, Sources};
use bifrons_dataplane::ClearFilter;
use bifrons_model::{DropReason, MacAddress, Names, Timestamp};
use bifrons_node::{Command, CommandError, Node, Output, PairIdentity, PortId, PortInfo, Secrets, Startup};
use bifrons_session::HashSeed;

use crate::{
    device::{Blueprint, Device, DeviceOutput, Figures, Order, Written},
    plan::interface,
};

/// Makes a firewall.
///
/// # Errors
/// What is wrong with the configuration.
pub fn build(blueprint: &Blueprint<'_>, now: Timestamp) -> Result<Box<dyn Device>, String> {
    let ports: Vec<PortInfo> = (0..blueprint.ports).map(port).collect();
    Ok(Box::new(Firewall::new(blueprint.configuration, ports, blueprint.workers, now)?))
}

/// The port in a zone, with a station address of its own.
fn port(number: usize) -> PortInfo {
    let mac = MacAddress([0x02, 0xb1, 0xf0, 0xff, 0, number as u8 + 1]);
    PortInfo { name: interface(number), mac, is_up: true }
}

/// A node, and what it takes to begin it anew.
pub struct Firewall {
    node: Node,
    text: String,
    ports: Vec<PortInfo>,
    workers: usize,
    names: Arc<Names>,
    /// Sessions that all workers have room for together.
    capacity: u64,
}

impl Firewall {
    /// A firewall with these ports and so many workers.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(text: &str, ports: Vec<PortInfo>, workers: usize, now: Timestamp) -> Result<Self, String> {
        let startup = Startup {
            document: document(text)?,
            sources: Sources::default(),
            serial: String::new(),
            ports: ports.clone(),
            workers,
            secrets: Secrets { hash: HashSeed::new(0x1f3a_77c1_0b5e_42d8), pair: [0; 32] },
            identity: PairIdentity::default(),
        };
        let node = Node::new(now, startup).map_err(|error| error.to_string())?;
        let names = Arc::new(node.policy().names().clone());
        // Each worker has its share, rounded up.
        let count = workers.max(1) as u64;
        let capacity = (node.policy().session().capacity as u64).div_ceil(count) * count;
        Ok(Self { node, text: text.to_owned(), ports, workers, names, capacity })
    }

    fn commit(&mut self, now: Timestamp, text: &str) -> Result<(), String> {
        let document = document(text)?;
        let command = Command::Commit { document, request: CommitRequest::default() };
        match self.node.handle_command(now, command) {
            Ok(_) | Err(CommandError::Commit(CommitError::NoChanges)) => {}
            Err(error) => return Err(error.to_string()),
        }
        self.names = Arc::new(self.node.policy().names().clone());
        text.clone_into(&mut self.text);
        Ok(())
    }
}

fn document(text: &str) -> Result<Document, String> {
    Document::parse(text, "plan").map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        errors.join("; ")
    })
}

impl Device for Firewall {
    fn handle_frame(&mut self, now: Timestamp, port: usize, frame: Vec<u8>) {
        self.node.handle_frame(now, PortId(port as u16), frame);
    }

    fn handle_order(&mut self, now: Timestamp, order: &Order) -> Result<(), String> {
        let command = match order {
            Order::Commit(text) => return self.commit(now, text),
            Order::Clear(filter) => Command::ClearSessions(ClearFilter::clone(filter)),
            Order::Link { port, up } => {
                // The cable is as it is when the firewall begins anew, too.
                if let Some(info) = self.ports.get_mut(*port) {
                    info.is_up = *up;
                }
                Command::Carrier { port: PortId(*port as u16), is_up: *up }
            }
        };
        self.node.handle_command(now, command).map(|_| ()).map_err(|error| error.to_string())
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        self.node.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        self.node.poll_timeout()
    }

    fn poll_output(&mut self) -> Option<DeviceOutput> {
        loop {
            match self.node.poll_output()? {
                Output::Frame { port, bytes } => {
                    return Some(DeviceOutput::Frame { port: port.index(), bytes });
                }
                Output::Record(record) => {
                    let written = Written { record: *record, names: Arc::clone(&self.names) };
                    return Some(DeviceOutput::Record(Box::new(written)));
                }
                // Nobody listens on the firewall itself, and notices are for its operator.
                Output::Host { .. } | Output::Notice(_) | Output::Pair { .. } => {}
            }
        }
    }

    fn figures(&self) -> Figures {
        let mut figures = Figures { capacity: self.capacity, ..Figures::default() };
        for worker in self.node.workers() {
            let counters = worker.counters();
            // What one worker hands to another is counted as received by both.
            figures.received += counters.received.saturating_sub(counters.handed_over);
            figures.transmitted += counters.transmitted;
            figures.dropped += counters.dropped_total();
            figures.held += counters.held;
            figures.own += counters.to_host;
            figures.emitted += counters.emitted;
            figures.refused += counters.sessions_refused;
            figures.sessions += worker.sessions().len() as u64;
        }
        figures
    }

    fn drops(&self) -> Vec<(&'static str, u64)> {
        let count = |reason| self.node.counters().map(|counters| counters.dropped_for(reason)).sum();
        let all = DropReason::ALL.iter().map(|reason| (reason.name(), count(*reason)));
        all.filter(|(_, count)| *count > 0).collect()
    }

    fn restart(&mut self, now: Timestamp) {
        // A configuration that ran before runs again.
        if let Ok(anew) = Self::new(&self.text, self.ports.clone(), self.workers, now) {
            *self = anew;
        }
    }
}
