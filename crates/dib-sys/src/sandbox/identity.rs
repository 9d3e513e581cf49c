//! Which users and groups the sandbox knows, and how the kernel is told.

use std::fs;
use std::process::{Command, Stdio};

use nix::unistd::Pid;

use super::SandboxError;
use super::facts::{Facts, MapTool};

/// A run of numbers inside a user namespace and those they stand for outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The first number inside.
    pub inside: u32,
    /// The first number outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// As whom the sandbox runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// As the machine's root, without a user namespace.
    Root,
    /// As root of a container without the right to mount: a user namespace in which every number keeps its meaning.
    Container {
        /// The users mapped.
        uids: Vec<IdRange>,
        /// The groups mapped.
        gids: Vec<IdRange>,
    },
    /// As an ordinary user: root inside is the user, all other numbers come from its subordinate ranges.
    Subordinate {
        /// The users mapped.
        uids: Vec<IdRange>,
        /// The groups mapped.
        gids: Vec<IdRange>,
    },
}

impl Identity {
    /// Chooses the identity by what the caller is.
    #[must_use]
    pub fn choose(facts: &Facts) -> Self {
        if !facts.is_root() {
            return Self::Subordinate {
                uids: subordinate_map(facts.uid, &facts.subordinate_uids.ranges),
                gids: subordinate_map(facts.gid, &facts.subordinate_gids.ranges),
            };
        }
        if facts.may_administer {
            return Self::Root;
        }
        Self::Container {
            uids: facts.own_uids.clone(),
            gids: facts.own_gids.clone(),
        }
    }

    /// Returns whether the sandbox has a user namespace of its own.
    #[must_use]
    pub fn needs_user_namespace(&self) -> bool {
        !matches!(self, Self::Root)
    }

    /// Writes the maps of the process `child`, which waits in its new user namespace.
    pub(super) fn write_maps(&self, child: Pid, facts: &Facts) -> Result<(), SandboxError> {
        match self {
            Self::Root => Ok(()),
            Self::Container { uids, gids } => {
                write_map(&format!("/proc/{child}/uid_map"), uids)?;
                write_map(&format!("/proc/{child}/gid_map"), gids)
            }
            Self::Subordinate { uids, gids } => {
                run_map_tool("newuidmap", &facts.newuidmap, child, uids)?;
                run_map_tool("newgidmap", &facts.newgidmap, child, gids)
            }
        }
    }
}

/// Reads `/etc/subuid` or `/etc/subgid`: lines of `name-or-number:first:count` (`subuid(5)`).
///
/// Every line of the user counts, whether it goes by name or by number. Lines that make no sense are passed over, as
/// newuidmap does.
pub(super) fn parse_subordinate_ranges(text: &str, user: &str, uid: u32) -> super::facts::Subordinates {
    let number = uid.to_string();
    let mut ranges = Vec::new();
    let mut next_free: u32 = 100_000;
    for line in text.lines() {
        let mut fields = line.trim().split(':');
        let (Some(owner), Some(first), Some(count)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let (Ok(first), Ok(count)) = (first.parse::<u32>(), count.parse::<u32>()) else {
            continue;
        };
        let Some(end) = first.checked_add(count) else {
            continue;
        };
        next_free = next_free.max(end);
        if (owner == user || owner == number) && count > 0 && !ranges.contains(&(first, count)) {
            ranges.push((first, count));
        }
    }
    super::facts::Subordinates { ranges, next_free }
}

/// Reads `/proc/self/uid_map` as a map of each known number on itself (`user_namespaces(7)`).
pub(super) fn parse_id_map(text: &str) -> Vec<IdRange> {
    let mut ranges = Vec::new();
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace().map(str::parse::<u32>);
        if let (Some(Ok(inside)), Some(Ok(_)), Some(Ok(count))) =
            (fields.next(), fields.next(), fields.next())
        {
            ranges.push(IdRange {
                inside,
                outside: inside,
                count,
            });
        }
    }
    ranges
}

/// Maps 0 on the caller and the numbers from 1 on the subordinate ranges, one after the other.
fn subordinate_map(own: u32, subordinates: &[(u32, u32)]) -> Vec<IdRange> {
    let mut map = vec![IdRange {
        inside: 0,
        outside: own,
        count: 1,
    }];
    let mut inside: u32 = 1;
    for &(outside, count) in subordinates {
        let count = count.min(u32::MAX - inside);
        map.push(IdRange {
            inside,
            outside,
            count,
        });
        inside += count;
    }
    map
}

fn write_map(file: &str, ranges: &[IdRange]) -> Result<(), SandboxError> {
    let lines: Vec<_> = ranges
        .iter()
        .map(|range| format!("{} {} {}\n", range.inside, range.outside, range.count))
        .collect();
    // The kernel takes the whole map in one write.
    fs::write(file, lines.concat()).map_err(|source| SandboxError::WriteMap {
        file: file.to_owned(),
        source,
    })
}

fn run_map_tool(
    name: &'static str,
    tool: &MapTool,
    child: Pid,
    ranges: &[IdRange],
) -> Result<(), SandboxError> {
    let program = match tool {
        MapTool::Ready(path) | MapTool::Unprivileged(path) => path.as_str(),
        MapTool::Missing => name,
    };
    let mut command = Command::new(program);
    command.arg(child.to_string()).stdin(Stdio::null());
    for range in ranges {
        command.args([
            range.inside.to_string(),
            range.outside.to_string(),
            range.count.to_string(),
        ]);
    }
    let output = command
        .output()
        .map_err(|source| SandboxError::StartMapTool { tool: name, source })?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(SandboxError::MapTool { tool: name, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_subordinate_ranges_by_name_and_by_number() {
        let text = "# none\nann:100000:65536\nbob:165536:65536\n1001:300000:1000\nbob:x:1\nbob:4294967295:9\nbob:1\n";
        let found = parse_subordinate_ranges(text, "bob", 1001);
        assert_eq!(found.ranges, [(165_536, 65_536), (300_000, 1000)]);
        assert_eq!(found.count(), 66_536);
        assert_eq!(found.next_free, 301_000);
        assert_eq!(parse_subordinate_ranges(text, "bobby", 7).ranges, []);
        assert_eq!(parse_subordinate_ranges("", "bob", 1).next_free, 100_000);
    }

    #[test]
    fn maps_root_on_the_user_and_the_rest_on_all_ranges() {
        let map = subordinate_map(1001, &[(100_000, 65_536), (300_000, 1000)]);
        let expected =
            [(0, 1001, 1), (1, 100_000, 65_536), (65_537, 300_000, 1000)].map(|(inside, outside, count)| {
                IdRange {
                    inside,
                    outside,
                    count,
                }
            });
        assert_eq!(map, expected);
        assert_eq!(subordinate_map(7, &[(1, u32::MAX)])[1].count, u32::MAX - 1);
    }

    #[test]
    fn keeps_the_own_map() {
        let map = parse_id_map("         0     100000      65536\n     70000 5 1\n");
        assert_eq!(
            map,
            [
                IdRange {
                    inside: 0,
                    outside: 0,
                    count: 65_536
                },
                IdRange {
                    inside: 70_000,
                    outside: 70_000,
                    count: 1
                }
            ]
        );
    }
}
