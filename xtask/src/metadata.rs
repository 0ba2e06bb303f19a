//! What cargo knows about the crates of the workspace.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// One crate of the workspace.
#[derive(Clone, Debug)]
pub struct Package {
    pub name: String,
    /// Folder below the root of the repository, such as `engine/model`.
    pub folder: String,
    pub dependencies: Vec<Dependency>,
}

/// One line of a crate's dependency tables.
#[derive(Clone, Debug)]
pub struct Dependency {
    pub name: String,
    pub kind: Kind,
}

/// The table in which a dependency stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Normal,
    Build,
    Development,
}

impl Package {
    pub fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    pub fn is_engine(&self) -> bool {
        self.folder.starts_with("engine/")
    }
}

/// Every crate of the workspace at `root`, in the order of its folder.
pub fn packages(root: &Path) -> Result<Vec<Package>> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps"];
    let text = match run_cargo(root, &[arguments.as_slice(), &["--offline"]].concat()) {
        Ok(text) => text,
        Err(_) => run_cargo(root, &arguments)?,
    };
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata printed no JSON")?;
    parse(&metadata)
}

/// The cargo that started this program, or the one in the path.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn run_cargo(root: &Path, arguments: &[&str]) -> Result<String> {
    let output = cargo().args(arguments).current_dir(root).output().context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn parse(metadata: &Value) -> Result<Vec<Package>> {
    let root = text(metadata, "workspace_root")?;
    let packages = metadata["packages"].as_array().context("cargo metadata: no list of packages")?;
    let mut packages: Vec<Package> =
        packages.iter().map(|package| parse_package(package, root)).collect::<Result<_>>()?;
    packages.sort_by(|left, right| left.folder.cmp(&right.folder));
    Ok(packages)
}

fn parse_package(package: &Value, root: &str) -> Result<Package> {
    let name = text(package, "name")?.to_owned();
    let manifest = Path::new(text(package, "manifest_path")?);
    let folder = manifest
        .strip_prefix(root)
        .ok()
        .and_then(Path::parent)
        .with_context(|| format!("{name}: the manifest {} is outside {root}", manifest.display()))?
        .to_string_lossy()
        .into_owned();
    let dependencies = package["dependencies"].as_array().context("cargo metadata: no dependencies")?;
    let dependencies = dependencies.iter().map(parse_dependency).collect::<Result<_>>()?;
    Ok(Package { name, folder, dependencies })
}

fn parse_dependency(dependency: &Value) -> Result<Dependency> {
    let kind = match dependency["kind"].as_str() {
        None => Kind::Normal,
        Some("build") => Kind::Build,
        Some("dev") => Kind::Development,
        Some(other) => bail!("cargo metadata: dependency kind {other} is not known"),
    };
    Ok(Dependency { name: text(dependency, "name")?.to_owned(), kind })
}

fn text<'value>(value: &'value Value, field: &str) -> Result<&'value str> {
    value[field].as_str().with_context(|| format!("cargo metadata: no text field {field}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_folder_and_kinds() {
        let metadata = json!({ "workspace_root": "/r", "packages": [{
            "name": "bifrons-wire", "manifest_path": "/r/engine/wire/Cargo.toml", "dependencies": [
                { "name": "bifrons-model", "kind": null },
                { "name": "proptest", "kind": "dev" },
                { "name": "cc", "kind": "build" },
            ],
        }]});
        let packages = parse(&metadata).unwrap();
        assert_eq!(packages[0].folder, "engine/wire");
        assert!(packages[0].is_engine());
        let kinds: Vec<Kind> = packages[0].dependencies.iter().map(|dependency| dependency.kind).collect();
        assert_eq!(kinds, [Kind::Normal, Kind::Development, Kind::Build]);
    }

    #[test]
    fn refuses_a_kind_that_cargo_may_invent() {
        assert!(parse_dependency(&json!({ "name": "x", "kind": "runtime" })).is_err());
    }

    #[test]
    fn finds_this_workspace() {
        let packages = packages(&crate::repository_root()).unwrap();
        assert!(packages.iter().any(|package| package.folder == "engine/model"));
        assert!(packages.iter().any(|package| package.folder == "xtask"));
    }
}
