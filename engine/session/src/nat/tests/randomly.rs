//! Random lives of sessions over random commits: nothing clashes, and nothing is left at the end.

use bifrons_config::typed::Fallback;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Open { rule: u32, protocol: u8, host: u8, port: u16, server: u8 },
    Close { which: usize },
    Commit { variant: u8, oversubscription: u8 },
    Reserve { port: u16, host: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let protocol = prop_oneof![Just(TCP), Just(UDP), Just(ICMP), Just(GRE)];
    let open = (0..4_u32, protocol, any::<u8>(), any::<u16>(), 0..3_u8)
        .prop_map(|(rule, protocol, host, port, server)| Step::Open { rule, protocol, host, port, server });
    prop_oneof![
        8 => open,
        4 => any::<usize>().prop_map(|which| Step::Close { which }),
        1 => (0..3_u8, 0..4_u8)
            .prop_map(|(variant, oversubscription)| Step::Commit { variant, oversubscription }),
        1 => (any::<u16>(), any::<u8>()).prop_map(|(port, host)| Step::Reserve { port, host }),
    ]
}

/// Four rules whose pools overlap; the variants differ in pools and kinds.
fn rules(variant: u8) -> [NatRule; 4] {
    let addresses = |pool: &[AddressRange], fallback: Option<Fallback>| NatRule {
        source_translation: Some(SourceTranslation::DynamicIp { pool: pool.to_vec(), fallback }),
        ..NatRule::default()
    };
    let few = [range("192.0.2.1", "192.0.2.3")];
    let others = [range("192.0.2.2", "192.0.2.5")];
    let fallback = Some(Fallback { pool: others.to_vec() });
    match variant {
        0 => [ports(&few), persistent(&few), addresses(&few, fallback), addresses(&others, None)],
        1 => [persistent(&others), ports(&others), addresses(&others, fallback), ports(&few)],
        _ => [ports(&others), persistent(&others), persistent(&few), addresses(&few, None)],
    }
}

fn settings(oversubscription: u8) -> NatSettings {
    oversubscribed(match oversubscription {
        0 => Oversubscription::Once,
        1 => Oversubscription::Twice,
        2 => Oversubscription::FourTimes,
        _ => Oversubscription::EightTimes,
    })
}

fn request(rule: u32, protocol: u8, host: u8, port: u16, server: u8) -> NatRequest {
    let port = if protocol == GRE { 0 } else { port };
    NatRequest {
        rule: NatRuleId(rule),
        is_reverse: false,
        protocol,
        source: IpAddr::from([10, 0, 0, host % 8]),
        source_port: port,
        destination: IpAddr::from([203, 0, 113, server]),
        destination_port: match protocol {
            GRE => 0,
            ICMP => port,
            _ => 443,
        },
    }
}

fn apply(world: &mut World, live: &mut Vec<Translated>, step: Step) {
    match step {
        Step::Open { rule, protocol, host, port, server } => {
            let request = request(rule, protocol, host, port, server);
            // A session with these ends is the same session.
            let is_known = live.iter().any(|own| {
                (own.rule, own.protocol, own.source, own.source_port)
                    == (request.rule, protocol, request.source, request.source_port)
                    && own.translation.destination == request.destination
            });
            if !is_known && let Ok(session) = world.open(&request) {
                live.push(session);
            }
        }
        Step::Close { which } => {
            if !live.is_empty() {
                let session = live.swap_remove(which % live.len());
                world.close(&session);
            }
        }
        Step::Commit { variant, oversubscription } => {
            world.commit(&rules(variant), &settings(oversubscription));
        }
        Step::Reserve { port, host } => {
            let session = Translated {
                rule: RULE,
                protocol: TCP,
                source: IpAddr::from([10, 0, 1, host]),
                source_port: port,
                translation: Translation {
                    source: ip("192.0.2.3"),
                    source_port: (port ^ 2).max(1),
                    destination: ip("203.0.113.200"),
                    destination_port: 443,
                },
            };
            let tuple = tuple_of(TCP, &session.translation);
            if !world.table.contains(&tuple) && world.nat.reserve(&session) {
                world.table.insert(tuple);
                live.push(session);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn nothing_clashes_and_nothing_is_left(steps in prop::collection::vec(step(), 0..300)) {
        let mut world = World::new(&rules(0));
        let mut live = Vec::new();
        for step in steps {
            apply(&mut world, &mut live, step);
        }
        // A persistent mapping has one place outside, and that is its own.
        let mut outside = BTreeSet::new();
        for session in &live {
            outside.insert(tuple_of(session.protocol, &session.translation));
        }
        prop_assert_eq!(outside.len(), live.len());
        for session in &live {
            world.close(session);
        }
        prop_assert!(world.nat.is_idle());
        for rule in 0..4 {
            prop_assert!(world.nat.usage(NatRuleId(rule)).is_none_or(|usage| usage.taken == 0));
        }
    }
}
