//! Custom applications that their ports or protocol alone tell.

use alloc::vec::Vec;

use bifrons_config::typed::{CustomApplication, PortPattern};
use bifrons_model::AppId;

/// Ports and protocols of the custom applications without signatures, in the order of the configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct PortRules(Vec<(PortPattern, AppId)>);

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMP6: u8 = 58;

impl PortRules {
    pub(super) fn new(custom: &[(AppId, &CustomApplication)]) -> Self {
        let bare = custom.iter().filter(|(_, application)| application.signatures.is_empty());
        Self(bare.flat_map(|(app, application)| application.ports.iter().map(|port| (*port, *app))).collect())
    }

    pub(super) fn by_port(&self, protocol: u8, port: u16) -> Option<AppId> {
        self.find(|pattern| match pattern {
            PortPattern::Tcp(first, last) => protocol == TCP && (first..=last).contains(&port),
            PortPattern::Udp(first, last) => protocol == UDP && (first..=last).contains(&port),
            PortPattern::Protocol(_) | PortPattern::Icmp(..) | PortPattern::Icmp6(..) => false,
        })
    }

    pub(super) fn by_protocol(&self, protocol: u8) -> Option<AppId> {
        self.find(|pattern| match pattern {
            PortPattern::Protocol(own) => own == protocol,
            PortPattern::Tcp(..) | PortPattern::Udp(..) | PortPattern::Icmp(..) | PortPattern::Icmp6(..) => {
                false
            }
        })
    }

    pub(super) fn by_icmp(&self, protocol: u8, kind: u8, code: u8) -> Option<AppId> {
        self.find(|pattern| match pattern {
            PortPattern::Icmp(own, with) => {
                protocol == ICMP && own == kind && with.is_none_or(|own| own == code)
            }
            PortPattern::Icmp6(own, with) => {
                protocol == ICMP6 && own == kind && with.is_none_or(|own| own == code)
            }
            PortPattern::Tcp(..) | PortPattern::Udp(..) | PortPattern::Protocol(_) => false,
        })
    }

    fn find(&self, fits: impl Fn(PortPattern) -> bool) -> Option<AppId> {
        self.0.iter().find(|(pattern, _)| fits(*pattern)).map(|(_, app)| *app)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn the_first_that_fits_is_told() {
        let ports = |ports: Vec<PortPattern>| CustomApplication { ports, ..CustomApplication::default() };
        let one = ports(vec![PortPattern::Tcp(7000, 7009), PortPattern::Icmp(8, Some(0))]);
        let two = ports(vec![
            PortPattern::Tcp(0, 65_535),
            PortPattern::Protocol(99),
            PortPattern::Icmp6(128, None),
        ]);
        let rules = PortRules::new(&[(AppId(1), &one), (AppId(2), &two)]);
        assert_eq!(rules.by_port(6, 7009), Some(AppId(1)));
        assert_eq!(rules.by_port(6, 7010), Some(AppId(2)));
        assert_eq!(rules.by_port(17, 7009), None);
        assert_eq!(rules.by_protocol(99), Some(AppId(2)));
        assert_eq!(rules.by_protocol(98), None);
        assert_eq!(rules.by_icmp(1, 8, 0), Some(AppId(1)));
        assert_eq!(rules.by_icmp(1, 8, 1), None);
        assert_eq!(rules.by_icmp(58, 128, 9), Some(AppId(2)));
    }
}
