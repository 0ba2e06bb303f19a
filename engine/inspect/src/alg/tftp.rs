//! TFTP: the server answers a request from a port of its own choice to the port that asked (RFC 1350,
//! section 4).

use bifrons_catalog::app;
use bifrons_model::Direction;

use super::{Announced, Expectation};
use crate::Transport;

/// Seconds in which the server has to answer.
const LIFETIME: u32 = 60;

/// Looks at one datagram.
pub(crate) fn datagram(direction: Direction, bytes: &[u8], announced: &mut Announced) {
    const READ: u8 = 1;
    const WRITE: u8 = 2;
    if let ([0, READ | WRITE, ..], Direction::ClientToServer) = (bytes, direction) {
        announced.expectations.push(Expectation {
            app: app::TFTP,
            transport: Transport::Udp,
            speaker: direction,
            address: None,
            port: None,
            lifetime: LIFETIME,
            is_rewritable: true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_answered_from_anywhere() {
        let mut announced = Announced::default();
        datagram(Direction::ClientToServer, b"\0\x03\0\x01data", &mut announced);
        datagram(Direction::ServerToClient, b"\0\x01a\0octet\0", &mut announced);
        assert_eq!(announced, Announced::default());
        datagram(Direction::ClientToServer, b"\0\x01a\0octet\0", &mut announced);
        let [expectation] = &announced.expectations[..] else { panic!("{announced:?}") };
        assert_eq!((expectation.address, expectation.port), (None, None));
    }
}
