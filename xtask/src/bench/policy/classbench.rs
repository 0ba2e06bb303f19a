//! Filter sets as files in ClassBench's form.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use bifrons_config::{
    Config,
    typed::{AddressRange, SecurityRule, Service, ServiceMatch, TimeoutOverride, Zone},
};

use super::generate::range_of;

/// Reads lines `@SOURCE/N DESTINATION/N LOW : HIGH LOW : HIGH PROTOCOL/MASK …`: source ports first.
pub fn read(path: &Path) -> Result<Config> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let rules: Result<Vec<SecurityRule>> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .zip(1..)
        .map(|(line, number)| rule(line, number).with_context(|| format!("{}:{number}", path.display())))
        .collect();
    let zone = |name: &str| Zone { name: name.into(), ..Zone::default() };
    Ok(Config { zones: vec![zone("inside"), zone("outside")], rules: rules?, ..Config::default() })
}

fn rule(line: &str, number: usize) -> Result<SecurityRule> {
    let words: Vec<&str> = line.trim_start_matches('@').split_whitespace().collect();
    let [source, destination, low, ":", high, to_low, ":", to_high, protocol, ..] = words[..] else {
        bail!("not a filter: {line}");
    };
    let source_ports = (low.parse()?, high.parse()?);
    let ports = (to_low.parse()?, to_high.parse()?);
    Ok(SecurityRule {
        name: format!("rule {number}"),
        source: prefix(source)?,
        destination: prefix(destination)?,
        service: service(protocol, source_ports, ports)?,
        ..SecurityRule::default()
    })
}

fn prefix(text: &str) -> Result<Vec<AddressRange>> {
    let (address, length) = text.split_once('/').context("no length")?;
    let address: std::net::Ipv4Addr = address.parse()?;
    let length = length.parse()?;
    Ok(if length == 0 { vec![] } else { vec![range_of(address.to_bits(), length)] })
}

fn service(protocol: &str, source_ports: (u16, u16), ports: (u16, u16)) -> Result<ServiceMatch> {
    let (number, mask) = protocol.split_once('/').context("no protocol mask")?;
    if mask == "0x00" && ports == (0, u16::MAX) && source_ports == (0, u16::MAX) {
        return Ok(ServiceMatch::Any);
    }
    let number = u8::from_str_radix(number.trim_start_matches("0x"), 16)?;
    let protocols = if mask == "0x00" { vec![6, 17] } else { vec![number] };
    let service = |protocol| Service {
        name: String::new(),
        protocol,
        ports: vec![ports],
        source_ports: if source_ports == (0, u16::MAX) { vec![] } else { vec![source_ports] },
        timeouts: TimeoutOverride::default(),
    };
    Ok(ServiceMatch::Services(protocols.into_iter().map(service).collect()))
}
