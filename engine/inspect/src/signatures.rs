//! Texts that name an application inside the protocol that carries it: those of the catalogue, and those of
//! the custom applications that a configuration defines.
//!
//! Whoever reads a protocol hands over the texts it comes across, each with its [`Context`]. One automaton
//! holds a literal of every signature of every context, so that a text is passed over once however many
//! signatures there are; a hit is confirmed by what the signature asks for: where the literal must stand,
//! or the whole expression.
//!
//! A custom application takes precedence over those of the catalogue, an earlier one over a later one.
//! Among those of the catalogue the better kind of evidence wins, and then the longer text.

mod context;
mod matching;
mod pattern;
mod ports;

pub use context::{Context, Number};
pub(crate) use matching::Matching;

use alloc::{string::String, vec::Vec};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use bifrons_catalog::applications;
use bifrons_config::typed::{CustomApplication, Signature, SignatureTest};
use bifrons_model::AppId;

use context::{ContextSet, Place};
use pattern::Pattern;
use ports::PortRules;

/// Every signature, compiled. Shared by all sessions that began under one configuration. The default knows
/// none.
#[derive(Clone, Debug, Default)]
pub struct Signatures {
    /// What was compiled, besides the catalogue; `None` where nothing was.
    sources: Option<Vec<(AppId, CustomApplication)>>,
    /// The literals of all contexts at once.
    literals: Option<AhoCorasick>,
    /// What each literal of the automaton belongs to.
    uses: Vec<Vec<Use>>,
    tests: Vec<Test>,
    /// Tests without a literal: they are made at each text of their context.
    direct: Vec<u32>,
    custom: Vec<Compiled>,
    ports: PortRules,
    wanted: ContextSet,
}

/// Why a custom application's signature cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("application {application}, signature {signature}: {reason}")]
pub struct SignatureError {
    /// The application's name.
    pub application: String,
    /// The signature's name.
    pub signature: String,
    /// What is wrong.
    pub reason: SignatureProblem,
}

/// What is wrong with a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureProblem {
    /// A context that is not known, or has no values of the kind that the operator compares.
    #[error("unknown context {0:?} for {1}")]
    UnknownContext(String, &'static str),
    /// An expression that is not one.
    #[error("pattern {0:?}: {1}")]
    Pattern(String, String),
    /// A signature without a condition, or a condition without a test.
    #[error("nothing to match")]
    Empty,
    /// More and-conditions than [`MOST_CONDITIONS`].
    #[error("{0} and-conditions: expected at most {MOST_CONDITIONS}")]
    TooManyConditions(usize),
    /// All signatures together outgrow the automaton.
    #[error("the signatures are too large together")]
    TooLarge,
}

/// And-conditions that one signature may have.
pub const MOST_CONDITIONS: usize = 32;

/// One thing that a literal belongs to.
#[derive(Clone, Copy, Debug)]
enum Use {
    /// It names an application of the catalogue, if it stands where it must.
    Catalogue { place: Place, length: usize, app: AppId },
    /// Part of a custom application's pattern.
    Test(u32),
}

/// One test of a custom application's signature.
#[derive(Clone, Debug)]
struct Test {
    signature: u32,
    condition: u32,
    kind: TestKind,
}

#[derive(Clone, Debug)]
enum TestKind {
    Pattern { context: Context, pattern: Pattern },
    Equal { context: Context, position: usize, mask: u32, value: u32 },
    Number { number: Number, range: (u32, u32) },
}

/// A custom application's signature.
#[derive(Clone, Debug)]
struct Compiled {
    app: AppId,
    parent: Option<AppId>,
    conditions: u32,
    is_ordered: bool,
    is_session_wide: bool,
}

impl Signatures {
    /// Those of the catalogue alone.
    pub fn builtin() -> Self {
        Self::new(&[]).unwrap_or_default()
    }

    /// Those of the catalogue and of these custom applications.
    ///
    /// # Errors
    ///
    /// When a signature names an unknown context or its pattern is none that can be matched.
    pub fn new(custom: &[(AppId, &CustomApplication)]) -> Result<Self, SignatureError> {
        let mut builder = Builder::default();
        builder.add_catalogue();
        for (app, application) in custom {
            for signature in &application.signatures {
                builder.add(*app, application, signature).map_err(|reason| SignatureError {
                    application: application.name.clone(),
                    signature: signature.name.clone(),
                    reason,
                })?;
            }
        }
        builder.finish(custom).map_err(|reason| SignatureError {
            application: String::new(),
            signature: String::new(),
            reason,
        })
    }

    /// Whether `new` would make these of the custom applications.
    pub fn are_of(&self, custom: &[(AppId, &CustomApplication)]) -> bool {
        let own = self.sources.iter().flatten().map(|(app, application)| (*app, application));
        self.sources.is_some() && own.eq(custom.iter().copied())
    }

    /// The custom application without signatures whose ports a TCP or UDP session to `port` is on; for
    /// sessions that nothing else identifies.
    pub fn by_port(&self, protocol: u8, port: u16) -> Option<AppId> {
        self.ports.by_port(protocol, port)
    }

    /// The custom application that is an IP protocol of its own.
    pub fn by_protocol(&self, protocol: u8) -> Option<AppId> {
        self.ports.by_protocol(protocol)
    }

    /// The custom application that is a kind of ICMP (`protocol` 1) or ICMPv6 (58) message.
    pub fn by_icmp(&self, protocol: u8, kind: u8, code: u8) -> Option<AppId> {
        self.ports.by_icmp(protocol, kind, code)
    }

    /// Whether a signature asks for this context.
    pub fn wants(&self, context: Context) -> bool {
        self.wanted.has(context)
    }
}

#[derive(Default)]
struct Builder {
    signatures: Signatures,
    literals: Vec<Vec<u8>>,
}

impl Builder {
    fn add_catalogue(&mut self) {
        for application in applications() {
            for signature in application.signatures {
                for place in Place::of(signature.context) {
                    self.signatures.wanted.add(place.context());
                    let length = signature.text.len();
                    let one = Use::Catalogue { place: *place, length, app: application.id };
                    self.add_literal(signature.text.to_ascii_lowercase().into_bytes(), one);
                }
            }
        }
    }

    /// Equal literals share one entry of the automaton.
    fn add_literal(&mut self, literal: Vec<u8>, one: Use) {
        match self.literals.iter().position(|known| *known == literal) {
            Some(place) => self.signatures.uses[place].push(one),
            None => {
                self.literals.push(literal);
                self.signatures.uses.push([one].into());
            }
        }
    }

    fn add(
        &mut self,
        app: AppId,
        application: &CustomApplication,
        signature: &Signature,
    ) -> Result<(), SignatureProblem> {
        let count = signature.conditions.len();
        if count > MOST_CONDITIONS {
            return Err(SignatureProblem::TooManyConditions(count));
        }
        if count == 0 || signature.conditions.iter().any(|condition| condition.tests.is_empty()) {
            return Err(SignatureProblem::Empty);
        }
        let place = self.signatures.custom.len() as u32;
        self.signatures.custom.push(Compiled {
            app,
            parent: application.parent,
            conditions: count as u32,
            is_ordered: !signature.order_free,
            is_session_wide: signature.scope_session,
        });
        for (condition, tests) in signature.conditions.iter().enumerate() {
            for test in &tests.tests {
                self.add_test(place, condition as u32, test)?;
            }
        }
        Ok(())
    }

    fn add_test(
        &mut self,
        signature: u32,
        condition: u32,
        test: &SignatureTest,
    ) -> Result<(), SignatureProblem> {
        let place = self.signatures.tests.len() as u32;
        let kind = match test {
            SignatureTest::Pattern { context, pattern } => {
                let context = self.text_context(context, "pattern-match")?;
                let (compiled, literals) = Pattern::compile(pattern)
                    .map_err(|problem| SignatureProblem::Pattern(pattern.clone(), problem))?;
                literals.into_iter().for_each(|literal| self.add_literal(literal, Use::Test(place)));
                TestKind::Pattern { context, pattern: compiled }
            }
            SignatureTest::Equal { context, position, mask, value } => {
                self.signatures.direct.push(place);
                match Number::by_name(context) {
                    Some(number) => TestKind::Number { number, range: (*value, *value) },
                    None => TestKind::Equal {
                        context: self.text_context(context, "equal-to")?,
                        position: *position as usize,
                        mask: *mask,
                        value: *value,
                    },
                }
            }
            SignatureTest::Greater { context, value } => {
                self.signatures.direct.push(place);
                let number = number(context, "greater-than")?;
                // Nothing is above the highest number: a range that holds none.
                let range = value.checked_add(1).map_or((1, 0), |first| (first, u32::MAX));
                TestKind::Number { number, range }
            }
            SignatureTest::Less { context, value } => {
                self.signatures.direct.push(place);
                let number = number(context, "less-than")?;
                TestKind::Number { number, range: value.checked_sub(1).map_or((1, 0), |last| (0, last)) }
            }
        };
        if let TestKind::Number { number, .. } = kind {
            self.signatures.wanted.add(number.context());
        }
        self.signatures.tests.push(Test { signature, condition, kind });
        Ok(())
    }

    fn text_context(&mut self, name: &str, operator: &'static str) -> Result<Context, SignatureProblem> {
        let unknown = || SignatureProblem::UnknownContext(name.into(), operator);
        let context = Context::by_name(name).ok_or_else(unknown)?;
        self.signatures.wanted.add(context);
        Ok(context)
    }

    fn finish(mut self, custom: &[(AppId, &CustomApplication)]) -> Result<Signatures, SignatureProblem> {
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&self.literals)
            .map_err(|_| SignatureProblem::TooLarge)?;
        self.signatures.literals = Some(automaton);
        self.signatures.ports = PortRules::new(custom);
        self.signatures.sources = Some(custom.iter().map(|(app, own)| (*app, (*own).clone())).collect());
        Ok(self.signatures)
    }
}

fn number(name: &str, operator: &'static str) -> Result<Number, SignatureProblem> {
    Number::by_name(name).ok_or_else(|| SignatureProblem::UnknownContext(name.into(), operator))
}

#[cfg(test)]
mod tests;
