//! The direction in which the crates depend on each other.

use crate::workspace::{DependencyKind, Package};

/// What a crate of ours may depend on. A name's end may be left open by `*`.
struct Rule {
    package: &'static str,
    may_use: &'static [&'static str],
    /// What its tests may use besides.
    tests_may_use: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        package: "dib-sys",
        may_use: &[],
        tests_may_use: &[],
    },
    Rule {
        package: "dib-guest",
        may_use: &[],
        tests_may_use: &[],
    },
    Rule {
        package: "dib-archive",
        may_use: &["dib-sys"],
        tests_may_use: &[],
    },
    Rule {
        package: "dib-cache",
        may_use: &[],
        tests_may_use: &[],
    },
    Rule {
        package: "dib-deb",
        may_use: &["dib-archive", "dib-cache", "dib-sys"],
        tests_may_use: &[],
    },
    Rule {
        package: "dib-yaml",
        may_use: &[],
        tests_may_use: &[],
    },
    Rule {
        package: "dib-image",
        may_use: &["dib-sys", "dib-yaml"],
        tests_may_use: &[],
    },
    Rule {
        package: "dib-boot",
        may_use: &["dib-sys"],
        tests_may_use: &[],
    },
    Rule {
        package: "dib-core",
        may_use: &["dib-archive", "dib-cache", "dib-sys"],
        tests_may_use: &[],
    },
    Rule {
        package: "dib-layers",
        may_use: &["dib-core", "dib-sys"],
        tests_may_use: &[],
    },
    Rule {
        package: "dib-script",
        may_use: &["dib-core", "dib-sys", "dib-yaml"],
        tests_may_use: &[],
    },
    Rule {
        package: "dib-testing",
        may_use: &["dib-core", "dib-cache", "dib-sys"],
        tests_may_use: &[],
    },
    // Both families build on the element dpkg, and the element ubuntu-minimal on the element debootstrap.
    Rule {
        package: "dib-elements-debian",
        may_use: &["dib-core", "dib-deb", "dib-elements-dpkg"],
        tests_may_use: &["dib-testing"],
    },
    Rule {
        package: "dib-elements-ubuntu",
        may_use: &["dib-core", "dib-deb", "dib-elements-debian", "dib-elements-dpkg"],
        tests_may_use: &["dib-testing"],
    },
    Rule {
        package: "dib-elements-*",
        may_use: &["dib-core", "dib-deb"],
        tests_may_use: &["dib-testing"],
    },
    Rule {
        package: "dib-cli",
        may_use: &[
            "dib-boot",
            "dib-cache",
            "dib-core",
            "dib-deb",
            "dib-elements-*",
            "dib-image",
            "dib-layers",
            "dib-script",
            "dib-sys",
            "dib-yaml",
        ],
        tests_may_use: &["dib-testing"],
    },
    Rule {
        package: "dib-elements-myorg",
        may_use: &["dib-cli", "dib-core"],
        tests_may_use: &["dib-testing"],
    },
    Rule {
        package: "dib-tests",
        may_use: &[],
        tests_may_use: &[],
    },
    Rule {
        package: "xtask",
        may_use: &[],
        tests_may_use: &[],
    },
];

/// Finds dependencies between our packages that no rule allows.
pub(super) fn check(packages: &[Package]) -> Vec<String> {
    let ours = |name: &str| packages.iter().any(|package| package.name == name);
    let mut faults = Vec::new();
    for package in packages {
        // The rule with the whole name goes before one with an open end.
        let rule = RULES.iter().find(|rule| rule.package == package.name);
        let Some(rule) = rule.or_else(|| RULES.iter().find(|rule| fits(rule.package, &package.name))) else {
            faults.push(format!(
                "{}: no rule in tidy's table of directions says what it may depend on",
                package.name
            ));
            continue;
        };
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| ours(&dependency.name))
        {
            let in_tests = dependency.kind == Some(DependencyKind::Dev);
            let allowed = rule.may_use.iter().any(|pattern| fits(pattern, &dependency.name))
                || in_tests
                    && rule
                        .tests_may_use
                        .iter()
                        .any(|pattern| fits(pattern, &dependency.name));
            if !allowed {
                faults.push(format!("{} must not depend on {}", package.name, dependency.name));
            }
        }
    }
    faults
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, normal: &[&str], dev: &[&str]) -> Package {
        let dependency = |name: &&str, kind| Dependency {
            name: (*name).to_owned(),
            kind,
        };
        let normal = normal.iter().map(|name| dependency(name, None));
        let dev = dev.iter().map(|name| dependency(name, Some(DependencyKind::Dev)));
        Package {
            name: name.to_owned(),
            dependencies: normal.chain(dev).collect(),
        }
    }

    #[test]
    fn directions() {
        let mut packages = vec![
            package("dib-sys", &["nix"], &[]),
            package("dib-core", &["dib-sys"], &[]),
            package("dib-testing", &["dib-core"], &[]),
            package("dib-elements-base", &["dib-core"], &["dib-testing"]),
        ];
        assert_eq!(check(&packages), Vec::<String>::new());
        packages[0] = package("dib-sys", &["dib-core"], &[]);
        packages[3] = package("dib-elements-base", &["dib-testing", "dib-sys"], &[]);
        packages.push(package("dib-new", &[], &[]));
        assert_eq!(
            check(&packages),
            [
                "dib-sys must not depend on dib-core",
                "dib-elements-base must not depend on dib-testing",
                "dib-elements-base must not depend on dib-sys",
                "dib-new: no rule in tidy's table of directions says what it may depend on",
            ]
        );
    }

    #[test]
    fn a_whole_name_goes_before_an_open_one() {
        let packages = [
            package("dib-elements-myorg", &["dib-elements-base"], &[]),
            package("dib-elements-base", &[], &[]),
        ];
        assert_eq!(
            check(&packages),
            ["dib-elements-myorg must not depend on dib-elements-base"]
        );
    }
}
