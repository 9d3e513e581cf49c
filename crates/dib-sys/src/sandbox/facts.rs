//! What the machine says about the caller's right to make a sandbox.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use nix::unistd::{Uid, User, geteuid};

use super::identity::{IdRange, parse_id_map, parse_subordinate_ranges};

/// The number of the right to mount and to make namespaces (`capabilities(7)`).
const CAP_SYS_ADMIN: u32 = 21;

/// What decides whether a sandbox can be made, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and any mix of them occurs"
)]
pub struct Facts {
    /// The caller's name, or its number when it has none.
    pub user: String,
    /// The caller's effective user number.
    pub uid: u32,
    /// The caller's effective group number.
    pub gid: u32,
    /// The running program, as an `AppArmor` profile names it.
    pub program: Utf8PathBuf,
    /// Whether the caller holds `CAP_SYS_ADMIN`.
    pub may_administer: bool,
    /// Whether the caller gave up privileges by programs such as newuidmap for good (`no_new_privs`).
    pub no_new_privileges: bool,
    /// Whether a seccomp filter stands between the caller and the kernel.
    pub filtered: bool,
    /// Whether `/` is a mount point; it is not in a bare chroot.
    pub root_is_mount_point: bool,
    /// `user.max_user_namespaces`, if the kernel has it.
    pub max_user_namespaces: Option<u64>,
    /// `kernel.unprivileged_userns_clone`, if the kernel has it.
    pub unprivileged_clone: Option<bool>,
    /// Whether `AppArmor` takes the rights from user namespaces of programs without a profile.
    pub apparmor_restricts: bool,
    /// The user's numbers in `/etc/subuid`.
    pub subordinate_uids: Subordinates,
    /// The user's numbers in `/etc/subgid`.
    pub subordinate_gids: Subordinates,
    /// The program that writes the map of users.
    pub newuidmap: MapTool,
    /// The program that writes the map of groups.
    pub newgidmap: MapTool,
    /// The users the caller's own namespace knows, each mapped on itself.
    pub own_uids: Vec<IdRange>,
    /// The groups the caller's own namespace knows, each mapped on itself.
    pub own_gids: Vec<IdRange>,
}

/// The ranges a user may map, and where the next free one starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subordinates {
    /// Ranges as first number and count.
    pub ranges: Vec<(u32, u32)>,
    /// The first number above every user's range, for the command that adds one.
    pub next_free: u32,
}

impl Subordinates {
    /// Returns how many numbers the ranges hold together.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.ranges.iter().map(|&(_, count)| u64::from(count)).sum()
    }
}

/// The state of `newuidmap` or `newgidmap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapTool {
    /// It is in no directory of `PATH`.
    Missing,
    /// It is there but neither setuid root nor given its file capability.
    Unprivileged(Utf8PathBuf),
    /// It can be used.
    Ready(Utf8PathBuf),
}

impl Facts {
    /// Asks the machine.
    #[must_use]
    pub fn gather() -> Self {
        let uid = geteuid();
        let user = match User::from_uid(uid) {
            Ok(Some(user)) => user.name,
            _ => uid.to_string(),
        };
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let subordinates = |file: &str| {
            parse_subordinate_ranges(&fs::read_to_string(file).unwrap_or_default(), &user, uid.as_raw())
        };
        let own_ids = |file: &str| parse_id_map(&fs::read_to_string(file).unwrap_or_default());
        Self {
            uid: uid.as_raw(),
            gid: nix::unistd::getegid().as_raw(),
            program: std::env::current_exe()
                .ok()
                .and_then(|path| Utf8PathBuf::from_path_buf(path).ok())
                .unwrap_or_else(|| Utf8PathBuf::from("dib")),
            may_administer: may_administer(&status),
            no_new_privileges: status_field(&status, "NoNewPrivs") == Some("1"),
            filtered: status_field(&status, "Seccomp").is_some_and(|mode| mode != "0"),
            root_is_mount_point: root_is_mount_point(),
            max_user_namespaces: read_number("/proc/sys/user/max_user_namespaces"),
            unprivileged_clone: read_number("/proc/sys/kernel/unprivileged_userns_clone")
                .map(|value| value != 0),
            apparmor_restricts: read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
                .is_some_and(|value| value != 0),
            subordinate_uids: subordinates("/etc/subuid"),
            subordinate_gids: subordinates("/etc/subgid"),
            newuidmap: find_map_tool("newuidmap"),
            newgidmap: find_map_tool("newgidmap"),
            own_uids: own_ids("/proc/self/uid_map"),
            own_gids: own_ids("/proc/self/gid_map"),
            user,
        }
    }

    /// Returns whether the caller is root in its own namespace.
    #[must_use]
    pub fn is_root(&self) -> bool {
        Uid::from_raw(self.uid).is_root()
    }
}

fn may_administer(status: &str) -> bool {
    status_field(status, "CapEff")
        .and_then(|mask| u64::from_str_radix(mask, 16).ok())
        .is_some_and(|mask| mask & (1 << CAP_SYS_ADMIN) != 0)
}

/// Finds a field of `/proc/self/status`, whose lines are `Name:\tvalue`.
fn status_field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status
        .lines()
        .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

fn read_number(file: &str) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Compares `/` with the mounts the caller sees; without `/proc` it believes the usual.
fn root_is_mount_point() -> bool {
    match fs::read_to_string("/proc/self/mountinfo") {
        Ok(mounts) => mounts.lines().any(|line| line.split(' ').nth(4) == Some("/")),
        Err(_) => true,
    }
}

fn find_map_tool(name: &str) -> MapTool {
    let path = std::env::var("PATH").unwrap_or_default();
    // A user's PATH may lack what the system's has; the tools lie in one of these.
    let directories = path
        .split(':')
        .chain(["/usr/bin", "/bin", "/usr/sbin", "/usr/local/bin"]);
    let mut unprivileged = None;
    for directory in directories.filter(|directory| directory.starts_with('/')) {
        let candidate = Utf8Path::new(directory).join(name);
        let Ok(metadata) = fs::metadata(&candidate) else {
            continue;
        };
        let mode = metadata.permissions().mode();
        if !metadata.is_file() || mode & 0o111 == 0 {
            continue;
        }
        if (mode & 0o4000 != 0 && metadata.uid() == 0) || has_file_capability(&candidate) {
            return MapTool::Ready(candidate);
        }
        unprivileged.get_or_insert(candidate);
    }
    unprivileged.map_or(MapTool::Missing, MapTool::Unprivileged)
}

/// Some distributions give the tools a file capability in place of the setuid bit.
fn has_file_capability(file: &Utf8Path) -> bool {
    let Ok(file) = std::ffi::CString::new(file.as_str()) else {
        return false;
    };
    // SAFETY: both strings end with NUL, and a null buffer of length 0 only asks for the value's size.
    let size = unsafe {
        nix::libc::getxattr(
            file.as_ptr(),
            c"security.capability".as_ptr(),
            std::ptr::null_mut(),
            0,
        )
    };
    size > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_status_file() {
        let status =
            "Name:\tx\nCapEff:\t0000000000200000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        assert!(may_administer(status));
        assert_eq!(status_field(status, "Seccomp"), Some("2"));
        assert_eq!(status_field(status, "NoNewPrivs"), Some("1"));
        assert!(!may_administer("CapEff:\t00000000a80425fb\n"));
        assert!(!may_administer(""));
    }

    #[test]
    fn gathers_something_about_this_process() {
        let facts = Facts::gather();
        assert_eq!(facts.is_root(), geteuid().is_root());
        assert!(!facts.own_uids.is_empty());
    }
}
