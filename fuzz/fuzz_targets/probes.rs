//! Every probe and every decoder over any bytes in any portions: no panic, names as promised.
#![no_main]

use bifrons_fuzz::{Input, direction};
use bifrons_inspect::{Evidence, Finding, Findings, Keep, PROBES, ProbeAnswer, Transport};
use bifrons_model::Direction;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let transport = if input.byte() & 1 == 0 { Transport::Tcp } else { Transport::Udp };
    let (client_port, server_port) = (input.u16(), input.u16());
    let (mut sent, mut received, mut portions) = (Vec::new(), Vec::new(), Vec::new());
    while !input.is_empty() {
        let control = input.byte();
        let length = usize::from(input.byte()) << (control >> 6);
        let bytes = input.bytes(length);
        match direction(control) {
            Direction::ClientToServer => sent.extend(bytes),
            Direction::ServerToClient => received.extend(bytes),
        }
        portions.push((direction(control), bytes));
    }
    let datagrams: Vec<_> = portions.iter().map(|(direction, bytes)| (*direction, bytes.len())).collect();
    let datagrams: &[_] = if transport == Transport::Udp { &datagrams } else { &[] };
    let evidence =
        Evidence { transport, client_port, server_port, sent: &sent, received: &received, datagrams };
    for probe in PROBES {
        let answer = (probe.probe)(&evidence);
        assert_eq!(answer, (probe.probe)(&evidence), "{}", probe.name);
        if let ProbeAnswer::Certain(app) = answer {
            let _ = bifrons_catalog::application(app);
        }
        let Some(make) = probe.decoder else { continue };
        let mut decoder = make();
        let mut findings = Findings::default();
        for (direction, bytes) in &portions {
            if decoder.data(*direction, bytes, &mut findings) == Keep::Done {
                break;
            }
        }
        for finding in findings.take() {
            if let Finding::ServerName(name) = finding {
                assert!(name.len() <= 255, "{}: {name}", probe.name);
                assert!(!name.chars().any(|letter| letter.is_control() || letter.is_ascii_uppercase()));
            }
        }
    }
});
