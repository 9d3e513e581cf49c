use std::sync::Arc;

use super::*;
use crate::package::ArchiveLocation;
use crate::test_archive::stanza;

fn archive(packages: &[(&str, &str, &str)]) -> Archive {
    let text: String = packages
        .iter()
        .map(|(name, version, more)| stanza(name, version, more))
        .collect();
    let location = Arc::new(ArchiveLocation {
        base_uri: "http://a.example.org".to_owned(),
        suite: "x".to_owned(),
        component: "main".to_owned(),
    });
    let packages = PackageRecord::parse_index(&text.into(), &location).expect("an index");
    Archive::of_packages("amd64", packages)
}

/// Besides, there are `apt`, which needs nothing, and an essential `base`.
fn set(packages: &[(&str, &str, &str)], extra: &[&str]) -> Result<String, BootstrapError> {
    let mut all = vec![("apt", "2", ""), ("base", "1", "Essential: yes\n")];
    all.extend(packages);
    let chosen = bootstrap_set(&archive(&all), extra)?;
    let names: Vec<String> = chosen
        .iter()
        .filter(|package| !["apt", "base"].contains(&package.name()))
        .map(|package| format!("{}={}", package.name(), package.version()))
        .collect();
    Ok(names.join(" "))
}

#[test]
fn what_is_depended_on_comes_in() {
    for (packages, expected) in [
        (
            &[
                ("a", "1", "Depends: b\n"),
                ("b", "1", "Pre-Depends: a, c (>= 2)\n"),
                ("c", "2", ""),
            ][..],
            "a=1 b=1 c=2",
        ),
        (
            &[("a", "1", "Depends: b\n"), ("b", "1.9", ""), ("b", "1.10", "")],
            "a=1 b=1.10",
        ),
        (
            &[("a", "1", "Depends: b | c\n"), ("b", "1", ""), ("c", "1", "")],
            "a=1 b=1",
        ),
        (&[("a", "1", "Depends: missing | c\n"), ("c", "1", "")], "a=1 c=1"),
        (
            &[
                ("a", "1", "Depends: b (>= 2) | c\n"),
                ("b", "1", ""),
                ("c", "1", ""),
            ],
            "a=1 c=1",
        ),
        // An alternative that comes in for another reason is enough.
        (
            &[
                ("a", "1", "Depends: b | c, d\n"),
                ("b", "1", ""),
                ("c", "1", ""),
                ("d", "1", "Depends: c\n"),
            ],
            "a=1 c=1 d=1",
        ),
        (&[("a", "1", "Depends: b [arm64], c <nocheck>\n")], "a=1"),
        (
            &[("a", "1", "Recommends: b\nSuggests: b\n"), ("b", "1", "")],
            "a=1",
        ),
        (
            &[
                ("a", "1", "Depends: b:any\n"),
                ("b", "1", "Multi-Arch: allowed\n"),
            ],
            "a=1 b=1",
        ),
    ] {
        assert_eq!(set(packages, &["a"]).as_deref(), Ok(expected), "{packages:?}");
    }
}

#[test]
fn of_several_providers_the_most_basic_is_taken() {
    let packages = [
        ("a", "1", "Depends: awk\n"),
        ("gawk", "1", "Provides: awk\nPriority: optional\n"),
        ("mawk", "1", "Provides: awk\nPriority: important\n"),
    ];
    assert_eq!(set(&packages, &["a"]).as_deref(), Ok("a=1 mawk=1"));
    assert_eq!(set(&packages, &["a", "gawk"]).as_deref(), Ok("a=1 gawk=1"));
    let versioned = |wanted| [("a", "1", wanted), ("p", "1", "Provides: v (= 2)\n")];
    assert_eq!(
        set(&versioned("Depends: v (>= 2)\n"), &["a"]).as_deref(),
        Ok("a=1 p=1")
    );
    assert!(set(&versioned("Depends: v (>> 2)\n"), &["a"]).is_err());
}

#[test]
fn required_packages_are_there_unasked() {
    let packages = [
        ("login", "1", "Priority: required\nDepends: lib\n"),
        ("lib", "1", "Priority: optional\n"),
        ("man-db", "1", "Priority: standard\n"),
    ];
    assert_eq!(set(&packages, &[]).as_deref(), Ok("lib=1 login=1"));
}

#[test]
fn what_cannot_be_is_explained() {
    for (packages, expected) in [
        (&[][..], "no source has a package a for amd64"),
        (
            &[("a", "1", "Depends: b (>= 2) | c\n"), ("b", "1", "")],
            "a:amd64 (1) needs b (>= 2) | c, which no source has for amd64",
        ),
        (
            &[("a", "1", "Depends: b\n"), ("b", "1", "Breaks: a (<< 2)\n")],
            "b:amd64 (1) can't be installed beside a:amd64 (1): its field Breaks says a (<< 2)",
        ),
        (
            &[
                ("a", "1", "Conflicts: v\nProvides: v\nDepends: b\n"),
                ("b", "1", "Provides: v\n"),
            ],
            "a:amd64 (1) can't be installed beside b:amd64 (1): its field Conflicts says v",
        ),
        (
            &[("a", "1", "Depends: (= 1)\n")],
            "the field Depends of a:amd64 (1) can't be read",
        ),
    ] {
        let error = set(packages, &["a"]).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
    // A package may conflict with what only itself provides.
    assert!(set(&[("a", "1", "Conflicts: v\nProvides: v\n")], &["a"]).is_ok());
    let error = bootstrap_set(&archive(&[("apt", "1", "")]), &[]).expect_err("nothing essential");
    assert_eq!(error, BootstrapError::NothingEssential);
}
