//! Which packages an initramfs is made of.

use std::collections::{BTreeSet, HashMap};

use dib_sys::{TargetError, TargetPath, TargetRoot};

use crate::package::field;
use crate::relation;

/// Where the hooks are that make an initramfs, and the scripts that run when a kernel is configured. What else goes into
/// an initramfs (modules, firmware, rules, programs) is complete when its package is unpacked.
const DIRECTORIES: [&str; 5] = [
    "/etc/initramfs-tools/",
    "/etc/kernel/",
    "/usr/lib/kernel/",
    "/usr/share/initramfs-tools/",
    "/usr/share/kernel/",
];
/// What a kernel's image begins with; its package is configured when all the others are.
const KERNELS: [&str; 2] = ["/boot/vmlinuz-", "/boot/vmlinux-"];
/// What scripts and lists of triggers name when an initramfs depends on their package.
const PROGRAM: &str = "update-initramfs";

/// The packages to configure before those of kernels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Those that an initramfs is made of, and what they need.
    pub(super) first: Vec<String>,
    /// Those that have nothing to do with a kernel.
    pub(super) apart: Vec<String>,
}

/// A package of the status file.
struct Package<'s> {
    /// Its name in the database.
    name: String,
    stanza: &'s str,
    is_unpacked: bool,
}

/// Counts the packages that are there but not configured.
pub(super) fn unconfigured(target: &TargetRoot) -> Result<usize, TargetError> {
    let status = target.read_to_string(&path("status"))?;
    let packages = status.split("\n\n").filter_map(Package::of);
    Ok(packages.filter(|package| package.is_unpacked).count())
}

impl Parts {
    /// Finds them among the packages that are unpacked.
    pub(super) fn find(target: &TargetRoot) -> Result<Self, TargetError> {
        let status = target.read_to_string(&path("status"))?;
        let packages: Vec<Package<'_>> = status.split("\n\n").filter_map(Package::of).collect();
        let (mut parts, mut kernels) = (Vec::new(), Vec::new());
        for (index, package) in packages.iter().enumerate() {
            let read = |ending: &str| read_if_there(target, &format!("info/{}.{ending}", package.name));
            let list = read("list")?;
            if list
                .lines()
                .any(|line| KERNELS.iter().any(|start| line.starts_with(start)))
            {
                kernels.push(index);
            } else if field(package.stanza, "Essential") == Some("yes")
                || list
                    .lines()
                    .any(|line| DIRECTORIES.iter().any(|start| line.starts_with(start)))
                || read("postinst")?.contains(PROGRAM)
                || read("triggers")?.contains(PROGRAM)
            {
                parts.push(index);
            }
        }
        if kernels.is_empty() {
            return Ok(Self::default());
        }
        let needs = Needs::of(&packages);
        let names = |indexes: &BTreeSet<usize>| -> Vec<String> {
            let unpacked = indexes.iter().filter(|&&index| packages[index].is_unpacked);
            unpacked.map(|&index| packages[index].name.clone()).collect()
        };
        // A package that needs a kernel comes after it in any case.
        let need_kernel = closure(&kernels, &needs.reversed());
        parts.retain(|index| !need_kernel.contains(index));
        let first = closure(&parts, &needs.direct);
        let apart = (0..packages.len())
            .filter(|index| !first.contains(index) && !need_kernel.contains(index))
            .collect();
        Ok(Self {
            first: names(&first),
            apart: names(&apart),
        })
    }
}

impl<'s> Package<'s> {
    fn of(stanza: &'s str) -> Option<Self> {
        let name = field(stanza, "Package")?;
        let is_same = field(stanza, "Multi-Arch") == Some("same");
        let name = crate::dpkg_database::database_name(name, field(stanza, "Architecture")?, is_same);
        let status = field(stanza, "Status")?;
        Some(Self {
            name,
            stanza,
            is_unpacked: status.ends_with(" unpacked") || status.ends_with(" half-configured"),
        })
    }
}

/// What each package depends on, of alternatives each that is there.
struct Needs {
    direct: Vec<Vec<usize>>,
}

impl Needs {
    fn of(packages: &[Package<'_>]) -> Self {
        let mut providers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, package) in packages.iter().enumerate() {
            let virtual_packages =
                relation::parse(field(package.stanza, "Provides").unwrap_or_default()).unwrap_or_default();
            let names = virtual_packages.iter().flatten().map(|relation| relation.name);
            for name in names.chain(field(package.stanza, "Package")) {
                providers.entry(name).or_default().push(index);
            }
        }
        let direct = packages.iter().map(|package| {
            let mut needed = Vec::new();
            for name in ["Pre-Depends", "Depends"] {
                let groups =
                    relation::parse(field(package.stanza, name).unwrap_or_default()).unwrap_or_default();
                for relation in groups.iter().flatten() {
                    needed.extend(providers.get(relation.name).into_iter().flatten());
                }
            }
            needed
        });
        Self {
            direct: direct.collect(),
        }
    }

    /// Returns which packages depend on each.
    fn reversed(&self) -> Vec<Vec<usize>> {
        let mut reversed = vec![Vec::new(); self.direct.len()];
        for (index, needed) in self.direct.iter().enumerate() {
            for &other in needed {
                reversed[other].push(index);
            }
        }
        reversed
    }
}

/// Returns these packages and all that their edges lead to.
fn closure(from: &[usize], edges: &[Vec<usize>]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut waiting = from.to_vec();
    while let Some(index) = waiting.pop() {
        if found.insert(index) {
            waiting.extend(&edges[index]);
        }
    }
    found
}

fn read_if_there(target: &TargetRoot, name: &str) -> Result<String, TargetError> {
    match target.read(&path(name)) {
        Ok(contents) => Ok(String::from_utf8_lossy(&contents).into_owned()),
        Err(error) if error.is_not_found() => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn path(name: &str) -> TargetPath {
    format!("/var/lib/dpkg/{name}")
        .parse()
        .expect("names of packages have no part that climbs")
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;
    use crate::dpkg_database::{add_to_status, create, write_list};

    #[test]
    fn what_makes_an_initramfs_comes_first_and_kernels_last() {
        let directory = tempfile::tempdir().unwrap();
        let target = TargetRoot::open(Utf8Path::from_path(directory.path()).unwrap()).unwrap();
        create(&target).unwrap();
        assert_eq!(Parts::find(&target).unwrap(), Parts::default());
        let packages = [
            ("awk", "Provides: the-awk\n", "/usr/bin/awk"),
            ("base", "Essential: yes\nPre-Depends: the-awk\n", "/etc/base"),
            (
                "hooks",
                "Depends: shell (>= 1) | other-shell, lib\n",
                "/usr/share/initramfs-tools/hooks/x",
            ),
            ("image", "Depends: hooks, tools\n", "/boot/vmlinuz-6.1"),
            ("lib", "Multi-Arch: same\n", "/usr/lib/lib.so"),
            ("shell", "", "/bin/shell"),
            (
                "late-hooks",
                "Depends: image\n",
                "/usr/share/initramfs-tools/hooks/y",
            ),
            ("tools", "", "/usr/bin/tools"),
            ("unrelated", "Depends: lib\n", "/usr/bin/unrelated"),
        ];
        let stanzas = packages.map(|(name, more, path)| {
            let database_name = if name == "lib" { "lib:all" } else { name };
            write_list(&target, database_name, &[path.as_bytes().to_vec()]).unwrap();
            let status = if name == "shell" { "installed" } else { "unpacked" };
            format!("Package: {name}\nStatus: install ok {status}\nArchitecture: all\nVersion: 1\n{more}")
        });
        add_to_status(&target, stanzas).unwrap();
        let parts = Parts::find(&target).unwrap();
        assert_eq!(parts.first, ["awk", "base", "hooks", "lib:all"]);
        assert_eq!(parts.apart, ["tools", "unrelated"]);
        assert_eq!(unconfigured(&target).unwrap(), 8);
    }
}
