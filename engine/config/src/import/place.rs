//! Where a statement stands: PAN-OS has virtual systems, a shared part, device groups and templates; the
//! native configuration has one place.

use alloc::{string::ToString, vec::Vec};

use super::{
    ImportError, ImportOptions,
    reason::Reason,
    statement::{Raw, Verb, Word},
};

/// The place of a statement, and how its rules are ordered among those of other places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Of two places that say the same, the lower one counts.
    pub(crate) rank: i32,
    pub(crate) rules: Rules,
}

/// Which part of the rulebase a rule stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rules {
    Before,
    Own,
    After,
}

const OWN: i32 = 0;
const GROUPS: i32 = 1;
const PUSHED: i32 = 900;
const SHARED: i32 = 1000;
const TEMPLATES: i32 = 2000;

impl Place {
    /// Rules come in this order: shared, then the device group's, then the device's own, then those after
    /// it the other way round.
    pub(crate) fn order(self) -> i32 {
        match self.rules {
            Rules::Before => -self.rank - 1,
            Rules::Own => 0,
            Rules::After => self.rank + 1,
        }
    }

    /// Whether the statement comes from a template, of which each setting counts by itself.
    pub(crate) fn is_template(self) -> bool {
        self.rank >= TEMPLATES
    }
}

/// What the words before a setting mean.
pub(crate) struct Located {
    /// How many words they are.
    pub(crate) skip: usize,
    pub(crate) place: Place,
    /// Why nothing of it is carried over.
    pub(crate) foreign: Option<Reason>,
}

/// Which of the places of a file are carried over.
#[derive(Debug, Default)]
pub(crate) struct Places {
    device: Option<Word>,
    vsys: Option<Word>,
    /// The chosen device group, then its parents.
    groups: Vec<Word>,
    /// The chosen templates; of two that say the same the first counts.
    templates: Vec<Word>,
}

/// The places that a file has.
#[derive(Default)]
struct Survey {
    device: Option<Word>,
    vsys: Vec<Word>,
    groups: Vec<Word>,
    parents: Vec<(Word, Word)>,
    templates: Vec<Word>,
    stacks: Vec<(Word, Vec<Word>)>,
}

impl Places {
    /// Chooses: what the options name; else `vsys1` or the first virtual system, the only device group that
    /// is not another's parent, the templates of the only stack or the only template.
    ///
    /// # Errors
    ///
    /// An option names something that the file does not have.
    pub(crate) fn choose(raws: &[Raw], options: &ImportOptions<'_>) -> Result<Self, ImportError> {
        let mut survey = Survey::default();
        for raw in raws.iter().filter(|raw| raw.verb == Verb::Set) {
            survey.take(raw);
        }
        Ok(Self {
            vsys: survey.vsys(options.vsys)?,
            groups: survey.group(options.device_group)?,
            templates: survey.template(options.template)?,
            device: survey.device,
        })
    }

    pub(crate) fn locate(&self, path: &[Word]) -> Located {
        let mut place = Place { rank: OWN, rules: Rules::Own };
        let mut foreign = None;
        let mut rest = path;
        loop {
            let words: [&str; 2] = core::array::from_fn(|at| rest.get(at).map_or("", |word| &**word));
            let name = rest.get(1);
            rest = match (words, name, rest) {
                (["config", _], _, [_, after @ ..]) => after,
                (["devices", _], Some(name), [_, _, after @ ..]) => {
                    if !place.is_template() && self.device.as_ref() != Some(name) {
                        foreign.get_or_insert(Reason::OtherDevice { name: name.to_string() });
                    }
                    after
                }
                (["vsys", _], Some(name), [_, _, after @ ..]) => {
                    if self.vsys.as_ref() != Some(name) {
                        foreign.get_or_insert(Reason::OtherVsys { name: name.to_string() });
                    }
                    after
                }
                (["shared", _], _, [_, after @ ..]) => {
                    if place.rank == OWN {
                        place.rank = SHARED;
                    }
                    after
                }
                (["policy", "panorama"], _, [_, _, after @ ..]) | (["panorama", _], _, [_, after @ ..]) => {
                    place.rank = PUSHED;
                    after
                }
                (["device-group", _], Some(name), [_, _, after @ ..]) => {
                    match self.groups.iter().position(|group| group == name) {
                        Some(level) => place.rank = GROUPS.saturating_add_unsigned(rank(level)),
                        None => {
                            foreign.get_or_insert(Reason::OtherDeviceGroup { name: name.to_string() });
                        }
                    }
                    if matches!(after.first().map(|word| &**word), Some(word) if !is_of_group(word)) {
                        foreign = Some(Reason::NoEffect { what: MANAGEMENT });
                    }
                    after
                }
                (["template" | "template-stack", _], Some(name), [_, _, after @ ..]) => {
                    match self.templates.iter().position(|template| template == name) {
                        Some(level) => place.rank = TEMPLATES.saturating_add_unsigned(rank(level)),
                        None => {
                            place.rank = TEMPLATES;
                            foreign.get_or_insert(Reason::OtherTemplate { name: name.to_string() });
                        }
                    }
                    if after.first().is_none_or(|word| &**word != "config") {
                        foreign = Some(Reason::NoEffect { what: MANAGEMENT });
                    }
                    after
                }
                (["pre-rulebase", _], ..) => {
                    place.rules = Rules::Before;
                    break;
                }
                (["post-rulebase", _], ..) => {
                    place.rules = Rules::After;
                    break;
                }
                _ => break,
            };
        }
        Located { skip: path.len() - rest.len(), place, foreign }
    }
}

const MANAGEMENT: &str = "the management of several devices by Panorama";

fn rank(level: usize) -> u32 {
    u32::try_from(level).unwrap_or(u32::MAX).min(800)
}

/// Whether the word begins a setting of a device group that its devices get.
fn is_of_group(word: &str) -> bool {
    !matches!(
        word,
        "devices" | "description" | "parent-dg" | "reference-templates" | "master-device" | "to-sw-version"
    )
}

impl Survey {
    fn take(&mut self, raw: &Raw) {
        let mut rest = raw.path.as_slice();
        let mut in_template = false;
        while let [word, name, after @ ..] = rest {
            rest = match &**word {
                "config" | "shared" | "readonly" => rest.get(1..).unwrap_or_default(),
                "devices" => {
                    if !in_template {
                        self.device.get_or_insert_with(|| name.clone());
                    }
                    after
                }
                "vsys" => {
                    add(&mut self.vsys, name);
                    after
                }
                "device-group" => {
                    add(&mut self.groups, name);
                    if let [word, parent] = after
                        && &**word == "parent-dg"
                    {
                        self.parents.push((name.clone(), parent.clone()));
                    }
                    return;
                }
                "template" => {
                    add(&mut self.templates, name);
                    in_template = true;
                    after
                }
                "template-stack" => {
                    self.stack(name, after, raw.list.as_deref());
                    in_template = true;
                    after
                }
                _ => return,
            };
        }
    }

    fn stack(&mut self, name: &Word, after: &[Word], list: Option<&[Word]>) {
        let place = match self.stacks.iter().position(|(own, _)| own == name) {
            Some(place) => place,
            None => {
                self.stacks.push((name.clone(), alloc::vec![name.clone()]));
                self.stacks.len() - 1
            }
        };
        if let [word, single @ ..] = after
            && &**word == "templates"
            && let Some((_, templates)) = self.stacks.get_mut(place)
        {
            templates.extend(single.iter().chain(list.unwrap_or_default()).cloned());
        }
    }

    fn vsys(&self, asked: Option<&str>) -> Result<Option<Word>, ImportError> {
        match asked {
            Some(name) => find(&self.vsys, "virtual system", name).map(Some),
            None => {
                let usual = self.vsys.iter().find(|name| &***name == "vsys1");
                Ok(usual.or(self.vsys.first()).cloned())
            }
        }
    }

    fn group(&self, asked: Option<&str>) -> Result<Vec<Word>, ImportError> {
        let chosen = match asked {
            Some(name) => Some(find(&self.groups, "device group", name)?),
            None => {
                let is_parent = |group: &Word| self.parents.iter().any(|(_, parent)| parent == group);
                let mut leaves = self.groups.iter().filter(|group| !is_parent(group));
                leaves.next().filter(|_| leaves.next().is_none()).cloned()
            }
        };
        let mut groups: Vec<Word> = chosen.into_iter().collect();
        while let Some(last) = groups.last()
            && let Some((_, parent)) = self.parents.iter().find(|(child, _)| child == last)
            && !groups.contains(parent)
        {
            groups.push(parent.clone());
        }
        Ok(groups)
    }

    fn template(&self, asked: Option<&str>) -> Result<Vec<Word>, ImportError> {
        if let Some(name) = asked {
            if let Some((_, templates)) = self.stacks.iter().find(|(stack, _)| &**stack == name) {
                return Ok(templates.clone());
            }
            return Ok(alloc::vec![find(&self.templates, "template", name)?]);
        }
        match (self.stacks.as_slice(), self.templates.as_slice()) {
            ([(_, templates)], _) => Ok(templates.clone()),
            ([], [template]) => Ok(alloc::vec![template.clone()]),
            _ => Ok(Vec::new()),
        }
    }
}

fn add(names: &mut Vec<Word>, name: &Word) {
    if !names.contains(name) {
        names.push(name.clone());
    }
}

fn find(names: &[Word], kind: &'static str, asked: &str) -> Result<Word, ImportError> {
    names.iter().find(|name| &***name == asked).cloned().ok_or_else(|| ImportError::NoSuchPlace {
        kind,
        name: asked.to_string(),
        known: names.iter().take(16).map(ToString::to_string).collect(),
    })
}
