//! Values of an option that are known by name, each with a few words about it.

use std::{ffi::OsStr, fmt::Write as _};

use clap::{
    Arg, Command, Error,
    builder::{PossibleValue, TypedValueParser},
    error::ErrorKind,
};

/// Takes one of these names, and tells all of them to who gives another one.
#[derive(Clone, Copy)]
pub struct Named {
    /// What a name names: `story`.
    pub what: &'static str,
    /// The names, and what is told of each.
    pub names: &'static [(&'static str, &'static str)],
}

impl TypedValueParser for Named {
    type Value = String;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        let given = value.to_string_lossy();
        if self.names.iter().any(|(name, _)| *name == given) {
            return Ok(given.into_owned());
        }
        let width = self.names.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let mut text = format!("no {} `{given}`; there are\n", self.what);
        for (name, about) in self.names {
            // Writing into a string does not fail.
            let _ = writeln!(text, "  {name:<width$}  {about}");
        }
        Err(Error::raw(ErrorKind::InvalidValue, text).with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names.iter().map(|(name, about)| PossibleValue::new(*name).help(*about))))
    }
}
