//! One session's identification fed with any segments: it decides within its budget and says so once.
#![no_main]

use std::sync::{Arc, LazyLock};

use bifrons_catalog::CUSTOM_FIRST;
use bifrons_config::typed::{CustomApplication, Signature, SignatureCondition, SignatureTest};
use bifrons_fuzz::{Input, direction};
use bifrons_inspect::{Inspection, Limits, Opening, Payload, Signatures, Transport};
use bifrons_model::AppId;
use libfuzzer_sys::fuzz_target;

/// The catalogue and one custom application that looks into everything.
static SIGNATURES: LazyLock<Arc<Signatures>> = LazyLock::new(|| {
    let contexts = [
        "http-req-headers",
        "http-rsp-headers",
        "ssl-req-client-hello",
        "ssl-rsp-certificate",
        "unknown-req-tcp-payload",
        "unknown-rsp-udp-payload",
        "dns-req-protocol-payload",
        "ftp-rsp-banner",
    ];
    let conditions = contexts
        .iter()
        .map(|context| {
            let pattern = "a.?bcd|\\x 00 01 02 \\x+".into();
            let tests = vec![SignatureTest::Pattern { context: (*context).into(), pattern }];
            SignatureCondition { name: (*context).into(), tests }
        })
        .collect();
    let signature = Signature { name: "all".into(), conditions, order_free: true, scope_session: true };
    let own = CustomApplication { name: "own".into(), signatures: vec![signature], ..Default::default() };
    Arc::new(Signatures::new(&[(AppId(CUSTOM_FIRST), &own)]).expect("the signature is sound"))
});

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let control = input.byte();
    let transport = if control & 1 == 0 { Transport::Tcp } else { Transport::Udp };
    let first_sequence =
        [(2, input.u32()), (4, input.u32())].map(|(bit, isn)| (control & bit == 0).then_some(isn));
    let opening = Opening { transport, client_port: input.u16(), server_port: input.u16(), first_sequence };
    let limits = Limits {
        packets: u32::from(input.byte() % 64) + 1,
        bytes: u32::from(input.u16()).max(64),
        out_of_order_segments: u32::from(input.byte() % 80) + 1,
    };
    let base = first_sequence.map(|isn| isn.unwrap_or(0));
    let mut inspection = Inspection::with_signatures(opening, &SIGNATURES);
    while !input.is_empty() {
        let control = input.byte();
        let offset = u32::from(input.u16());
        let length = usize::from(input.byte()) << (control >> 6);
        let bytes = input.bytes(length);
        if bytes.is_empty() {
            continue;
        }
        let direction = direction(control);
        let payload = Payload {
            direction,
            sequence: base[direction.index()].wrapping_add(offset),
            bytes,
            cut: if control & 0x3c == 0x3c { u32::from(input.u16()) } else { 0 },
        };
        let progress = inspection.payload(payload, &limits);
        if let Some(app) = progress.app {
            let _ = bifrons_catalog::application(app);
        }
        if let Some(name) = progress.server_name {
            assert!(name.len() <= 255 && !name.chars().any(char::is_control));
        }
    }
    let _ = bifrons_catalog::application(inspection.app_at_end());
});
