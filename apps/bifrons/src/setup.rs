//! What the engine judges by: a configuration, and who the users are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use bifrons_config::{Config, typed::AddressRange};
use bifrons_dataplane::Compiled;
use bifrons_model::Generation;
use bifrons_policy::{Policy, UserMap};
use clap::Args;

/// The configuration and the users, as several commands take them.
#[derive(Args)]
pub struct Setup {
    /// The configuration, as `set` lines [default: the built-in one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Who is behind which address: lines of an address, prefix or range, a user's name and the names of
    /// his groups
    #[arg(long, value_name = "FILE")]
    pub users: Option<PathBuf>,
}

impl Setup {
    /// Reads and compiles what was named.
    pub fn compile(&self) -> anyhow::Result<Compiled> {
        let config = match &self.config {
            Some(file) => crate::config::read(file, false)?,
            None => Config::tap(),
        };
        self.compile_with(&config)
    }

    /// Another configuration with the same users.
    pub fn compile_candidate(&self, file: &Path) -> anyhow::Result<Compiled> {
        self.compile_with(&crate::config::read(file, false)?)
    }

    fn compile_with(&self, config: &Config) -> anyhow::Result<Compiled> {
        let mut policy = Policy::compile(config, Generation(1));
        if let Some(file) = &self.users {
            policy = policy.with_users(&users(file)?);
        }
        Ok(Compiled::new(policy)?)
    }
}

fn users(file: &Path) -> anyhow::Result<UserMap> {
    let name = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("cannot read the users {name}"))?;
    let mut map = UserMap::default();
    for (number, line) in (1..).zip(text.lines()) {
        let mut words = line.split_whitespace();
        let Some(address) = words.next().filter(|word| !word.starts_with('#')) else { continue };
        let range = AddressRange::from_text(address).ok_or_else(|| {
            anyhow!("{name}: line {number}: {address}: expected an address, a prefix or a range first-last")
        })?;
        let user = words
            .next()
            .ok_or_else(|| anyhow!("{name}: line {number}: expected a user's name behind {address}"))?;
        map.map(range, user);
        words.for_each(|group| map.add_member(group, user));
    }
    Ok(map)
}
