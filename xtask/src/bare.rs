//! The engine builds for a target without an operating system.
//!
//! `x86_64-unknown-none` has no files, sockets, threads, clock or entropy, and no standard library that
//! could offer them. A crate that builds there is pure, and so is everything it depends on.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::Finding;
use crate::metadata::{self, Package};

const TARGET: &str = "x86_64-unknown-none";

/// Build every crate below `engine/` for the bare target.
pub fn run(root: &Path) -> Result<Vec<Finding>> {
    provide_target(root)?;
    let packages = metadata::packages(root)?;
    let arguments = build_arguments(&packages)?;
    // Flags of the surroundings would replace those that `.cargo/config.toml` gives the bare target.
    let mut build = metadata::cargo();
    build.args(&arguments).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let status = build.current_dir(root).status()?;
    if !status.success() {
        bail!("the engine does not build for {TARGET}: cargo {}", arguments.join(" "));
    }
    Ok(Vec::new())
}

fn build_arguments(packages: &[Package]) -> Result<Vec<&str>> {
    let mut arguments = vec!["build", "--locked", "--target", TARGET];
    let fixed = arguments.len();
    for package in packages.iter().filter(|package| package.is_engine()) {
        arguments.extend(["--package", &package.name]);
    }
    if arguments.len() == fixed {
        bail!("no crate found below engine/");
    }
    Ok(arguments)
}

/// Install the target's core library unless it is there.
fn provide_target(root: &Path) -> Result<()> {
    if target_installed(root)? {
        return Ok(());
    }
    println!("xtask bare: the target {TARGET} is missing; asking rustup for it");
    let added = Command::new("rustup").args(["target", "add", TARGET]).current_dir(root).status();
    if !added.is_ok_and(|status| status.success()) || !target_installed(root)? {
        bail!(
            "the target {TARGET} is not installed and rustup could not add it; \
             `rustup target add {TARGET}` once on a machine with network, then run this again"
        );
    }
    Ok(())
}

/// Whether the compiler of this folder has a core library for the target.
fn target_installed(root: &Path) -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("rustc cannot be started")?;
    let folder = String::from_utf8(output.stdout)?;
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, folder: &str) -> Package {
        Package { name: name.to_owned(), folder: folder.to_owned(), dependencies: Vec::new() }
    }

    #[test]
    fn builds_the_engine_and_nothing_else() {
        let packages = [
            package("bifrons-model", "engine/model"),
            package("bifrons-drivers", "host/drivers"),
            package("bifrons-wire", "engine/wire"),
        ];
        let arguments = build_arguments(&packages).unwrap().join(" ");
        assert!(arguments.ends_with("--package bifrons-model --package bifrons-wire"), "{arguments}");
        assert!(arguments.contains("--target x86_64-unknown-none"), "{arguments}");
    }

    #[test]
    fn an_empty_engine_is_an_error() {
        assert!(build_arguments(&[package("bifrons-drivers", "host/drivers")]).is_err());
    }
}
