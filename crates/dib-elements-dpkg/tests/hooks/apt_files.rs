//! Snapshots of what the hooks of `apt-conf`, `apt-sources` and `apt-preferences` do.

use std::fs;

use dib_core::Phase;
use dib_testing::Fixture;

use super::debian;

const HOOKS: [(&str, &str); 3] = [
    ("99-override-default-apt-conf", "DIB_APT_CONF"),
    ("99-override-default-apt-sources", "DIB_APT_SOURCES"),
    ("99-set-apt-package-pins", "DIB_DPKG_MANIFEST"),
];

/// A target and a file of the host that the variable names.
fn with_file(variable: &str, contents: &str) -> Fixture {
    let fixture = debian();
    let file = fixture.host().join("file");
    fs::write(&file, contents).unwrap();
    fixture.variable(variable, file.as_str())
}

#[test]
fn the_users_files_are_apts() {
    let fixture = with_file("DIB_APT_CONF", "APT::Install-Suggests \"1\";\n");
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, HOOKS[0].0), @r#"
    journal
      write /etc/apt/apt.conf 0644 (27 bytes)
    target
      + /etc/apt/apt.conf 0644
        | APT::Install-Suggests "1";
    "#);
    let fixture = with_file("DIB_APT_SOURCES", "deb http://example.org/debian stable main\n");
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, HOOKS[1].0), @"
    journal
      write /etc/apt/sources.list 0644 (42 bytes)
    target
      + /etc/apt/sources.list 0644
        | deb http://example.org/debian stable main
    ");
}

#[test]
fn packages_keep_their_versions() {
    let manifest = r#"{"packages": [
        {"package": "libtool1:amd64","arch": "amd64","version": "1:1.0-1","status": "ii "},
        {"package": "tool","arch": "all","version": "2","status": "ii "}]}"#;
    let fixture = with_file("DIB_DPKG_MANIFEST", manifest);
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, HOOKS[2].0), @"
    journal
      write /etc/apt/preferences 0644 (114 bytes)
    target
      + /etc/apt/preferences 0644
        | Package: libtool1:amd64
        | Pin: version 1:1.0-1
        | Pin-Priority: 1001
        | 
        | Package: tool
        | Pin: version 2
        | Pin-Priority: 1001
        |
    ");
}

#[test]
fn what_is_not_set_changes_nothing() {
    for (hook, variable) in HOOKS {
        let recording = debian().record(Phase::ExtraData, hook).to_string();
        assert_eq!(
            recording,
            format!("journal\n  nothing to do: {variable} is not set\n")
        );
    }
}

#[test]
fn files_that_are_none_are_errors() {
    for (hook, variable) in HOOKS {
        let fixture = debian();
        let missing = fixture.host().join("missing");
        let recording = fixture
            .variable(variable, missing.as_str())
            .record(Phase::ExtraData, hook)
            .to_string();
        assert!(recording.contains("failed to open [host]/missing"), "{recording}");
    }
    let fixture = with_file("DIB_APT_SOURCES", "");
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, HOOKS[1].0), @r#"
    error
      the variable DIB_APT_SOURCES is "[host]/file": the file is empty
    "#);
    let fixture = with_file("DIB_DPKG_MANIFEST", "packages");
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, HOOKS[2].0), @r#"
    error
      the variable DIB_DPKG_MANIFEST is "[host]/file": the file is no manifest of packages (expected value at line 1 column 1)
    "#);
}
