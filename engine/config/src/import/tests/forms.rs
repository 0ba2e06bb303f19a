//! The three forms.

use alloc::{format, vec};

use super::{imported, left_out, lines};
use crate::import::{Changed, Effect, Form};

const XML: &str = r#"<?xml version="1.0"?>
<!-- the gate of the branch -->
<config version="11.1.0">
  <mgt-config><users><entry name="root"><phash>x</phash></entry></users></mgt-config>
  <devices>
    <entry name="localhost.localdomain">
      <deviceconfig><system><hostname>gate</hostname></system></deviceconfig>
      <network><interface><ethernet>
        <entry name="ethernet1/1"><layer3><ip><entry name="192.0.2.1/24"/></ip>
          <netflow-profile>x</netflow-profile></layer3></entry>
      </ethernet></interface></network>
      <vsys>
        <entry name="vsys1">
          <zone>
            <entry name="in side"><network><layer3><member>ethernet1/1</member></layer3></network></entry>
          </zone>
          <address>
<entry name="web"><ip-netmask>192.0.2.80</ip-netmask><description>first &amp; last</description></entry>
          </address>
          <service/>
          <rulebase><security><rules>
            <entry name="web in" uuid="0a-1">
              <from><member>any</member></from>
              <to><member>in side</member></to>
              <source><member>any</member></source>
              <destination><member>web</member></destination>
              <application><member>web-browsing</member><member>ssl</member></application>
              <service><member>application-default</member></service>
              <action>allow</action>
            </entry>
          </rules></security></rulebase>
        </entry>
      </vsys>
    </entry>
  </devices>
</config>
"#;

const SET: &str = r#"# the gate of the branch
set mgt-config users root phash x
set deviceconfig system hostname gate
set network interface ethernet ethernet1/1 layer3 ip 192.0.2.1/24
set network interface ethernet ethernet1/1 layer3 netflow-profile x
set zone "in side" network layer3 ethernet1/1
set address web ip-netmask 192.0.2.80
set address web description "first & last"
set rulebase security rules "web in" from any
set rulebase security rules "web in" to "in side"
set rulebase security rules "web in" source any destination web
set rulebase security rules "web in" application [ web-browsing ssl ] service application-default
set rulebase security rules "web in" action allow
"#;

const BRACES: &str = r#"# the gate of the branch
config {
  mgt-config { users { root { phash x; } } }
  devices {
    localhost.localdomain {
      deviceconfig { system { hostname gate; } }
      network { interface { ethernet { ethernet1/1 { layer3 {
        ip { 192.0.2.1/24; }
        netflow-profile x;
      } } } } }
      vsys { vsys1 {
        zone { "in side" { network { layer3 ethernet1/1; } } }
        address { web {
          ip-netmask 192.0.2.80;
          description "first & last";
        } }
        rulebase { security { rules { "web in" {
          from any;
          to "in side";
          source any;
          destination web;
          application [ web-browsing ssl];
          service application-default;
          action allow;
        } } } }
      } }
    }
  }
}
"#;

#[test]
fn the_same_configuration_in_three_forms() {
    let [xml, set, braces] = [XML, SET, BRACES].map(imported);
    assert_eq!([xml.form, set.form, braces.form], [Form::Xml, Form::Set, Form::Braces]);
    for import in [&xml, &braces] {
        assert!(crate::diff(&set.document, &import.document).is_empty(), "{}", import.document.to_set());
    }
    assert_eq!(lines(&set, "rulebase security rules").len(), 7);
    assert_eq!(
        lines(&set, "address"),
        ["address web ip-netmask 192.0.2.80", "address web description \"first & last\""]
    );
}

#[test]
fn what_is_not_carried_over_is_listed_with_its_line() {
    let xml = imported(XML);
    let expected = [
        (2, "comment"),
        (3, "attribute"),
        (4, "no-effect-here"),
        (10, "no-effect-here"),
        (20, "empty"),
        (22, "attribute"),
    ];
    assert_eq!(left_out(&xml), expected);
    assert_eq!((xml.count.lines, xml.count.read, xml.count.listed), (36, 19, 6));
    let path = &xml.left_out[3].path;
    assert_eq!(
        path,
        "devices localhost.localdomain network interface ethernet ethernet1/1 layer3 netflow-profile x"
    );
    assert_eq!(left_out(&imported(SET)), [(1, "comment"), (2, "no-effect-here"), (5, "no-effect-here")]);
    assert_eq!(left_out(&imported(BRACES)), [(1, "comment"), (3, "no-effect-here"), (9, "no-effect-here")]);
}

#[test]
fn a_line_may_be_carried_over_in_part() {
    let text = "set zone in network layer3 [ ]\n\
                set rulebase security rules r from in to in frobnicate 7 action allow\n";
    let import = imported(text);
    assert_eq!(
        (import.count.read, import.count.carried, import.count.listed, import.count.partly),
        (2, 1, 1, 1)
    );
    assert_eq!(left_out(&import), [(2, "unknown-setting")]);
    assert_eq!(import.left_out[0].path, "rulebase security rules r frobnicate 7 action allow");
}

#[test]
fn comments_stay_with_what_they_stand_before() {
    let text =
        "# a host\n#\nset address h ip-netmask 192.0.2.1\n# of nothing\nset frob nicate\n# at the end\n";
    let import = imported(text);
    assert_eq!(import.document.to_set(), "# a host\nset address h ip-netmask 192.0.2.1\n");
    assert_eq!(left_out(&import), [(4, "comment"), (5, "unknown-setting"), (6, "comment")]);
    let xml = "<config><address><!-- one\n\n two -->\
               <entry name=\"h\"><ip-netmask>192.0.2.1</ip-netmask></entry>\
               </address></config>";
    assert_eq!(imported(xml).document.to_set(), "# one\n# two\nset address h ip-netmask 192.0.2.1\n");
}

#[test]
fn line_breaks_of_a_text_become_blanks() {
    let text = "set address h ip-netmask 192.0.2.1\nset address h description \"one\ntwo\n\n three\"\n";
    let import = imported(text);
    assert_eq!(lines(&import, "address h description"), ["address h description \"one two  three\""]);
    assert_eq!(import.notes.len(), 1);
    assert_eq!((import.notes[0].line, &import.notes[0].changed), (2, &Changed::LineBreaks));
}

#[test]
fn later_lines_take_back_replace_and_move() {
    let text = "\
set rulebase security rules a action allow
set rulebase security rules b action deny
set rulebase security rules b action drop
set rulebase security rules c action allow
set rulebase security rules c source [ 192.0.2.1 192.0.2.2 ]
delete rulebase security rules c source 192.0.2.1
delete rulebase security rules a
delete rulebase security rules a
move rulebase security rules c top
move rulebase security rules d top
set rulebase security rules b action drop
";
    let import = imported(text);
    assert_eq!(
        lines(&import, "rulebase security rules"),
        [
            "rulebase security rules c source 192.0.2.2",
            "rulebase security rules c action allow",
            "rulebase security rules b action drop",
        ]
    );
    let expected = [
        (1, "deleted-later"),
        (2, "replaced-later"),
        (5, "deleted-later"),
        (8, "nothing-there"),
        (10, "nothing-there"),
        (11, "repeated"),
    ];
    assert_eq!(left_out(&import), expected);
    assert_eq!((import.count.read, import.count.carried, import.count.partly), (11, 5, 1));
    for (position, order) in [
        ("after a", ["a", "c", "b"]),
        ("before b", ["a", "c", "b"]),
        ("bottom", ["a", "b", "c"]),
        ("top", ["c", "a", "b"]),
        ("after b", ["a", "b", "c"]),
    ] {
        let mut text = alloc::string::String::new();
        for rule in ["a", "b", "c"] {
            text.push_str(&format!("set rulebase nat rules {rule} from any to any\n"));
        }
        text.push_str(&format!("move rulebase nat rules c {position}\n"));
        let names: vec::Vec<_> =
            lines(&imported(&text), "rulebase nat rules").into_iter().step_by(2).collect();
        assert_eq!(names, order.map(|name| format!("rulebase nat rules {name} from any")), "{position}");
    }
}

#[test]
fn the_log_of_a_terminal_can_be_read() {
    let import = imported("admin@gate> configure\nadmin@gate# set address h ip-netmask 192.0.2.1\n[edit]\n");
    assert_eq!(lines(&import, "address"), ["address h ip-netmask 192.0.2.1"]);
    assert_eq!(left_out(&import), [(1, "no-statement"), (3, "no-statement")]);
    assert!(import.left_out.iter().all(|left| left.effect == Effect::None));
}
