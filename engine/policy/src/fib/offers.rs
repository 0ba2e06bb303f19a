//! The lists of routes that prefixes have, each kept once, and what each list leads to.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec,
    vec::Vec,
};

use bifrons_model::InterfaceId;

use super::{
    Forward,
    ecmp::{Balance, Choice, Group},
    rib::Target,
    trie::{ANSWERS_MAX, NOTHING},
};

/// Where a route comes from. The order is that of preference between routes of one distance and metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    Connected,
    Static,
    Dynamic,
}

/// A route, but for its prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Offer {
    pub distance: u8,
    pub metric: u32,
    pub origin: Origin,
    pub target: Target,
    /// The place in `Config::routes` of a route whose path is monitored.
    pub monitored: Option<u32>,
}

impl Offer {
    pub const fn rank(&self) -> (u8, u32, Origin) {
        (self.distance, self.metric, self.origin)
    }
}

/// What is down.
#[derive(Clone, Debug, Default)]
pub(super) struct Outages {
    pub interfaces: BTreeSet<InterfaceId>,
    /// Interfaces that the configuration takes down.
    pub disabled: BTreeSet<InterfaceId>,
    /// Places in `Config::routes`.
    pub paths: BTreeSet<u32>,
}

impl Outages {
    fn allow(&self, offer: &Offer) -> bool {
        let is_up = |interface: &InterfaceId| {
            !self.interfaces.contains(interface) && !self.disabled.contains(interface)
        };
        let is_path_up = offer.monitored.is_none_or(|route| !self.paths.contains(&route));
        is_path_up
            && match &offer.target {
                Target::Gateway { interface, .. } | Target::Interface(interface) => is_up(interface),
                Target::Router(_) | Target::Discard => true,
            }
    }
}

/// How a virtual router uses equal paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spread {
    pub paths_max: usize,
    pub balance: Balance,
    pub symmetric_return: bool,
    pub strict_source_path: bool,
    /// By interface, for `Balance::Weighted`.
    pub weights: BTreeMap<InterfaceId, u8>,
}

/// What an interface has without a weight of its own.
const WEIGHT: u8 = 100;

/// All lists of one virtual router by number; 0 is for no list.
#[derive(Clone, Debug)]
pub(super) struct OfferLists {
    numbers: BTreeMap<Arc<[Offer]>, u32>,
    lists: Vec<List>,
    free: Vec<u32>,
    choices: Vec<Choice>,
    /// Whether `choices` differ from what was last asked for.
    is_stale: bool,
}

#[derive(Clone, Debug)]
struct List {
    offers: Arc<[Offer]>,
    prefixes: usize,
}

impl OfferLists {
    pub fn new() -> Self {
        Self {
            numbers: BTreeMap::new(),
            lists: vec![List { offers: Arc::new([]), prefixes: 0 }],
            free: Vec::new(),
            choices: vec![Choice::Nothing],
            is_stale: true,
        }
    }

    pub fn offers(&self, number: u32) -> &[Offer] {
        self.lists.get(number as usize).map_or(&[], |list| &list.offers)
    }

    pub fn is_usable(&self, number: u32) -> bool {
        self.choices.get(number as usize).is_some_and(|choice| *choice != Choice::Nothing)
    }

    /// The number of a list, for one more prefix; 0 for an empty one, and when numbers run out.
    pub fn take(&mut self, offers: &[Offer], outages: &Outages, spread: Option<&Spread>) -> u32 {
        if offers.is_empty() {
            return NOTHING;
        }
        if let Some(number) = self.numbers.get(offers) {
            if let Some(list) = self.lists.get_mut(*number as usize) {
                list.prefixes += 1;
            }
            return *number;
        }
        let list = List { offers: offers.into(), prefixes: 1 };
        let choice = choose(offers, outages, spread);
        let next = u32::try_from(self.lists.len()).ok().filter(|number| *number < ANSWERS_MAX);
        let Some(number) = self.free.pop().or(next) else { return NOTHING };
        self.numbers.insert(Arc::clone(&list.offers), number);
        self.is_stale = true;
        match (self.lists.get_mut(number as usize), self.choices.get_mut(number as usize)) {
            (Some(old_list), Some(old_choice)) => (*old_list, *old_choice) = (list, choice),
            _ => {
                self.lists.push(list);
                self.choices.push(choice);
            }
        }
        number
    }

    /// One prefix less has the list.
    pub fn release(&mut self, number: u32) {
        let Some(list) = self.lists.get_mut(number as usize) else { return };
        list.prefixes = list.prefixes.saturating_sub(1);
        if list.prefixes == 0 && self.numbers.remove(&list.offers).is_some() {
            list.offers = Arc::new([]);
            self.free.push(number);
        }
    }

    /// Looks at all lists anew, and says which of them begin or cease to lead anywhere.
    pub fn choose_again(&mut self, outages: &Outages, spread: Option<&Spread>) -> BTreeSet<u32> {
        let mut turned = BTreeSet::new();
        for (number, (list, choice)) in (0..).zip(self.lists.iter().zip(&mut self.choices)) {
            let new = choose(&list.offers, outages, spread);
            if (new == Choice::Nothing) != (*choice == Choice::Nothing) && list.prefixes > 0 {
                turned.insert(number);
            }
            if new != *choice {
                *choice = new;
                self.is_stale = true;
            }
        }
        turned
    }

    /// What the lists lead to, where that has changed since this was last asked.
    pub fn changed_choices(&mut self) -> Option<Arc<[Choice]>> {
        core::mem::take(&mut self.is_stale).then(|| self.choices.clone().into())
    }
}

/// What a list in order of rank leads to.
fn choose(offers: &[Offer], outages: &Outages, spread: Option<&Spread>) -> Choice {
    let mut usable = offers.iter().filter(|offer| outages.allow(offer));
    let Some(best) = usable.next() else { return Choice::Nothing };
    let first = match &best.target {
        Target::Discard => return Choice::Discard,
        Target::Router(router) => return Choice::Router(*router),
        Target::Gateway { .. } | Target::Interface(_) => forward(&best.target),
    };
    let Some(spread) = spread else { return first.map_or(Choice::Nothing, Choice::One) };
    let equal = usable.take_while(|offer| (offer.distance, offer.metric) == (best.distance, best.metric));
    let mut paths: Vec<(Forward, u8)> = Vec::new();
    for path in first.into_iter().chain(equal.filter_map(|offer| forward(&offer.target))) {
        if paths.len() < spread.paths_max.max(1) && paths.iter().all(|(other, _)| *other != path) {
            paths.push((path, spread.weights.get(&path.interface).copied().unwrap_or(WEIGHT)));
        }
    }
    Group::choice(spread, &paths)
}

fn forward(target: &Target) -> Option<Forward> {
    match target {
        Target::Gateway { address, interface } => {
            Some(Forward { interface: *interface, gateway: Some(*address) })
        }
        Target::Interface(interface) => Some(Forward { interface: *interface, gateway: None }),
        Target::Router(_) | Target::Discard => None,
    }
}
