//! FTP between real stacks through a pool of ports: what one end says is heard in the addresses that the
//! other knows, the connection it announces comes through, and the control connection goes on with its
//! numbers moved.

use smoltcp::socket::tcp::State;

use crate::{Gate, host::Host};

const CLIENT: &str = "10.0.0.9";
const SERVER: &str = "192.0.2.9";
const HIDDEN: &str = "192.0.2.200";

const LINES: &str = "
set rulebase nat rules hide from trust to untrust source any destination any service any
set rulebase nat rules hide source-translation dynamic-ip-and-port translated-address 192.0.2.200
set rulebase security rules ftp from trust to untrust application ftp service application-default action allow
";

/// Port of the form that FTP's `PORT` has.
fn port_of(heard: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(heard);
    let numbers = text.trim().strip_prefix("PORT 192,0,2,200,").unwrap_or_else(|| panic!("heard {text:?}"));
    let byte = |text: &str| text.parse::<u8>().expect("a byte in words");
    let (high, low) = numbers.split_once(',').expect("two bytes");
    u16::from_be_bytes([byte(high), byte(low)])
}

fn control() -> Gate {
    let mut gate = Gate::new(LINES, CLIENT, SERVER);
    gate.server.listen(21);
    gate.client.connect(&gate.server, 21);
    gate.run(6);
    gate.server.say(b"220 FTP server ready.\r\n");
    gate.run(6);
    assert_eq!((gate.client.state(), gate.server.state()), (State::Established, State::Established));
    gate
}

#[test]
fn an_active_connection_comes_to_the_address_that_was_told() {
    let mut gate = control();
    gate.client.say(b"PORT 10,0,0,9,19,137\r\n");
    gate.run(6);
    let port = port_of(&gate.server.heard);
    // What follows has other sequence numbers on either side.
    gate.server.say(b"200 PORT command successful.\r\n");
    gate.run(6);
    gate.client.say(b"LIST\r\n");
    gate.run(6);
    assert!(gate.server.heard.ends_with(b"LIST\r\n"), "{:?}", gate.server.heard);
    assert!(gate.client.heard.ends_with(b"successful.\r\n"), "{:?}", gate.client.heard);

    let mut data_client = Host::new(CLIENT.parse().unwrap());
    data_client.listen(5001);
    let mut data_server = Host::new(SERVER.parse().unwrap());
    data_server.connect_to(HIDDEN.parse().unwrap(), port);
    std::mem::swap(&mut gate.client, &mut data_client);
    std::mem::swap(&mut gate.server, &mut data_server);
    gate.run(8);
    assert_eq!((gate.client.state(), gate.server.state()), (State::Established, State::Established));
    gate.server.say(&[42; 4000]);
    gate.run(12);
    assert_eq!(gate.client.heard, vec![42; 4000]);

    std::mem::swap(&mut gate.client, &mut data_client);
    std::mem::swap(&mut gate.server, &mut data_server);
    gate.client.say(b"QUIT\r\n");
    gate.run(6);
    assert!(gate.server.heard.ends_with(b"QUIT\r\n"), "{:?}", gate.server.heard);
    assert_eq!((gate.worker.sessions().len(), gate.emitted), (2, 0));
}

#[test]
fn a_connection_that_nobody_announced_does_not_come() {
    let mut gate = control();
    let mut stranger = Host::new(SERVER.parse().unwrap());
    stranger.connect_to(HIDDEN.parse().unwrap(), 5001);
    std::mem::swap(&mut gate.server, &mut stranger);
    gate.run(20);
    assert_eq!(gate.server.state(), State::SynSent);
}

#[test]
fn what_was_taken_goes_back_when_all_is_over() {
    let mut gate = control();
    gate.client.say(b"PORT 10,0,0,9,19,137\r\n");
    gate.run(6);
    assert!(!gate.worker.nat().is_idle());
    while let Some(deadline) = gate.worker.poll_timeout() {
        gate.worker.handle_timeout(deadline, &mut gate.outbox);
    }
    assert!(gate.worker.sessions().is_empty());
    assert!(gate.worker.nat().is_idle(), "{:?}", gate.worker.nat().counters());
}
