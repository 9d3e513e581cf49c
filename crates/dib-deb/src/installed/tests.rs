use proptest::prelude::*;

use super::*;

fn one(stanza: &str) -> InstalledPackage {
    let mut packages = parse_status(stanza).unwrap();
    assert_eq!(packages.len(), 1, "{stanza}");
    packages.remove(0)
}

#[test]
fn statuses_are_abbreviated_as_dpkg_query_does() {
    for (status, expected) in [
        ("install ok installed", Some("ii ")),
        ("hold ok triggers-pending", Some("ht ")),
        ("deinstall ok config-files", Some("rc ")),
        ("install reinstreq half-installed", Some("iHR")),
        ("install ok unpacked", Some("iU ")),
        ("install ok half-configured", Some("iF ")),
        ("unknown ok installed", Some("ui ")),
        ("purge ok triggers-awaited", Some("pW ")),
        ("INSTALL  ok\tInstalled", Some("ii ")),
        ("purge ok not-installed", None),
    ] {
        let packages = parse_status(&format!("Package: a\nStatus: {status}\nVersion: 1\n")).unwrap();
        let abbreviation = packages.first().map(InstalledPackage::status_abbreviation);
        assert_eq!(abbreviation.as_deref(), expected, "{status}");
    }
}

#[test]
fn versions_are_shown_as_dpkg_does() {
    for (version, expected) in [
        ("0:1.0-1", "1.0-1"),
        ("00:1.0", "1.0"),
        ("0:1:2", "0:1:2"),
        ("01:1.0", "1:1.0"),
        ("2:1.0-0", "2:1.0-0"),
        ("1.0", "1.0"),
    ] {
        let package = one(&format!(
            "Package: a\nStatus: install ok installed\nVersion: {version}\n"
        ));
        assert_eq!(package.version(), expected);
    }
}

#[test]
fn names_are_in_order_and_have_an_architecture_where_they_need_one() {
    let stanza = |name: &str, arch: &str, multi_arch: &str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: {arch}\nMulti-Arch: {multi_arch}\nVersion: 1\n\n"
        )
    };
    let text: String = [
        stanza("Zeta", "amd64", "no"),
        stanza("libm", "i386", "same"),
        stanza("libm", "amd64", "same"),
        stanza("foreign", "i386", "allowed"),
        stanza("a.b", "all", "foreign"),
        stanza("a+b", "amd64", "foreign"),
    ]
    .concat();
    let names: Vec<_> = parse_status(&text)
        .unwrap()
        .iter()
        .map(|package| package.nonambiguous_name("amd64"))
        .collect();
    assert_eq!(
        names,
        ["a+b", "a.b", "foreign:i386", "libm:amd64", "libm:i386", "zeta"]
    );
}

#[test]
fn sources() {
    for (source, expected) in [
        ("", ("tool", "1.0+b1")),
        ("Source: tools\n", ("tools", "1.0+b1")),
        ("Source: tools (1:1.0)\n", ("tools", "1:1.0")),
        ("Source:\n", ("tool", "1.0+b1")),
    ] {
        let package = one(&format!(
            "Package: tool\nStatus: install ok installed\n{source}Version: 1.0+b1\n"
        ));
        assert_eq!(package.source(), expected);
    }
}

#[test]
fn what_is_malformed_is_named() {
    for (text, expected) in [
        (
            "\n\nStatus: install ok installed\n",
            "line 3: the package \"\" has no field Package",
        ),
        (
            "Package: a\nStatus: install ok installed\n",
            "line 1: the package \"a\" has no field Version",
        ),
        (
            "Package: a\nVersion: 1\nStatus: install ok here\n",
            "line 1: the package \"a\" has the status \"install ok here\", which is none",
        ),
    ] {
        assert_eq!(parse_status(text).unwrap_err().to_string(), expected);
    }
    assert_eq!(parse_status("Package: a\nVersion: 1\n"), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn any_text_is_taken(text in "(Package: a\n|Status: install ok installed\n|Version: [0:.ä]{0,4}\n|Source: [a( )]{0,5}\n|Multi-Arch: same\n|[ \t\n:a]{0,3}|\\PC){0,12}") {
        if let Ok(packages) = parse_status(&text) {
            for package in packages {
                let _ = package.nonambiguous_name("amd64");
                let _ = package.source();
            }
        }
    }
}
