//! The bytes of what races: a program is the same as long as its bytes are, whatever git says of the folder beside it.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The bytes of the files that a lane, or the track, consists of.
#[derive(Clone, Debug)]
pub struct Bytes {
    files: Vec<(PathBuf, Option<Stamp>)>,
    /// Their hash; absent if one cannot be read, or there is none.
    hash: Option<String>,
}

/// The marks of a file that has not been written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    written: Option<SystemTime>,
    inode: u64,
}

impl Bytes {
    /// Reads these files.
    pub(crate) fn of(files: Vec<PathBuf>) -> Bytes {
        let stamps: Vec<_> = files.iter().map(|file| Stamp::of(file)).collect();
        // A program that was not built has no bytes, which are not those of an empty one.
        let hash = hash(&files).filter(|_| !files.is_empty());
        Bytes { files: files.into_iter().zip(stamps).collect(), hash }
    }

    /// Returns the hash, or "unknown".
    pub(crate) fn hash(&self) -> String {
        self.hash.clone().unwrap_or_else(|| "unknown".to_owned())
    }

    /// Tells whether the files have other bytes now.
    pub(crate) fn have_changed(&self) -> bool {
        // Who only copies or touches a file makes no other program of it.
        self.files.iter().any(|(file, stamp)| Stamp::of(file) != *stamp)
            && hash(self.files.iter().map(|(file, _)| file)) != self.hash
    }
}

impl Stamp {
    fn of(file: &Path) -> Option<Stamp> {
        let found = fs::metadata(file).ok()?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&found);
        #[cfg(not(unix))]
        let inode = 0;
        Some(Stamp { length: found.len(), written: found.modified().ok(), inode })
    }
}

/// Returns the files below a folder, in order, but for those of cargo's output and of what is hidden.
///
/// # Errors
///
/// If a folder cannot be read.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("failed to read {}", folder.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("failed to read {}", folder.display()))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_output = path.join("CACHEDIR.TAG").exists();
            match path.is_dir() {
                _ if name.starts_with('.') || is_output => {}
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Returns a hash of a text, as long as that of files.
pub(crate) fn hash_of_text(text: &str) -> String {
    letters(Sha256::new_with_prefix(text))
}

/// Returns a hash of files, one after the other, that is long enough to tell programs apart.
pub(crate) fn hash(files: impl IntoIterator<Item = impl AsRef<Path>>) -> Option<String> {
    Some(letters(whole_hash(files)?))
}

/// Returns the sum of a file, as `sha256sum` has it.
pub fn sum(file: &Path) -> Option<String> {
    Some(whole_hash([file])?.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn whole_hash(files: impl IntoIterator<Item = impl AsRef<Path>>) -> Option<Sha256> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    for file in files {
        let mut file = File::open(file).ok()?;
        loop {
            match file.read(&mut buffer).ok()? {
                0 => break,
                length => hash.update(&buffer[..length]),
            }
        }
    }
    Some(hash)
}

/// Writes the beginning of a hash.
fn letters(hash: Sha256) -> String {
    const LETTERS: usize = 16;
    let letters = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    letters[..LETTERS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_another_if_its_bytes_are_and_not_if_it_is_written_anew() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("program");
        let write = |text: &str| fs::write(&file, text).expect("the folder is ours");
        write("one");
        let bytes = Bytes::of(vec![file.clone()]);
        assert!(!bytes.have_changed());
        fs::remove_file(&file).expect("the folder is ours");
        assert!(bytes.have_changed(), "it is gone");
        write("one");
        assert!(!bytes.have_changed());
        write("two");
        assert!(bytes.have_changed());
        assert_ne!(bytes.hash(), Bytes::of(vec![file]).hash());
    }

    #[test]
    fn a_program_that_was_not_built_has_no_hash() {
        let none = Bytes::of(Vec::new());
        assert_eq!((&*none.hash(), none.have_changed()), ("unknown", false));
    }
}
