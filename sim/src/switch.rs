//! A switch: learns where stations are, forgets them, floods what it does not know.
//!
//! Inside of it frames of hosts carry the VLAN tag of the port that they came in on; a port without a VLAN of
//! its own lets them out with it, others to their own VLAN and without (IEEE 802.1Q).

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use bifrons_model::Timestamp;
use foldhash::fast::FixedState;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// How long a station is remembered that is not heard.
pub const AGEING: Duration = Duration::from_secs(300);

/// Stations that a switch remembers; of more it floods.
pub const STATIONS_MAX: usize = 1024;

/// Learns from source addresses, forwards by destination addresses.
#[derive(Debug)]
pub struct Switch {
    /// How many ports it has.
    pub ports: usize,
    /// The VLANs of ports that have one of their own.
    access: BTreeMap<usize, u16>,
    stations: HashMap<(u16, Mac), (usize, Timestamp), FixedState>,
    /// Frames that went to all ports because nobody knew better.
    pub flooded: u64,
}

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// To one port.
    To(usize),
    /// To all but the one it came in on.
    Flood,
    /// Nowhere: it came from where it would go, or is too short to have addresses.
    Drop,
}

impl Switch {
    /// A switch that knows nobody.
    pub fn new(ports: usize) -> Self {
        Self { ports, access: BTreeMap::new(), stations: HashMap::default(), flooded: 0 }
    }

    /// From now on a port is of a VLAN: its frames have no tags.
    pub fn set_access(&mut self, port: usize, tag: u16) {
        self.access.insert(port, tag);
    }

    /// A frame as it is inside when it came in on `port`.
    pub fn take_in(&self, port: usize, mut frame: Vec<u8>) -> Vec<u8> {
        if let Some(tag) = self.access.get(&port)
            && frame.len() >= ADDRESSES
        {
            let [high, low] = tag.to_be_bytes();
            frame.splice(ADDRESSES..ADDRESSES, [TAGGED[0], TAGGED[1], high, low]);
        }
        frame
    }

    /// A frame as it leaves by `port`; none where it is of another VLAN.
    pub fn let_out(&self, port: usize, mut frame: Vec<u8>) -> Option<Vec<u8>> {
        if let Some(own) = self.access.get(&port) {
            if tag(&frame) != *own {
                return None;
            }
            frame.drain(ADDRESSES..ADDRESSES + 4);
        }
        Some(frame)
    }

    /// Takes a frame that came in on `port`, as it is inside.
    pub fn handle_frame(&mut self, now: Timestamp, port: usize, frame: &[u8]) -> Forward {
        let (Some(destination), Some(source)) = (mac(frame, 0), mac(frame, 6)) else { return Forward::Drop };
        let tag = tag(frame);
        self.learn(now, port, (tag, source));
        let destination = (tag, destination);
        let known = match self.stations.get(&destination) {
            Some((_, heard)) if now.since(*heard) > AGEING => {
                self.stations.remove(&destination);
                None
            }
            Some((known, _)) => Some(*known),
            None => None,
        };
        match known {
            Some(known) if known == port => Forward::Drop,
            Some(known) => Forward::To(known),
            None => {
                self.flooded += 1;
                Forward::Flood
            }
        }
    }

    /// The port behind which a station of frames without a tag was last heard.
    pub fn port_of(&self, station: Mac) -> Option<usize> {
        self.stations.get(&(0, station)).map(|(port, _)| *port)
    }

    fn learn(&mut self, now: Timestamp, port: usize, source: (u16, Mac)) {
        let is_group = source.1[0] & 1 == 1;
        if is_group {
            return;
        }
        if let Some(known) = self.stations.get_mut(&source) {
            *known = (port, now);
            return;
        }
        if self.stations.len() >= STATIONS_MAX {
            self.stations.retain(|_, (_, heard)| now.since(*heard) <= AGEING);
        }
        if self.stations.len() < STATIONS_MAX {
            self.stations.insert(source, (port, now));
        }
    }
}

/// The length of the two addresses that a frame begins with.
const ADDRESSES: usize = 12;
/// The type of frames with a tag.
const TAGGED: [u8; 2] = [0x81, 0x00];

/// The VLAN of a frame; 0 for one without a tag.
fn tag(frame: &[u8]) -> u16 {
    match frame.get(ADDRESSES..ADDRESSES + 4) {
        Some(&[first, second, high, low]) if [first, second] == TAGGED => {
            u16::from_be_bytes([high, low]) & 0x0fff
        }
        _ => 0,
    }
}

/// The address at `place` of a frame.
pub(crate) fn mac(frame: &[u8], place: usize) -> Option<Mac> {
    frame.get(place..place + 6)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(to: u32, from: u32) -> Vec<u8> {
        let address = |number: u32| [&[2, 0][..], &number.to_be_bytes()].concat();
        [address(to), address(from), vec![0; 50]].concat()
    }

    const NOW: Timestamp = Timestamp::from_secs(1000);

    #[test]
    fn what_is_known_goes_to_one_port_and_the_rest_to_all() {
        let mut switch = Switch::new(3);
        assert_eq!(switch.handle_frame(NOW, 0, &frame(2, 1)), Forward::Flood);
        assert_eq!(switch.handle_frame(NOW, 1, &frame(1, 2)), Forward::To(0));
        assert_eq!(switch.handle_frame(NOW, 0, &frame(2, 1)), Forward::To(1));
        assert_eq!(switch.handle_frame(NOW, 0, &frame(1, 9)), Forward::Drop);
        assert_eq!(switch.handle_frame(NOW, 0, &[1, 2, 3]), Forward::Drop);
        let broadcast = [vec![0xff; 6], frame(0, 1)[6..].to_vec()].concat();
        assert_eq!(switch.handle_frame(NOW, 0, &broadcast), Forward::Flood);
    }

    #[test]
    fn a_station_moves_and_is_forgotten() {
        let mut switch = Switch::new(3);
        switch.handle_frame(NOW, 0, &frame(9, 1));
        switch.handle_frame(NOW, 2, &frame(9, 1));
        assert_eq!(switch.handle_frame(NOW, 1, &frame(1, 2)), Forward::To(2));
        let later = NOW + AGEING + Duration::from_secs(1);
        assert_eq!(switch.handle_frame(later, 1, &frame(1, 2)), Forward::Flood);
    }

    #[test]
    fn memory_is_bounded() {
        let mut switch = Switch::new(2);
        for number in 0..5000 {
            switch.handle_frame(NOW, 0, &frame(1, 10 + number));
        }
        assert_eq!(switch.stations.len(), STATIONS_MAX);
        let later = NOW + AGEING + Duration::from_secs(1);
        switch.handle_frame(later, 1, &frame(1, 2));
        assert_eq!(switch.handle_frame(later, 0, &frame(2, 1)), Forward::To(1));
    }
}
