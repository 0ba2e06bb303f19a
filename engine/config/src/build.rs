//! Tree to typed configuration: defaults filled in, names resolved, what several lines say together
//! checked.

mod addresses;
mod applications;
mod categories;
mod custom;
mod decryption;
mod external;
mod forwarding;
mod groups;
mod high_availability;
mod interfaces;
mod lists;
mod logging;
mod management;
mod nat;
mod network;
mod overrides;
mod pair_warnings;
mod protection;
mod routers;
mod routes;
mod rules;
mod schedules;
mod services;
mod tag_filter;
mod tags;
mod view;
mod warnings;

use crate::{
    Config,
    parse::Report,
    schema::{Home, SECTIONS, Schema},
    tree::Node,
};
use view::{Value, View};

/// The typed configuration. What it reports as an error has no part in the result; what it reports as a gap
/// is left out of it, so that nothing is allowed that no line allows.
pub(crate) fn config(schema: &Schema, root: &Node, report: &mut Report<'_>) -> Config {
    let root = View::new(schema, root);
    let mut config = Config::default();
    fields(&root, &mut config);
    let tags = tags::Tags::read(&root);
    let addresses = addresses::Addresses::read(&root, &tags, report);
    let services = services::Services::read(&root, &tags, report);
    let (applications, custom) = applications::Applications::read(&root, &tags, report);
    config.applications = custom;
    config.management_profiles = management::profiles(&root, &addresses, report);
    config.interfaces = interfaces::interfaces(&root, &addresses, &config.management_profiles, report);
    config.virtual_routers = routers::routers(&root, &mut config.interfaces, report);
    routers::check_addresses(&root, &addresses, &mut config.interfaces, report);
    config.routes = routes::routes(&root, &addresses, &config.interfaces, &config.virtual_routers, report);
    config.virtual_wires = network::wires(&root, &config.interfaces, report);
    config.zone_protection_profiles = protection::profiles(&root, &addresses, report);
    config.zones = network::zones(&root, &config.interfaces, report);
    config.categories = categories::categories(&root, report);
    config.log_settings = logging::log_settings(&root, report);
    let schedules = schedules::schedules(&root, report);
    let names = lists::Names {
        tags: &tags,
        addresses: &addresses,
        services: &services,
        applications: &applications,
        interfaces: &config.interfaces,
        zones: &config.zones,
        categories: &config.categories,
        log_profiles: &config.log_settings.profiles,
        schedules: &schedules,
    };
    config.rules = rules::security(&root, names, report);
    config.nat_rules = nat::rules(&root, names, report);
    config.forwarding_rules = forwarding::rules(&root, names, report);
    config.application_overrides = overrides::rules(&root, names, report);
    config.decryption_rules = decryption::rules(&root, names, report);
    [config.intrazone_default, config.interzone_default] = rules::defaults(&root, names, report);
    config.high_availability = high_availability::high_availability(&root, &config.interfaces, report);
    tags.finish(&root, report);
    network::check_users(&root, &config, report);
    warnings::warn(&root, &config, report);
    config
}

/// The settings that are single fields.
fn fields(root: &View<'_>, config: &mut Config) {
    for leaf in SECTIONS.iter().flat_map(|section| section.leaves) {
        let Home::Field(field) = leaf.home else { continue };
        let view = leaf.path.split(' ').fold(*root, |view, word| view.below(word));
        if let Some(value) = view.value() {
            field.write(config, value.text);
        }
    }
}
