//! The copy of a workspace in which one package is another.
//!
//! There is one such tree, whatever it was last used for: what two versions have in common is compiled once. A file is
//! written only if it changes, so that cargo knows what is fresh.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::metadata::Metadata;
use crate::program::files_below;

/// The lock file of a workspace.
pub(super) const LOCK: &str = "Cargo.lock";

/// The manifest of a workspace or a package.
pub(super) const MANIFEST: &str = "Cargo.toml";

/// The tables of a manifest that name packages, wherever they are.
const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// A package that a tree is to ask for.
#[derive(Clone, Debug)]
pub(super) struct Asked<'a> {
    pub(super) package: &'a str,
    pub(super) version: &'a str,
    /// The folder that it is in; the registry has it if absent.
    pub(super) folder: Option<&'a Path>,
}

/// Copies the manifests, the sources and the lock file of a workspace, with the requirement changed to what is `asked` for;
/// what is there besides is removed.
///
/// # Errors
///
/// If a file cannot be read or written, or a manifest is none.
pub(super) fn copy(workspace: &Path, metadata: &Metadata, to: &Path, asked: &Asked<'_>) -> Result<()> {
    let mut files = vec![PathBuf::from(MANIFEST), PathBuf::from(LOCK)];
    for member in metadata.members() {
        files.extend(files_below(member.folder())?.iter().filter_map(|file| relative(workspace, file)));
    }
    let files: BTreeSet<PathBuf> = files.into_iter().collect();
    if to.exists() {
        for file in files_below(to)? {
            if relative(to, &file).is_some_and(|file| !files.contains(&file)) {
                fs::remove_file(&file).with_context(|| format!("failed to remove {}", file.display()))?;
            }
        }
    }
    for file in &files {
        let from = workspace.join(file);
        let mut content = fs::read(&from).with_context(|| format!("failed to read {}", from.display()))?;
        if file.file_name().is_some_and(|name| name == MANIFEST) {
            let text = String::from_utf8_lossy(&content);
            let is_root = file.parent() == Some(Path::new(""));
            let changed = changed(&text, asked, is_root);
            content = changed.with_context(|| format!("failed to read {}", from.display()))?.into_bytes();
        }
        write_if_other(&to.join(file), &content)?;
    }
    Ok(())
}

/// Writes a file unless it has this content: cargo takes a file for changed that was written.
///
/// # Errors
///
/// If it cannot be written.
pub(super) fn write_if_other(file: &Path, content: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|before| before == content) {
        return Ok(());
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, content))
        .with_context(|| format!("failed to write {}", file.display()))
}

fn relative(folder: &Path, file: &Path) -> Option<PathBuf> {
    file.strip_prefix(folder).ok().map(Path::to_owned)
}

/// Returns a manifest that requires exactly what is asked for, where it requires the package; that of the workspace also
/// says in which folder it is.
fn changed(manifest: &str, asked: &Asked<'_>, is_root: bool) -> Result<String> {
    let mut table: Table = manifest.parse()?;
    require(&mut table, asked);
    if let Some(Value::Table(workspace)) = table.get_mut("workspace") {
        require(workspace, asked);
    }
    if let Some(Value::Table(targets)) = table.get_mut("target") {
        targets.iter_mut().filter_map(|(_, of_target)| of_target.as_table_mut()).for_each(|of_target| {
            require(of_target, asked);
        });
    }
    if let Some(folder) = asked.folder.filter(|_| is_root) {
        let path = Table::from_iter([("path".to_owned(), folder.display().to_string().into())]);
        let patches = table.entry("patch").or_insert_with(|| Table::new().into());
        let patches = patches.as_table_mut().context("`patch` is no table")?;
        let of_registry = patches.entry("crates-io").or_insert_with(|| Table::new().into());
        let of_registry = of_registry.as_table_mut().context("`patch.crates-io` is no table")?;
        of_registry.insert(asked.package.to_owned(), path.into());
    }
    Ok(toml::to_string(&table)?)
}

/// Changes the requirement in the tables of dependencies. One that refers to the workspace has none.
fn require(table: &mut Table, asked: &Asked<'_>) {
    let exactly = format!("={}", asked.version);
    for name in TABLES {
        let Some(Value::Table(dependencies)) = table.get_mut(name) else { continue };
        for (name, dependency) in dependencies.iter_mut() {
            match dependency {
                Value::String(version) if name == asked.package => version.clone_from(&exactly),
                Value::Table(details) => {
                    let package = details.get("package").and_then(Value::as_str).unwrap_or(name);
                    if package == asked.package && details.contains_key("version") {
                        details.insert("version".to_owned(), exactly.clone().into());
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKIO: Asked<'_> = Asked { package: "tokio", version: "1.51.1", folder: None };

    fn of(manifest: &str, asked: &Asked<'_>) -> Table {
        changed(manifest, asked, true).expect("it is a manifest").parse().expect("it is still one")
    }

    #[test]
    fn the_package_is_required_exactly_wherever_it_is_required() {
        let manifest = r#"
            [workspace.dependencies]
            tokio = { version = "1.54", features = ["net"] }
            smol = "2"
            [dependencies]
            tokio = "1"
            [dev-dependencies]
            old = { package = "tokio", version = "1.40" }
            [target.'cfg(unix)'.dependencies]
            tokio.workspace = true
        "#;
        let table = of(manifest, &TOKIO);
        let tokio = &table["workspace"]["dependencies"]["tokio"];
        assert_eq!(
            (tokio["version"].as_str(), tokio["features"][0].as_str()),
            (Some("=1.51.1"), Some("net"))
        );
        assert_eq!(table["workspace"]["dependencies"]["smol"].as_str(), Some("2"));
        assert_eq!(table["dependencies"]["tokio"].as_str(), Some("=1.51.1"));
        assert_eq!(table["dev-dependencies"]["old"]["version"].as_str(), Some("=1.51.1"));
        let of_target = &table["target"]["cfg(unix)"]["dependencies"]["tokio"];
        assert_eq!(of_target.as_table().map(Table::len), Some(1), "the workspace has its version");
    }

    #[test]
    fn a_folder_takes_the_place_of_the_registry() {
        let asked = Asked { folder: Some(Path::new("/forks/tokio")), ..TOKIO };
        let table = of("[workspace]\n[patch.crates-io]\nsmol = { path = \"/smol\" }", &asked);
        let patches = &table["patch"]["crates-io"];
        assert_eq!(patches["tokio"]["path"].as_str(), Some("/forks/tokio"));
        assert_eq!(patches["smol"]["path"].as_str(), Some("/smol"), "what was patched stays so");
    }

    #[test]
    fn a_file_that_is_the_same_is_not_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("deep/file");
        write_if_other(&file, b"one").expect("the folder is ours");
        let before = fs::metadata(&file).and_then(|found| found.modified()).expect("it is there");
        write_if_other(&file, b"one").expect("the folder is ours");
        assert_eq!(fs::metadata(&file).and_then(|found| found.modified()).expect("it is there"), before);
        write_if_other(&file, b"two").expect("the folder is ours");
        assert_eq!(fs::read(&file).expect("it is there"), b"two");
    }
}
