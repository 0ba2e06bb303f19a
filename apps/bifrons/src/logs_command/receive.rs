//! `bifrons logs receive`.
#![allow(clippy::disallowed_types, reason = "records are acknowledged within a second of the clock")]

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::mpsc::{self, RecvTimeoutError, SyncSender},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use bifrons_logs::{
    listen::{Listener, Messages, Transport, server_config},
    read::{Parser, Rejected},
    sinks::WhenFull,
    store::{Batch, StoreWriter, WriterOptions},
};
use clap::Args;

use super::{
    destination::Target,
    forward::{Forwarder, Sending},
    source::Rejects,
};

/// Put the records that devices send by syslog into a store, which is made if it is not there
///
/// Runs until it is ended. What is in the store is safe whenever that is; records of the last second may be
/// lost. With `--to` records are also sent on. A destination that is slow or dead holds nothing up: what
/// waits for it stands in the folder of `--spool`, or in memory, and when that is full what comes is stored
/// but not sent on.
#[derive(Args)]
pub struct Arguments {
    /// The store's folder
    store: PathBuf,
    /// Take datagrams at this address, such as `0.0.0.0:514`
    #[arg(long, value_name = "ADDRESS:PORT")]
    udp: Vec<SocketAddr>,
    /// Take connections at this address
    #[arg(long, value_name = "ADDRESS:PORT")]
    tcp: Vec<SocketAddr>,
    /// Take encrypted connections at this address, such as `0.0.0.0:6514`
    #[arg(long, value_name = "ADDRESS:PORT", requires = "certificates", requires = "key")]
    tls: Vec<SocketAddr>,
    /// The certificates that TLS shows, the own one first (PEM)
    #[arg(long, value_name = "FILE")]
    certificates: Option<PathBuf>,
    /// Their key (PEM)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Take TLS only from clients with a certificate of these authorities (PEM)
    #[arg(long, value_name = "FILE")]
    client_authorities: Option<PathBuf>,
    /// Write the lines that could not be read to a file, each with its reason
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// End after so many messages
    #[arg(long, value_name = "NUMBER")]
    messages: Option<u64>,
    /// Send records on, as `bifrons logs ship` does
    #[arg(long, value_name = "URL", value_parser = Target::parse)]
    to: Option<Target>,
    #[command(flatten)]
    sending: Box<Sending>,
}

/// Groups of messages that wait for the store.
const WAITING: usize = 1024;
/// So many records are acknowledged at once, or those of one second.
const BATCH: usize = 10_000;
const PATIENCE: Duration = Duration::from_secs(1);

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (sender, receiver) = mpsc::sync_channel(WAITING);
    let listeners = listen(arguments, &sender)?;
    // The listeners hold the senders that count.
    drop(sender);
    let forward = |target| Forwarder::start(target, &arguments.sending, WhenFull::Wait(Duration::ZERO));
    let mut store = Store {
        writer: StoreWriter::open(&arguments.store, WriterOptions::default())?,
        batch: Batch::new(),
        parser: Parser::default(),
        rejects: Rejects::open(arguments.rejects.as_deref())?,
        forwarder: arguments.to.as_ref().map(forward).transpose()?,
        taken: None,
        messages: 0,
        rejected: 0,
    };
    while arguments.messages.is_none_or(|most| store.messages < most) {
        match receiver.recv_timeout(store.patience()) {
            Ok(messages) => store.take(&messages)?,
            Err(RecvTimeoutError::Timeout) => store.acknowledge()?,
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    drop(listeners);
    store.close()?;
    Ok(ExitCode::SUCCESS)
}

fn listen(arguments: &Arguments, sender: &SyncSender<Messages>) -> anyhow::Result<Vec<Listener>> {
    let places = |transport: Transport, name: &'static str, addresses: &[SocketAddr]| {
        addresses.iter().map(|address| (transport.clone(), name, *address)).collect::<Vec<_>>()
    };
    let mut all = places(Transport::Udp, "UDP", &arguments.udp);
    all.extend(places(Transport::Tcp, "TCP", &arguments.tcp));
    if let (Some(certificates), Some(key)) = (&arguments.certificates, &arguments.key) {
        let config = server_config(certificates, key, arguments.client_authorities.as_deref())?;
        all.extend(places(Transport::Tls(config), "TLS", &arguments.tls));
    }
    ensure!(!all.is_empty(), "nowhere to listen: give --udp, --tcp or --tls with an address");
    all.into_iter()
        .map(|(transport, name, address)| {
            let listener = Listener::start(transport, address, sender.clone())
                .with_context(|| format!("cannot listen at {address} ({name})"))?;
            eprintln!("listening at {} ({name})", listener.address());
            Ok(listener)
        })
        .collect()
}

/// The store and what is on its way there.
struct Store {
    writer: StoreWriter,
    batch: Batch,
    parser: Parser,
    rejects: Rejects,
    forwarder: Option<Forwarder>,
    /// When the first record of the batch came.
    taken: Option<Instant>,
    messages: u64,
    rejected: u64,
}

impl Store {
    /// How long records may go on to wait for the acknowledgement.
    fn patience(&self) -> Duration {
        self.taken.map_or(PATIENCE, |taken| PATIENCE.saturating_sub(taken.elapsed()))
    }

    fn take(&mut self, messages: &Messages) -> anyhow::Result<()> {
        for line in messages.iter() {
            self.messages += 1;
            match self.parser.parse(line) {
                Ok(record) => {
                    self.batch.push(&record);
                    if let Some(forwarder) = &mut self.forwarder {
                        forwarder.send(&record);
                    }
                }
                Err(reason) => {
                    self.rejected += 1;
                    let rejected = Rejected { number: self.messages, line, reason };
                    self.rejects.add(&messages.peer.to_string(), &rejected)?;
                }
            }
        }
        self.taken = self.taken.or_else(|| Some(Instant::now()));
        // Messages that keep coming must not keep the batch open.
        let is_due = self.batch.len() >= BATCH || self.patience().is_zero();
        if is_due { self.acknowledge() } else { Ok(()) }
    }

    fn acknowledge(&mut self) -> anyhow::Result<()> {
        if let Some(forwarder) = &mut self.forwarder {
            forwarder.settle();
            forwarder.look();
        }
        self.writer.append(&mut self.batch)?;
        self.taken = None;
        self.rejects.flush()
    }

    fn close(mut self) -> anyhow::Result<()> {
        self.acknowledge()?;
        self.writer.close()?;
        eprintln!("{} messages, {} could not be read", self.messages, self.rejected);
        if let Some(forwarder) = self.forwarder {
            forwarder.close();
        }
        Ok(())
    }
}
