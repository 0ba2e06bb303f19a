//! `bifrons test policy-match`: which rules a session would meet.
#![allow(clippy::disallowed_types, reason = "schedules are asked for the moment of the question")]

use std::{net::IpAddr, process::ExitCode, time::SystemTime};

use anyhow::{Context as _, anyhow, bail};
use bifrons_dataplane::{Frame, Outbox, Step, Verdict, Worker};
use bifrons_model::{AppId, InterfaceId, Timestamp, ZoneId};
use bifrons_policy::{Policy, Query};
use bifrons_session::HashSeed;
use bifrons_wire::{LinkType, protocol};
use clap::{Args, Subcommand};
use etherparse::{IpNumber, PacketBuilder};
use serde_json::json;

use super::{Line, Words, steps_json};
use crate::setup::Setup;

/// Asks a configuration what it would do
#[derive(Subcommand)]
pub enum Command {
    PolicyMatch(Arguments),
}

/// Says which route, NAT rule and security rule a session would meet, and why the earlier rules are not for
/// it
///
/// A first packet with these addresses goes through the engine. Without --application the security rules
/// are asked as for a session whose application is not known yet; with it they are asked once more, as when
/// it is identified.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    setup: Setup,
    /// The client's address
    #[arg(long, value_name = "ADDRESS")]
    source: IpAddr,
    /// The server's address, as the client knows it
    #[arg(long, value_name = "ADDRESS")]
    destination: IpAddr,
    /// tcp, udp, icmp, or a protocol's number
    #[arg(long, value_name = "PROTOCOL", default_value = "tcp", value_parser = protocol_number)]
    protocol: Protocol,
    /// The server's port
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    destination_port: u16,
    /// The client's port
    #[arg(long, value_name = "PORT", default_value_t = 40_000)]
    source_port: u16,
    /// The zone that the packet comes from [default: that of the route back to the source]
    #[arg(long, value_name = "ZONE")]
    from: Option<String>,
    /// The application, as when it has been identified
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// The URL category of the server's name, as when that has been learnt
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// List every rule that came before the one that decided, with the reason
    #[arg(long)]
    all: bool,
    /// JSON instead of text
    #[arg(long)]
    json: bool,
}

/// ICMP has a number of its own in each family.
#[derive(Clone, Copy)]
enum Protocol {
    Icmp,
    Number(u8),
}

fn protocol_number(text: &str) -> Result<Protocol, String> {
    match text {
        "tcp" => Ok(Protocol::Number(protocol::TCP)),
        "udp" => Ok(Protocol::Number(protocol::UDP)),
        "icmp" => Ok(Protocol::Icmp),
        text => text.parse().map(Protocol::Number).map_err(|_| "expected tcp, udp, icmp, or 0 to 255".into()),
    }
}

pub fn run(Command::PolicyMatch(arguments): &Command) -> anyhow::Result<ExitCode> {
    let compiled = arguments.setup.compile()?;
    let policy = &compiled.policy;
    let interface = arguments.from.as_deref().map(|zone| interface_in(policy, zone)).transpose()?;
    let mut worker = Worker::new(&compiled, HashSeed::new(1));
    let mut outbox = Outbox { trace: Some(Vec::new()), ..Outbox::default() };
    let mut bytes = first_packet(arguments)?;
    let now = now()?;
    let mut frames = [Frame {
        wire_length: bytes.len() as u32,
        link: Some(LinkType::RawIp),
        interface,
        arrival: now,
        verdict: Verdict::Pending,
        bytes: &mut bytes,
    }];
    worker.process(now, &mut frames, &mut outbox);
    let [Frame { verdict, .. }] = frames;
    let words = Words { policy, shows_all: arguments.all };
    let steps = outbox.trace.unwrap_or_default();
    let mut lines = words.lines(&steps);
    lines.extend(identified(arguments, policy, &words, &steps)?);
    if arguments.json {
        println!("{:#}", json!({ "steps": steps_json(&lines), "verdict": words.verdict(verdict) }));
    } else {
        print!("{}", words.print(&lines));
        println!("  {:<12}{}", "verdict", words.verdict(verdict));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the rules say once application and category are known.
fn identified(
    arguments: &Arguments,
    policy: &Policy,
    words: &Words<'_>,
    steps: &[Step],
) -> anyhow::Result<Option<Line>> {
    let first = steps
        .iter()
        .find_map(|step| if let Step::Security { query, .. } = step { Some(*query) } else { None });
    let Some(first) = first.filter(|_| arguments.application.is_some() || arguments.category.is_some())
    else {
        return Ok(None);
    };
    let app = arguments.application.as_deref().map(|name| application(policy, name)).transpose()?;
    let category = arguments.category.as_deref().map(|name| {
        let place = policy.names().categories.iter().position(|known| known == name && !name.is_empty());
        let place = place.and_then(|place| u16::try_from(place).ok());
        place.map(bifrons_model::CategoryId).ok_or_else(|| anyhow!("--category {name}: no such category"))
    });
    let query = Query { app: app.or(first.app), category: category.transpose()?.or(first.category), ..first };
    let decision = policy.lookup(&query);
    Ok(Some(Line { subject: "then", ..words.security(&query, &decision) }))
}

fn application(policy: &Policy, name: &str) -> anyhow::Result<AppId> {
    let custom = policy.custom_applications().find(|(_, application)| application.name == name);
    custom
        .map(|(id, _)| id)
        .or_else(|| bifrons_catalog::by_name(name))
        .ok_or_else(|| anyhow!("--application {name}: no such application"))
}

/// An interface of the zone: the first of the configuration.
fn interface_in(policy: &Policy, zone: &str) -> anyhow::Result<InterfaceId> {
    let names = policy.names();
    let Some(place) = names.zones.iter().position(|name| name == zone) else {
        bail!("--from {zone}: no such zone, the configuration has {}", names.zones.join(", "));
    };
    let interfaces =
        (0..names.interfaces.len()).filter_map(|place| u16::try_from(place).ok().map(InterfaceId));
    let mut inside = interfaces.filter(|id| policy.zone_of(*id) == Some(ZoneId(place as u16)));
    inside.next().with_context(|| format!("--from {zone}: the zone has no interface"))
}

/// The packet that would open the session: a SYN, a datagram, an echo request.
fn first_packet(arguments: &Arguments) -> anyhow::Result<Vec<u8>> {
    let (source_port, destination_port) = (arguments.source_port, arguments.destination_port);
    let is_v6 = arguments.source.is_ipv6();
    let builder = match (arguments.source, arguments.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            PacketBuilder::ipv4(source.octets(), destination.octets(), 64)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            PacketBuilder::ipv6(source.octets(), destination.octets(), 64)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            bail!(
                "--source {} and --destination {}: expected addresses of one family",
                arguments.source,
                arguments.destination
            )
        }
    };
    let mut bytes = Vec::new();
    match (arguments.protocol, is_v6) {
        (Protocol::Number(protocol::TCP), _) => {
            builder.tcp(source_port, destination_port, 0, 64_240).syn().write(&mut bytes, &[])
        }
        (Protocol::Number(protocol::UDP), _) => {
            builder.udp(source_port, destination_port).write(&mut bytes, &[])
        }
        (Protocol::Icmp, false) => builder.icmpv4_echo_request(1, 1).write(&mut bytes, &[]),
        (Protocol::Icmp, true) => builder.icmpv6_echo_request(1, 1).write(&mut bytes, &[]),
        (Protocol::Number(number), _) => builder.write(&mut bytes, IpNumber(number), &[0; 8]),
    }
    .context("cannot build the packet")?;
    Ok(bytes)
}

fn now() -> anyhow::Result<Timestamp> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(Timestamp::from_nanos(u64::try_from(since.as_nanos())?))
}
