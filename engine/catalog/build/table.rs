//! The static table as Rust text.

use std::fmt::Write as _;

use crate::data::{self, Entry};

/// Writes to a `String`, which cannot fail.
macro_rules! put {
    ($out:expr, $($arguments:tt)*) => { let _ = writeln!($out, $($arguments)*); };
}

/// The constants and the table, in the order of the numbers.
pub fn render(entries: &[Entry]) -> String {
    let mut out = String::from("/// The numbers by name.\npub mod app {\n    use bifrons_model::AppId;\n");
    for entry in entries {
        put!(out, "    /// `{}`", entry.name.get_ref());
        put!(out, "    pub const {}: AppId = AppId({});", data::constant(entry), entry.id.get_ref());
    }
    out.push_str("    /// The last value that means \"not identified\".\n");
    out.push_str("    pub const LAST_PSEUDO: AppId = NON_SYN_TCP;\n}\n\n");
    out.push_str("const TABLE: &[Application] = &[\n");
    for entry in entries {
        row(&mut out, entry, entries);
    }
    out.push_str("];\n");
    out
}

fn row(out: &mut String, entry: &Entry, entries: &[Entry]) {
    let constant_of = |name: &str| {
        let found = entries.iter().find(|entry| entry.name.get_ref() == name);
        found.map(data::constant).unwrap_or_default()
    };
    put!(out, "    Application {{");
    put!(out, "        id: app::{},", data::constant(entry));
    put!(out, "        name: {:?},", entry.name.get_ref());
    put!(out, "        category: {:?},", entry.category.get_ref());
    put!(out, "        subcategory: {:?},", entry.subcategory.get_ref());
    put!(out, "        technology: {:?},", entry.technology.get_ref());
    put!(out, "        risk: {},", entry.risk.get_ref());
    put!(out, "        ports: &[{}],", ports(entry));
    let parent = entry.parent.as_ref().map(|parent| format!("app::{}", constant_of(parent.get_ref())));
    put!(out, "        parent: {},", option(parent));
    let implicit: Vec<_> =
        entry.implicit.iter().map(|other| format!("app::{}", constant_of(other.get_ref()))).collect();
    put!(out, "        implicit: &[{}],", implicit.join(", "));
    let action = match entry.deny_action.get_ref().as_str() {
        "reset-client" => "ResetClient",
        "reset-server" => "ResetServer",
        "reset-both" => "ResetBoth",
        _ => "Drop",
    };
    put!(out, "        deny_action: Action::{action},");
    put!(out, "        characteristics: Characteristics({}),", characteristics(entry));
    put!(out, "        probe: {},", option(entry.probe.as_ref().map(|probe| format!("{probe:?}"))));
    let signatures: Vec<_> = entry
        .signatures
        .each()
        .map(|(context, text)| {
            format!("Signature {{ context: Context::{context}, text: {:?} }}", text.get_ref())
        })
        .collect();
    put!(out, "        signatures: &[{}],", signatures.join(", "));
    put!(out, "        udp_timeout: {:?},", entry.timeouts.udp);
    put!(out, "        tcp_timeout: {:?},", entry.timeouts.tcp);
    put!(out, "        tcp_half_closed_timeout: {:?},", entry.timeouts.tcp_half_closed);
    put!(out, "        tcp_time_wait_timeout: {:?},", entry.timeouts.tcp_time_wait);
    put!(out, "    }},");
}

fn option(value: Option<String>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| format!("Some({value})"))
}

fn ports(entry: &Entry) -> String {
    let mut all = Vec::new();
    for text in &entry.ports {
        match data::ports(text.get_ref()) {
            Some((6, Some((first, last)))) => {
                all.extend((first..=last).map(|port| format!("Port::Tcp({port})")))
            }
            Some((17, Some((first, last)))) => {
                all.extend((first..=last).map(|port| format!("Port::Udp({port})")))
            }
            Some((6, None)) if text.get_ref().starts_with("tcp") => all.push("Port::TcpDynamic".to_owned()),
            Some((17, None)) if text.get_ref().starts_with("udp") => all.push("Port::UdpDynamic".to_owned()),
            Some((protocol, _)) => all.push(format!("Port::Protocol({protocol})")),
            None => (),
        }
    }
    all.join(", ")
}

fn characteristics(entry: &Entry) -> u16 {
    let words = entry.characteristics.iter().map(|word| word.get_ref().as_str());
    words.fold(0, |set, word| {
        let place = data::CHARACTERISTICS.iter().position(|known| *known == word);
        set | place.map_or(0, |place| 1 << place)
    })
}
