//! Where the source is published, as a web address.

/// The https address of a remote as git writes it, without credentials and without `.git`.
///
/// None if it is no address on the web, such as a folder or a host by a short name, or cannot be told to be one.
pub(super) fn web_address(remote: &str) -> Option<String> {
    let remote = remote.trim();
    let (host, path) = match remote.split_once("://") {
        Some(("https", rest)) => without_user(rest).split_once('/')?,
        Some(("ssh", rest)) => {
            let (host, path) = without_user(rest).split_once('/')?;
            // The port is that of the shell's server.
            (host.split(':').next()?, path)
        }
        Some(_) => return None,
        None => {
            let (_, rest) = remote.split_once('@')?;
            rest.split_once(':')?
        }
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let of_host = |character: char| character.is_ascii_alphanumeric() || "-.:".contains(character);
    let of_path = |character: char| character.is_ascii_alphanumeric() || "-._~/".contains(character);
    let sound =
        host.contains('.') && host.chars().all(of_host) && !path.is_empty() && path.chars().all(of_path);
    sound.then(|| format!("https://{host}/{path}"))
}

/// The rest of an address, without the user and the password that may stand before its host.
fn without_user(rest: &str) -> &str {
    let end = rest.find('/').unwrap_or(rest.len());
    rest[..end].rfind('@').map_or(rest, |at| &rest[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_of_every_form_lead_to_one_address() {
        for remote in [
            "https://example.org/owner/repo",
            "https://example.org/owner/repo.git",
            "https://example.org/owner/repo/\n",
            "https://user@example.org/owner/repo.git",
            "https://user:secret@example.org/owner/repo.git",
            "https://user:s@cret@example.org/owner/repo.git",
            "git@example.org:owner/repo.git",
            "git@example.org:/owner/repo",
            "ssh://git@example.org/owner/repo.git",
            "ssh://git@example.org:2222/owner/repo.git",
            "ssh://example.org/owner/repo",
        ] {
            assert_eq!(web_address(remote).as_deref(), Some("https://example.org/owner/repo"), "{remote}");
        }
        let port = "https://example.org:8443/group/owner/repo.git";
        assert_eq!(web_address(port).as_deref(), Some("https://example.org:8443/group/owner/repo"));
    }

    #[test]
    fn what_is_no_place_on_the_web_is_unknown() {
        for remote in [
            "",
            "/srv/git/repo.git",
            "../repo",
            "C:\\repo",
            "file:///srv/git/repo.git",
            "git://example.org/owner/repo",
            "http://user:secret@example.org/owner/repo",
            "https://example.org",
            "https://example.org/",
            "git@work:owner/repo.git",
            "ssh://git@work/owner/repo",
            "https://example.org/owner/repo?token=secret",
            "https://example.org/owner/\"><script>",
        ] {
            assert_eq!(web_address(remote), None, "{remote}");
        }
    }
}
