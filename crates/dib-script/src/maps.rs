//! `pkg-map` and `svc-map`: what an element's names of packages and services stand for.
//!
//! Source: the READMEs of diskimage-builder's elements `pkg-map` and `svc-map`.

use dib_core::{PackageMap, ServiceMap};

use crate::error::{Fault, Misplaced};
use dib_yaml::{Node, Value};

/// The sections of a `pkg-map`.
const SECTIONS: &[&str] = &["release", "distro", "family", "default"];

/// Reads a `pkg-map`.
pub(crate) fn package_map(document: &Node) -> Result<PackageMap, Misplaced> {
    let mut map = PackageMap::new();
    for (key, section) in document.mapping("the map of packages")? {
        match key.text("a section's name")? {
            "default" => {
                for (name, to) in names(section, "the section default")? {
                    map = map.by_default(name, to);
                }
            }
            "family" => {
                for (family, section) in named(section, "the section family")? {
                    for (name, to) in names(section, family)? {
                        map = map.for_family(family, name, to);
                    }
                }
            }
            "distro" => {
                for (distribution, section) in named(section, "the section distro")? {
                    for (name, to) in names(section, distribution)? {
                        map = map.for_distribution(distribution, name, to);
                    }
                }
            }
            "release" => {
                for (distribution, releases) in named(section, "the section release")? {
                    for (release, section) in named(releases, distribution)? {
                        for (name, to) in names(section, release)? {
                            map = map.for_release(distribution, release, name, to);
                        }
                    }
                }
            }
            unknown => {
                return Err(Misplaced::at(
                    key,
                    Fault::Unknown {
                        what: "section",
                        name: unknown.to_owned(),
                        known: SECTIONS,
                    },
                ));
            }
        }
    }
    Ok(map)
}

/// Reads a `svc-map`.
pub(crate) fn service_map(document: &Node) -> Result<ServiceMap, Misplaced> {
    let mut map = ServiceMap::new();
    for (service, section) in named(document, "the map of services")? {
        for (distribution, to) in names(section, service)? {
            map = map.on(distribution, service, to);
        }
    }
    Ok(map)
}

/// Reads a mapping whose keys are texts.
fn named<'n>(node: &'n Node, what: &str) -> Result<Vec<(&'n str, &'n Node)>, Misplaced> {
    node.mapping(what)?
        .iter()
        .map(|(key, value)| Ok((key.text("a name")?, value)))
        .collect()
}

/// Reads a mapping from names to what they stand for, which may be nothing.
fn names<'n>(node: &'n Node, what: &str) -> Result<Vec<(&'n str, &'n str)>, Misplaced> {
    let of_key = |(key, value): (&'n str, &'n Node)| match &value.value {
        Value::Null => Ok((key, "")),
        _ => Ok((key, value.text(&format!("what {key} stands for"))?)),
    };
    named(node, what)?.into_iter().map(of_key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dib_yaml::parse;

    #[test]
    fn a_package_map_is_read_as_upstream_writes_it() {
        let text = r#"{
            "release": {"fedora": {"43": {"x": "of-release"}}},
            "distro": {"fedora": {"x": "of-distribution"}},
            "family": {"debian": {"x": "a b"}, "suse": {"x": ""}},
            "default": {"x": null}
        }"#;
        let map = package_map(&parse(text).unwrap()).unwrap();
        let check = |distribution, release, expected: &[&str]| {
            assert_eq!(map.map("x", distribution, release), expected);
        };
        check("fedora", "43", &["of-release"]);
        check("fedora", "42", &["of-distribution"]);
        check("ubuntu", "noble", &["a", "b"]);
        check("opensuse", "", &[]);
        check("gentoo", "", &[]);
    }

    #[test]
    fn a_service_map_is_read_as_upstream_writes_it() {
        let text = "nova-api:\n  default: openstack-nova-api\n  debian: nova-api\n";
        let map = service_map(&parse(text).unwrap()).unwrap();
        assert_eq!(map.map("nova-api", "ubuntu"), "nova-api");
        assert_eq!(map.map("nova-api", "fedora"), "openstack-nova-api");
    }

    #[test]
    fn faults_say_where_and_what() {
        let check = |text: &str, line: usize, column: usize, message: &str| {
            let Misplaced { place, fault } = package_map(&parse(text).unwrap()).unwrap_err();
            assert_eq!(fault.to_string(), message, "for {text}");
            assert_eq!((place.line, place.column), (line, column), "for {text}");
        };
        check(
            "{\"distros\": {}}",
            1,
            2,
            r#"there is no section "distros"; did you mean distro?"#,
        );
        check("[]", 1, 1, "the map of packages must be a mapping, not a list");
        check(
            "{\"family\":\n {\"debian\": \"x\"}}",
            2,
            13,
            "debian must be a mapping, not a text",
        );
        check(
            "{\"default\": {\"x\": [\"a\"]}}",
            1,
            19,
            "what x stands for must be a text, not a list",
        );
    }
}
