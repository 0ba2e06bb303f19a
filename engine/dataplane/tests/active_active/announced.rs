//! Connections that a session announces, and whose packets come to the device that does not own it.

use bifrons_catalog::app;
use bifrons_dataplane::Verdict;
use bifrons_model::{DropReason, TrafficRecord};

use crate::{
    device::{INSIDE, OUTSIDE, compiled_without_nat},
    packets::Way,
    sharing::{ACK, ADMITTED, Connection, FIN, FIRST, One, Pair, SYN, Zero},
};

/// An FTP session that has announced a connection of the server's to port 40,001 of the client.
fn announce(pair: &mut Pair) -> Connection {
    let client = Way { source: ([10, 0, 0, 2].into(), 40_000), destination: ([203, 0, 113, 7].into(), 21) };
    let mut control = Connection::new(client, [Zero, One]);
    control.open(pair);
    control.server_sends(pair, ACK, b"220 ready\r\n");
    control.client_sends(pair, ACK, b"USER anonymous\r\n");
    control.server_sends(pair, ACK, b"331 password\r\n");
    control.client_sends(pair, ACK, b"PORT 10,0,0,2,156,65\r\n");
    control.server_sends(pair, ACK, b"200 ok\r\n");
    control
}

/// The server's connection to a port of the client: no rule lets it in.
fn data(port: u16) -> Connection {
    let server = Way { source: ([203, 0, 113, 7].into(), 20), destination: ([10, 0, 0, 2].into(), port) };
    Connection::new(server, [One, Zero])
}

/// Both ends of a connection whose client is outside.
fn opens(pair: &mut Pair, data: &mut Connection) {
    for (side, flags, payload) in [
        (0, SYN, &b""[..]),
        (1, SYN | ACK, b""),
        (0, ACK, b""),
        (0, ACK, b"content"),
        (1, ACK, b""),
        (0, FIN | ACK, b""),
        (1, FIN | ACK, b""),
        (0, ACK, b""),
    ] {
        let frame = data.segment(side, flags, payload);
        let interface = if side == 0 { OUTSIDE } else { INSIDE };
        let fate = pair.send(data.at[side], interface, &frame);
        assert!(matches!(fate.verdict, Verdict::Transmit(_)), "{flags} {fate:?}");
    }
}

fn of_app(records: &[Vec<TrafficRecord>; 2], wanted: bifrons_model::AppId) -> Vec<(usize, &TrafficRecord)> {
    let all = (0..).zip(records).flat_map(|(at, records)| records.iter().map(move |record| (at, record)));
    all.filter(|(_, record)| record.app == wanted).collect()
}

#[test]
fn an_announced_connection_is_let_in_whichever_device_it_comes_to() {
    for combination in ADMITTED {
        let mut pair = Pair::new(&compiled_without_nat(""), combination);
        pair.is_told = true;
        let mut control = announce(&mut pair);
        opens(&mut pair, &mut data(40_001));
        control.close(&mut pair);
        let records = pair.records();
        let (control, data) = (of_app(&records, app::FTP), of_app(&records, app::FTP_DATA));
        let ([(owner, control)], [(at, data)]) = (&control[..], &data[..]) else {
            panic!("{combination:?}: {records:?}");
        };
        assert_eq!((at, data.parent_session), (owner, control.session_id), "{combination:?}");
    }
}

#[test]
fn what_is_not_announced_needs_a_rule_wherever_it_comes() {
    let mut pair = Pair::new(&compiled_without_nat(""), FIRST);
    pair.is_told = true;
    let mut control = announce(&mut pair);
    let frame = data(40_002).segment(0, SYN, b"");
    let fate = pair.send(One, OUTSIDE, &frame);
    assert_eq!(fate.verdict, Verdict::Drop(DropReason::PolicyDeny), "{fate:?}");
    control.close(&mut pair);
    pair.records();
}

/// When the announcing session is over, connections between its hosts are like any others.
#[test]
fn nobody_is_asked_behind_the_end_of_the_session_that_announced() {
    let mut pair = Pair::new(&compiled_without_nat(""), FIRST);
    pair.is_told = true;
    let mut control = announce(&mut pair);
    control.close(&mut pair);
    pair.records();
    let mut other = Connection::new(crate::sharing::way(41_000, 7), [One, One]);
    let fate = other.client_sends(&mut pair, SYN, b"");
    assert!(fate.crossed.is_empty(), "{fate:?}");
    pair.records();
}
