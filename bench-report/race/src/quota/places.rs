//! The places where a control group for a run may be made, and the reasons why it cannot.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A version of control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// A tree for each controller.
    One,
    /// One tree for all.
    Two,
}

/// A group in which another may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) version: Version,
    pub(super) folder: PathBuf,
}

/// The controller of processors.
const CONTROLLER: &str = "cpu";

/// The words by which a user without rights gets a group of their own from systemd.
const BY_SYSTEMD: &str = "run it as root, or behind `systemd-run --user --scope --property=Delegate=yes`, which gives it groups of its own";

impl Place {
    /// Has the kernel give the groups in this one the controller of processors.
    ///
    /// # Errors
    ///
    /// One line that says why it cannot be, and what would help.
    pub(super) fn enable(&self) -> Result<(), String> {
        let file = self.folder.join("cgroup.subtree_control");
        if self.version == Version::One || has_controller(&file) {
            return Ok(());
        }
        super::set(&file, &format!("+{CONTROLLER}")).map_err(|error| refusal(&error, &self.folder))
    }
}

/// Finds the places below `root`, which is "/" but for tests: the own group of this process and those around it, nearest first.
///
/// Inside a container the path may lead nowhere: then the top is its own.
pub(super) fn find(root: &Path) -> Vec<Place> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let (mounts, groups) = (read("proc/self/mountinfo"), read("proc/self/cgroup"));
    let mut places = Vec::new();
    for version in [Version::Two, Version::One] {
        let mount = mounts.lines().filter_map(|line| mount(line, version)).next_back();
        let own = groups.lines().find_map(|line| own_group(line, version));
        let (Some((top, point)), Some(own)) = (mount, own) else { continue };
        let own = own.strip_prefix(top).unwrap_or(own).trim_start_matches('/');
        // What lies outside of a namespace of groups has a path that goes up.
        let own = if own.contains("..") { "" } else { own };
        let point = root.join(point.trim_start_matches('/'));
        let folders = Path::new(own).ancestors().map(|group| point.join(group));
        let usable = folders.filter(|folder| {
            folder.is_dir() && (version == Version::One || has_controller(&folder.join("cgroup.controllers")))
        });
        places.extend(usable.map(|folder| Place { version, folder }));
    }
    places
}

/// Reads a line of /proc/self/mountinfo: the group at the top of a mount that has the controller, and where it is mounted.
fn mount(line: &str, version: Version) -> Option<(&str, &str)> {
    let (fields, kind) = line.split_once(" - ")?;
    let mut fields = fields.split(' ').skip(3);
    let (top, point) = (fields.next()?, fields.next()?);
    let mut kind = kind.split(' ');
    let is_it = match (kind.next()?, version) {
        ("cgroup2", Version::Two) => true,
        ("cgroup", Version::One) => kind.nth(1)?.split(',').any(|option| option == CONTROLLER),
        _ => false,
    };
    is_it.then_some((top, point))
}

/// Reads a line of /proc/self/cgroup: the group of this process.
fn own_group(line: &str, version: Version) -> Option<&str> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, group) = (fields.next()?, fields.next()?);
    let is_it = match version {
        Version::Two => controllers.is_empty(),
        Version::One => controllers.split(',').any(|controller| controller == CONTROLLER),
    };
    is_it.then_some(group)
}

fn has_controller(file: &Path) -> bool {
    let controllers = fs::read_to_string(file).unwrap_or_default();
    controllers.split_whitespace().any(|controller| controller == CONTROLLER)
}

/// Says why no group can be made in a folder, and what would help.
pub(super) fn refusal(error: &io::Error, folder: &Path) -> String {
    let folder = folder.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("this user may make no control group in {folder}: {BY_SYSTEMD}")
        }
        io::ErrorKind::ReadOnlyFilesystem => format!(
            "{folder} is mounted read-only, as in most containers: have it mounted for writing, or give the container the quota"
        ),
        io::ErrorKind::ResourceBusy => format!(
            "the kernel passes no controller on from {folder}, which has processes of its own: {BY_SYSTEMD}"
        ),
        io::ErrorKind::NotFound => format!(
            "the groups in {folder} do not have the controller of processors: as root, write +cpu to its cgroup.subtree_control"
        ),
        _ => format!("no control group can be made in {folder} ({error}): {BY_SYSTEMD}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fake_root;

    const TWO: &str = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    const HYBRID: &str = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
        33 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    /// Returns the places, without what is in front of the groups.
    fn found(files: &[(&str, &str)]) -> Vec<(Version, String)> {
        let root = fake_root(files);
        let top = root.path().join("sys/fs/cgroup");
        let name = |place: Place| {
            let folder = place.folder.strip_prefix(&top).expect("it is there");
            (place.version, folder.display().to_string())
        };
        find(root.path()).into_iter().map(name).collect()
    }

    #[test]
    fn the_nearest_group_that_has_the_controller_comes_first() {
        let files = [
            ("proc/self/mountinfo", TWO),
            ("proc/self/cgroup", "0::/user/shell\n"),
            ("sys/fs/cgroup/cgroup.controllers", "cpuset cpu memory\n"),
            ("sys/fs/cgroup/user/cgroup.controllers", "cpu memory\n"),
            ("sys/fs/cgroup/user/shell/cgroup.controllers", "memory\n"),
        ];
        assert_eq!(found(&files), [(Version::Two, "user".to_owned()), (Version::Two, String::new())]);
    }

    #[test]
    fn the_first_version_is_used_where_the_second_lacks_the_controller() {
        let files = [
            ("proc/self/mountinfo", HYBRID),
            ("proc/self/cgroup", "2:cpuset:/else\n1:cpu,cpuacct:/docker/1\n0::/\n"),
            ("sys/fs/cgroup/cpu/cpu.shares", "1024\n"),
            ("sys/fs/cgroup/unified/cgroup.controllers", "hugetlb\n"),
        ];
        assert_eq!(found(&files), [(Version::One, "cpu".to_owned())], "its own group is elsewhere");
    }

    #[test]
    fn the_top_of_a_container_is_where_it_is_mounted() {
        let mount = "31 23 0:28 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        for own in ["0::/docker/1\n", "0::/../2\n", "0::/\n"] {
            let files = [
                ("proc/self/mountinfo", mount),
                ("proc/self/cgroup", own),
                ("sys/fs/cgroup/cgroup.controllers", "cpu\n"),
            ];
            assert_eq!(found(&files), [(Version::Two, String::new())], "{own}");
        }
        assert_eq!(found(&[]), [], "there are none");
    }

    #[test]
    fn a_controller_is_passed_on_once() {
        let root = fake_root(&[("cgroup.subtree_control", "memory\n")]);
        let place = |version| Place { version, folder: root.path().to_owned() };
        let control = || fs::read_to_string(root.path().join("cgroup.subtree_control"));
        assert_eq!(place(Version::One).enable(), Ok(()));
        assert_eq!(control().ok().as_deref(), Some("memory\n"), "the first version passes all on");
        assert_eq!(place(Version::Two).enable(), Ok(()));
        assert_eq!(control().ok().as_deref(), Some("+cpury\n"), "a kernel would add it");
        fs::write(root.path().join("cgroup.subtree_control"), "cpu memory\n").expect("the folder is ours");
        assert_eq!(place(Version::Two).enable(), Ok(()));
        assert_eq!(control().ok().as_deref(), Some("cpu memory\n"));
    }

    #[test]
    fn a_refusal_says_what_would_help() {
        use nix::errno::Errno::{EACCES, EBUSY, ENOENT, EPERM, EROFS};
        for (code, helps) in [
            (EACCES, "systemd-run"),
            (EPERM, "as root"),
            (EROFS, "give the container the quota"),
            (EBUSY, "has processes of its own"),
            (ENOENT, "+cpu"),
        ] {
            let words = refusal(&io::Error::from_raw_os_error(code as i32), Path::new("/groups"));
            assert!(words.contains(helps) && words.contains("/groups"), "{words}");
            assert_eq!(words.lines().count(), 1);
        }
    }
}
