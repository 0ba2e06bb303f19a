//! Virtual systems, device groups, templates.

use super::{ImportOptions, imported, imported_with, left_out, lines};
use crate::import::{Changed, ImportError, import};

const PANORAMA: &str = "\
set shared address a ip-netmask 192.0.2.1
set shared address b ip-netmask 192.0.2.2
set shared pre-rulebase security rules first action allow
set shared post-rulebase security rules last action deny
set device-group child parent-dg parent
set device-group child devices 0123
set device-group child address a ip-netmask 198.51.100.1
set device-group child pre-rulebase security rules early action allow
set device-group child post-rulebase security rules late action allow
set device-group parent pre-rulebase security rules early action drop
set device-group parent post-rulebase security rules later action allow
set device-group other address c ip-netmask 192.0.2.3
set template t config devices localhost.localdomain vsys vsys1 zone z network layer3 ethernet1/1
set template t config network interface ethernet ethernet1/1 layer3 ip 192.0.2.254/24
set template t description text
set template u config deviceconfig system hostname u
set template-stack s templates [ t ]
set template-stack s config deviceconfig system hostname s
set rulebase security rules own action allow
";

#[test]
fn rules_come_in_the_order_of_their_places() {
    let options = ImportOptions { device_group: Some("child"), ..ImportOptions::default() };
    let import = imported_with(PANORAMA, &options);
    let rules = lines(&import, "rulebase security rules");
    let expected = ["first", "early", "early-2", "own", "late", "later", "last"];
    let actions = ["allow", "drop", "allow", "allow", "allow", "allow", "deny"];
    let expected: alloc::vec::Vec<_> = expected
        .iter()
        .zip(actions)
        .map(|(name, action)| alloc::format!("rulebase security rules {name} action {action}"))
        .collect();
    assert_eq!(rules, expected);
    assert_eq!(import.notes[0].changed, Changed::Renamed { name: "early-2".into() });
    assert_eq!(lines(&import, "address a"), ["address a ip-netmask 198.51.100.1"], "the group's own counts");
    let expected = [
        (1, "hidden"),
        (5, "no-effect-here"),
        (6, "no-effect-here"),
        (12, "other-device-group"),
        (15, "no-effect-here"),
        (16, "other-template"),
        (17, "no-effect-here"),
    ];
    assert_eq!(left_out(&import), expected);
    assert_eq!(lines(&import, "deviceconfig"), ["deviceconfig system hostname s"]);
}

#[test]
fn without_a_choice_several_groups_are_left_out() {
    let import = imported(PANORAMA);
    assert!(left_out(&import).contains(&(8, "other-device-group")));
    let none = ImportOptions { device_group: Some("nobody"), ..ImportOptions::default() };
    let Err(ImportError::NoSuchPlace { name, known, .. }) = import_text(PANORAMA, &none) else {
        panic!("refused")
    };
    assert_eq!((name.as_str(), known.join(" ").as_str()), ("nobody", "child parent other"));
    let one = PANORAMA.replace("device-group other", "device-group child");
    assert!(!left_out(&imported(&one)).contains(&(8, "other-device-group")), "a single leaf is chosen");
}

#[test]
fn one_virtual_system_is_carried_over() {
    let text = "\
set shared address h ip-netmask 192.0.2.9
set vsys vsys2 address h ip-netmask 192.0.2.2
set vsys vsys1 address h ip-netmask 192.0.2.1
set vsys vsys1 display-name one
";
    let import = imported(text);
    assert_eq!(lines(&import, "address"), ["address h ip-netmask 192.0.2.1"]);
    assert_eq!(left_out(&import), [(1, "hidden"), (2, "other-vsys"), (4, "no-effect-here")]);
    let options = ImportOptions { vsys: Some("vsys2"), ..ImportOptions::default() };
    assert_eq!(lines(&imported_with(text, &options), "address"), ["address h ip-netmask 192.0.2.2"]);
}

#[test]
fn of_templates_each_setting_counts_by_itself() {
    let text = "\
set template low config deviceconfig system hostname low
set template low config network interface ethernet ethernet1/1 layer3 ip 192.0.2.1/24
set template high config deviceconfig system hostname high
set template-stack s templates [ high low ]
";
    let import = imported(text);
    assert_eq!(lines(&import, "deviceconfig"), ["deviceconfig system hostname high"]);
    assert_eq!(lines(&import, "network").len(), 1);
    assert_eq!(left_out(&import), [(1, "hidden"), (4, "no-effect-here"), (4, "no-effect-here")]);
}

#[test]
fn what_panorama_pushed_stands_around_the_own_rules() {
    let text = "\
policy { panorama {
  post-rulebase { security { rules { after { action deny; } } } }
  pre-rulebase { security { rules { before { action allow; } } } }
} }
config { vsys { vsys1 { rulebase { security { rules { own { action allow; } } } } } } }
";
    let import = imported(text);
    let names = ["before action allow", "own action allow", "after action deny"];
    assert_eq!(
        lines(&import, "rulebase"),
        names.map(|name| alloc::format!("rulebase security rules {name}"))
    );
    assert_eq!(left_out(&import), []);
}

fn import_text(text: &str, options: &ImportOptions<'_>) -> Result<crate::import::Import, ImportError> {
    import(text.as_bytes(), options)
}
