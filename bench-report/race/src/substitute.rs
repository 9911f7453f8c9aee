//! Tracks in which one package is another than in the lock file: an older version of a runtime, a fork of it, or the same one
//! compiled with a flag.
//!
//! A copy of the workspace is made below the target folder, asks for the other package, and is built there. All else is as
//! the lock file has it, but for what the other package needs. The workspace itself is only read.

mod clone;
mod lock;
mod metadata;
mod tree;
mod workshop;

use std::{fmt, path::PathBuf, str::FromStr};

pub use workshop::{Made, Resolved, Workshop};

/// A package that is asked for in the place of that of the lock file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its name.
    pub package: String,
    /// The place that it is to come from.
    pub origin: Origin,
}

/// The place that a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The registry, in this version.
    Version(String),
    /// A folder, which holds the package or a workspace with it.
    Folder(PathBuf),
    /// A revision of a repository of git, which holds the package or a workspace with it.
    Git {
        /// The address of the repository.
        url: String,
        /// The branch, tag or commit.
        revision: String,
    },
    /// The lock file, as today; but the whole track is compiled with `--cfg` and this name.
    Flag(String),
}

impl FromStr for Wish {
    type Err = String;

    /// Reads `PACKAGE@VERSION`, `PACKAGE=PATH`, `PACKAGE=URL#REVISION` or `PACKAGE+FLAG`.
    fn from_str(text: &str) -> Result<Wish, String> {
        let malformed = || format!("`{text}` is none of PACKAGE@VERSION, PACKAGE=PATH and PACKAGE+FLAG");
        let end = text.find(['@', '=', '+']).ok_or_else(malformed)?;
        let (package, rest) = (&text[..end], &text[end + 1..]);
        let origin = match &text[end..=end] {
            _ if rest.is_empty() => return Err(malformed()),
            "=" if is_url(rest) => Origin::of_repository(rest)?,
            "=" => Origin::Folder(PathBuf::from(rest)),
            "@" if is_complete(rest) => Origin::Version(rest.to_owned()),
            "@" => return Err(format!("`{rest}` is no complete version, such as 1.51.1")),
            _ if is_flag(rest) => Origin::Flag(rest.to_owned()),
            _ => return Err(format!("`{rest}` is no name for --cfg, such as tokio_unstable")),
        };
        let of_name = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        if !package.starts_with(|letter: char| letter.is_ascii_alphanumeric())
            || !package.chars().all(of_name)
        {
            return Err(malformed());
        }
        Ok(Wish { package: package.to_owned(), origin })
    }
}

impl Origin {
    /// Reads `URL#REVISION`.
    fn of_repository(text: &str) -> Result<Origin, String> {
        match text.rsplit_once('#') {
            // Git would take one that begins with a dash for an option.
            Some((url, revision)) if !revision.is_empty() && !revision.starts_with('-') => {
                Ok(Origin::Git { url: url.to_owned(), revision: revision.to_owned() })
            }
            _ => Err(format!("`{text}` names no revision, as {text}#main does")),
        }
    }
}

/// Tells whether git finds a repository by this text, and not a folder.
fn is_url(text: &str) -> bool {
    text.contains("://") || text.starts_with("git@")
}

/// Tells whether a version has all of its three numbers, and nothing that could not be the name of a file.
fn is_complete(version: &str) -> bool {
    let numbers = version.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_digit());
    numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && version.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-+".contains(letter))
}

/// Tells whether this is a name as `--cfg` takes it.
fn is_flag(name: &str) -> bool {
    !name.starts_with(|letter: char| letter.is_ascii_digit())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

impl fmt::Display for Wish {
    /// Writes it as it is typed.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Version(version) => write!(formatter, "{}@{version}", self.package),
            Origin::Folder(folder) => write!(formatter, "{}={}", self.package, folder.display()),
            Origin::Git { url, revision } => write!(formatter, "{}={url}#{revision}", self.package),
            Origin::Flag(flag) => write!(formatter, "{}+{flag}", self.package),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_read_and_written_alike() {
        for text in [
            "tokio@1.51.1",
            "async-executor@1.14.0-beta.1+built",
            "tokio=../tokio",
            "tokio=/forks/a=b@c+d",
            "tokio=https://example.org/tokio#v1.2",
            "tokio=git@example.org:tokio.git#0a1b2c3",
            "tokio+tokio_unstable",
        ] {
            assert_eq!(text.parse::<Wish>().map(|wish| wish.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_wish_is_refused_with_the_form_that_is_one() {
        for text in ["tokio", "tokio@", "tokio+", "=../tokio", "+flag", "to/kio@1.2.3", "--quick@1.2.3"] {
            let refusal = text.parse::<Wish>();
            assert!(refusal.is_err_and(|words| words.contains("PACKAGE@VERSION")), "{text}");
        }
        for version in ["1.51", "1", "^1.51.1", "1.x.0", "1.51.1/..", "latest"] {
            let refusal = format!("tokio@{version}").parse::<Wish>();
            assert!(refusal.is_err_and(|words| words.contains("complete version")), "{version}");
        }
        for url in ["https://example.org/tokio", "file:///tokio#", "git@example.org:tokio#--all"] {
            let refusal = format!("tokio={url}").parse::<Wish>();
            assert!(refusal.is_err_and(|words| words.contains("names no revision")), "{url}");
        }
        for flag in ["a b", "1st", "a=\"b\"", "--cfg"] {
            let refusal = format!("tokio+{flag}").parse::<Wish>();
            assert!(refusal.is_err_and(|words| words.contains("no name for --cfg")), "{flag}");
        }
    }
}
