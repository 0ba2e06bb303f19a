//! Worlds that are built to measure one thing. What comes of an experiment is a list of figures and whether
//! they are what they must be.

pub mod flood;

use crate::{run::Build, shadow::Failure};

/// The experiments there are.
pub const EXPERIMENTS: [&str; 1] = ["flood"];

/// A number that an experiment has found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// What was counted.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what; a count of things that the name says has none.
    pub unit: &'static str,
}

/// What came of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// What was measured.
    pub figures: Vec<Figure>,
    /// Expectations of the experiment that were not met, a sentence each.
    pub unmet: Vec<String>,
    /// What the shadow noticed.
    pub failure: Option<Failure>,
}

impl Findings {
    /// Whether everything is as it must be.
    pub fn are_good(&self) -> bool {
        self.unmet.is_empty() && self.failure.is_none()
    }

    /// The value of a figure.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }
}

/// Makes an experiment.
///
/// # Errors
/// When there is none of this name, or the firewall refuses its configuration.
pub fn conduct(name: &str, build: Build<'_>) -> Result<Findings, String> {
    match name {
        "flood" => flood::Siege::default().conduct(build),
        _ => Err(format!("no experiment {name}; there are {}", EXPERIMENTS.join(", "))),
    }
}
