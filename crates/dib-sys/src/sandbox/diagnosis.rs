//! Why a sandbox cannot be made, and the command that mends it.

use std::fmt;

use camino::Utf8PathBuf;
use nix::errno::Errno;

use super::facts::{Facts, MapTool, Subordinates};

/// The numbers a distribution's users and groups need, up to `nobody`.
const NEEDED_IDS: u64 = 65_536;

/// Whether a range or a tool is about users or about groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// Users: `/etc/subuid`, `newuidmap`.
    User,
    /// Groups: `/etc/subgid`, `newgidmap`.
    Group,
}

/// One thing that keeps the sandbox from being made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Obstacle {
    /// `user.max_user_namespaces` is 0.
    #[error("the kernel allows no user namespaces (user.max_user_namespaces is 0)")]
    NoUserNamespaces,
    /// A limit of `/proc/sys/user` is reached, here or in a namespace around this one.
    #[error("the kernel's limit of namespaces is reached (user.max_user_namespaces and its like)")]
    NamespaceLimit,
    /// `kernel.unprivileged_userns_clone` is 0.
    #[error("the kernel allows user namespaces to root alone (kernel.unprivileged_userns_clone is 0)")]
    UnprivilegedCloneOff,
    /// `AppArmor` takes the rights from user namespaces of programs without a profile.
    #[error("AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)")]
    AppArmor {
        /// The program that needs a profile.
        program: Utf8PathBuf,
    },
    /// The user has no line in `/etc/subuid` or `/etc/subgid`.
    #[error("user {user} has no range in {}", kind.file())]
    NoRange {
        /// Which file lacks it.
        kind: IdKind,
        /// The user's name.
        user: String,
        /// The first number that is free in the file.
        free: u32,
    },
    /// The user's ranges hold fewer numbers than a distribution uses.
    #[error("user {user} has {count} numbers in {}, a distribution needs {NEEDED_IDS}", kind.file())]
    SmallRange {
        /// In which file.
        kind: IdKind,
        /// The user's name.
        user: String,
        /// How many numbers there are.
        count: u64,
        /// The first number that is free in the file.
        free: u32,
    },
    /// `newuidmap` or `newgidmap` is not installed.
    #[error("{} is not installed", kind.tool())]
    NoMapTool {
        /// Which of the two.
        kind: IdKind,
    },
    /// `newuidmap` or `newgidmap` has no right to write a map.
    #[error("{path} is not setuid root")]
    PowerlessMapTool {
        /// The program.
        path: Utf8PathBuf,
    },
    /// The process gave up what newuidmap needs.
    #[error("this process may not gain privileges (no_new_privs is set), so {} cannot work", IdKind::User.tool())]
    NoNewPrivileges,
    /// The process runs in a bare chroot.
    #[error("this process runs in a chroot whose root is not a mount point")]
    Chroot,
    /// A container or a seccomp filter refuses namespaces or mounts.
    #[error("the container or service this process runs in refuses new namespaces or mounts")]
    Container,
}

impl IdKind {
    /// Returns the file that holds the ranges.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::User => "/etc/subuid",
            Self::Group => "/etc/subgid",
        }
    }

    /// Returns the program that writes the map.
    #[must_use]
    pub fn tool(self) -> &'static str {
        match self {
            Self::User => "newuidmap",
            Self::Group => "newgidmap",
        }
    }

    fn usermod_option(self) -> &'static str {
        match self {
            Self::User => "--add-subuids",
            Self::Group => "--add-subgids",
        }
    }
}

impl Obstacle {
    /// Returns the commands or steps that remove it; when there are several, one of them is enough.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NamespaceLimit => vec!["raise the limits that \"sysctl user\" lists, on the host and in the container".to_owned()],
            Self::NoUserNamespaces => vec!["sudo sysctl -w user.max_user_namespaces=15000".to_owned()],
            Self::UnprivilegedCloneOff => vec!["sudo sysctl -w kernel.unprivileged_userns_clone=1".to_owned()],
            Self::AppArmor { program } => vec![
                format!(
                    "printf 'abi <abi/4.0>,\\nprofile dib \"{program}\" flags=(unconfined) {{ userns, }}\\n' \
                     | sudo tee /etc/apparmor.d/dib && sudo apparmor_parser -r /etc/apparmor.d/dib"
                ),
                "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0".to_owned(),
            ],
            Self::NoRange { kind, user, free } | Self::SmallRange { kind, user, free, .. } => {
                let last = u64::from(*free) + NEEDED_IDS - 1;
                vec![format!("sudo usermod {} {free}-{last} {user}", kind.usermod_option())]
            }
            Self::NoMapTool { .. } => vec!["sudo apt-get install uidmap".to_owned()],
            Self::PowerlessMapTool { path } => vec![format!("sudo chown root: {path} && sudo chmod u+s {path}")],
            Self::NoNewPrivileges => {
                vec!["run outside the service or container that sets no_new_privs, or as root".to_owned()]
            }
            Self::Chroot => vec!["run outside the chroot, or bind its directory on itself before entering it".to_owned()],
            Self::Container => vec![
                "give the container CAP_SYS_ADMIN and a seccomp profile that allows clone, unshare and mount \
                 (docker run --cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined)"
                    .to_owned(),
            ],
        }
    }
}

/// Finds what is sure to keep the sandbox from being made.
#[must_use]
pub fn certain_obstacles(facts: &Facts) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    if !facts.root_is_mount_point {
        obstacles.push(Obstacle::Chroot);
    }
    if facts.is_root() && facts.may_administer {
        return obstacles;
    }
    if facts.max_user_namespaces == Some(0) {
        obstacles.push(Obstacle::NoUserNamespaces);
    }
    if facts.is_root() {
        return obstacles;
    }
    // CAP_SYS_ADMIN lifts this one even for a caller that is not root.
    if facts.unprivileged_clone == Some(false) && !facts.may_administer {
        obstacles.push(Obstacle::UnprivilegedCloneOff);
    }
    for (kind, subordinates, tool) in [
        (IdKind::User, &facts.subordinate_uids, &facts.newuidmap),
        (IdKind::Group, &facts.subordinate_gids, &facts.newgidmap),
    ] {
        obstacles.extend(range_obstacle(kind, subordinates, &facts.user));
        match tool {
            MapTool::Ready(_) => {}
            MapTool::Missing => obstacles.push(Obstacle::NoMapTool { kind }),
            MapTool::Unprivileged(path) => obstacles.push(Obstacle::PowerlessMapTool { path: path.clone() }),
        }
    }
    if facts.no_new_privileges {
        obstacles.push(Obstacle::NoNewPrivileges);
    }
    obstacles
}

/// Finds what most likely made a step fail with `errno`, once nothing certain stood in the way.
///
/// `AppArmor`'s restriction lets the namespace be made and takes its rights, so it shows in any later step; programs
/// with a profile of their own are exempt, so the setting alone proves nothing.
#[must_use]
pub fn likely_obstacle(facts: &Facts, errno: Errno) -> Option<Obstacle> {
    let refused = matches!(errno, Errno::EPERM | Errno::EACCES);
    if refused && facts.apparmor_restricts && !facts.may_administer {
        return Some(Obstacle::AppArmor {
            program: facts.program.clone(),
        });
    }
    if errno == Errno::ENOSPC || errno == Errno::EUSERS {
        return Some(Obstacle::NamespaceLimit);
    }
    let filtered = facts.filtered && (refused || errno == Errno::ENOSYS);
    (filtered || (refused && facts.is_root())).then_some(Obstacle::Container)
}

fn range_obstacle(kind: IdKind, subordinates: &Subordinates, user: &str) -> Option<Obstacle> {
    let (user, free) = (user.to_owned(), subordinates.next_free);
    match subordinates.count() {
        0 => Some(Obstacle::NoRange { kind, user, free }),
        count if count < NEEDED_IDS => Some(Obstacle::SmallRange {
            kind,
            user,
            count,
            free,
        }),
        _ => None,
    }
}

/// Writes obstacles as one message.
pub(super) struct Listed<'a>(pub(super) &'a [Obstacle]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, obstacle) in self.0.iter().enumerate() {
            write!(formatter, "{}{obstacle}", if position == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordinary_user() -> Facts {
        let subordinates = || Subordinates {
            ranges: vec![(100_000, 65_536)],
            next_free: 165_536,
        };
        Facts {
            user: "ann".to_owned(),
            uid: 1000,
            gid: 1000,
            program: "/usr/bin/dib".into(),
            may_administer: false,
            no_new_privileges: false,
            filtered: false,
            root_is_mount_point: true,
            max_user_namespaces: Some(1000),
            unprivileged_clone: None,
            apparmor_restricts: false,
            subordinate_uids: subordinates(),
            subordinate_gids: subordinates(),
            newuidmap: MapTool::Ready("/usr/bin/newuidmap".into()),
            newgidmap: MapTool::Ready("/usr/bin/newgidmap".into()),
            own_uids: Vec::new(),
            own_gids: Vec::new(),
        }
    }

    /// One wrong fact gives one message and one hint.
    fn check(spoil: impl FnOnce(&mut Facts), message: &str, hint: &str) {
        let mut facts = ordinary_user();
        spoil(&mut facts);
        let obstacles = certain_obstacles(&facts);
        assert_eq!(Listed(&obstacles).to_string(), message);
        assert_eq!(obstacles[0].hints(), [hint]);
    }

    #[test]
    fn an_ordinary_machine_has_none() {
        assert_eq!(certain_obstacles(&ordinary_user()), []);
    }

    #[test]
    fn each_wrong_fact_is_named_with_its_remedy() {
        check(
            |facts| facts.max_user_namespaces = Some(0),
            "the kernel allows no user namespaces (user.max_user_namespaces is 0)",
            "sudo sysctl -w user.max_user_namespaces=15000",
        );
        check(
            |facts| facts.unprivileged_clone = Some(false),
            "the kernel allows user namespaces to root alone (kernel.unprivileged_userns_clone is 0)",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        );
        check(
            |facts| facts.subordinate_uids.ranges.clear(),
            "user ann has no range in /etc/subuid",
            "sudo usermod --add-subuids 165536-231071 ann",
        );
        check(
            |facts| facts.subordinate_gids.ranges = vec![(100_000, 1000)],
            "user ann has 1000 numbers in /etc/subgid, a distribution needs 65536",
            "sudo usermod --add-subgids 165536-231071 ann",
        );
        check(
            |facts| facts.newuidmap = MapTool::Missing,
            "newuidmap is not installed",
            "sudo apt-get install uidmap",
        );
        check(
            |facts| facts.newgidmap = MapTool::Unprivileged("/usr/bin/newgidmap".into()),
            "/usr/bin/newgidmap is not setuid root",
            "sudo chown root: /usr/bin/newgidmap && sudo chmod u+s /usr/bin/newgidmap",
        );
        check(
            |facts| facts.no_new_privileges = true,
            "this process may not gain privileges (no_new_privs is set), so newuidmap cannot work",
            "run outside the service or container that sets no_new_privs, or as root",
        );
        check(
            |facts| facts.root_is_mount_point = false,
            "this process runs in a chroot whose root is not a mount point",
            "run outside the chroot, or bind its directory on itself before entering it",
        );
    }

    #[test]
    fn several_wrong_facts_are_all_named() {
        let mut facts = ordinary_user();
        facts.newuidmap = MapTool::Missing;
        facts.subordinate_uids.ranges.clear();
        assert_eq!(
            Listed(&certain_obstacles(&facts)).to_string(),
            "user ann has no range in /etc/subuid; newuidmap is not installed"
        );
    }

    #[test]
    fn root_needs_neither_ranges_nor_tools() {
        let mut facts = ordinary_user();
        (facts.uid, facts.may_administer) = (0, true);
        facts.subordinate_uids.ranges.clear();
        facts.newuidmap = MapTool::Missing;
        facts.max_user_namespaces = Some(0);
        assert_eq!(certain_obstacles(&facts), []);
        facts.may_administer = false;
        assert_eq!(certain_obstacles(&facts), [Obstacle::NoUserNamespaces]);
    }

    #[test]
    fn a_refusal_is_explained_by_apparmor_then_by_the_container() {
        let mut facts = ordinary_user();
        assert_eq!(likely_obstacle(&facts, Errno::EPERM), None);
        facts.filtered = true;
        assert_eq!(likely_obstacle(&facts, Errno::EPERM), Some(Obstacle::Container));
        assert_eq!(likely_obstacle(&facts, Errno::EINVAL), None);
        facts.apparmor_restricts = true;
        let obstacle = likely_obstacle(&facts, Errno::EACCES).unwrap();
        assert_eq!(
            obstacle,
            Obstacle::AppArmor {
                program: "/usr/bin/dib".into()
            }
        );
        assert_eq!(obstacle.hints().len(), 2);
        assert_eq!(
            likely_obstacle(&facts, Errno::ENOSPC),
            Some(Obstacle::NamespaceLimit)
        );
    }
}
