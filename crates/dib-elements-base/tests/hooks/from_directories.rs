//! Snapshots of what the hooks of `install-bin` and `install-static` do with what directories bring.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use dib_core::{DuplicateElement, Element, Phase, Registry};
use dib_elements_base::{install_bin, install_static, svc_map};
use dib_testing::Fixture;

fn elements(registry: &mut Registry) -> Result<(), DuplicateElement> {
    registry.add(install_bin::element())?;
    registry.add(install_static::element())
}

fn with_program(registry: &mut Registry) -> Result<(), DuplicateElement> {
    elements(registry)?;
    registry.add(Element::new("greeting").program("greet", "#!/bin/sh\necho hello\n"))
}

/// Has the host's directory stand for `$TMP_HOOKS_PATH`, with these files in it.
fn with_hooks(fixture: Fixture, files: &[(&str, &str, u32)]) -> Fixture {
    let hooks = fixture.host();
    for (path, contents, mode) in files {
        let path = hooks.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
    }
    fixture.variable("TMP_HOOKS_PATH", hooks.as_str())
}

#[test]
fn programs_of_all_elements_are_installed() {
    let fixture = with_hooks(
        Fixture::new(with_program),
        &[
            ("bin/tidy-up", "#!/bin/sh\n", 0o644),
            ("bin/below/none", "", 0o755),
        ],
    );
    insta::assert_snapshot!(fixture.record(Phase::PreInstall, "01-install-bin"), @"
    journal
      create directory /usr/local/bin
      write /usr/local/bin/greet 0755 (21 bytes)
      write /usr/local/bin/tidy-up 0755 (10 bytes)
    target
      + /usr/ 0755
      + /usr/local/ 0755
      + /usr/local/bin/ 0755
      + /usr/local/bin/greet 0755
        | #!/bin/sh
        | echo hello
      + /usr/local/bin/tidy-up 0755
        | #!/bin/sh
    ");
}

#[test]
fn no_programs_are_no_error() {
    let fixture = with_hooks(Fixture::new(elements), &[]);
    insta::assert_snapshot!(fixture.record(Phase::PreInstall, "01-install-bin"), @"
    journal
      nothing to do: no element has a program
    ");
}

#[test]
fn svc_map_brings_its_program() {
    let recording = Fixture::new(|registry| {
        registry.add(install_bin::element())?;
        registry.add(svc_map::element())
    })
    .record(Phase::PreInstall, "01-install-bin")
    .to_string();
    assert!(
        recording.contains("write /usr/local/bin/svc-map 0755"),
        "{recording}"
    );
}

#[test]
fn static_files_stand_where_they_stand_in_the_element() {
    let fixture = with_hooks(
        Fixture::new(elements)
            .directory("/usr/lib")
            .symlink("usr/lib", "/lib")
            .executable("/etc/there", "old"),
        &[
            ("static/etc/there", "new", 0o644),
            ("static/etc/secret", "s", 0o600),
            ("static/etc/secret~", "s", 0o600),
            ("static/usr/local/bin/program", "p", 0o777),
            ("static/lib/udev/rules", "r", 0o664),
        ],
    );
    symlink("../there", fixture.host().join("static/etc/link")).unwrap();
    insta::assert_snapshot!(fixture.record(Phase::Install, "10-install-static-files"), @"
    journal
      link /etc/link to ../there
      write /etc/secret 0600 (1 bytes)
      write /etc/there 0755 (3 bytes)
      create directory /lib/udev
      write /lib/udev/rules 0644 (1 bytes)
      create directory /usr/local
      create directory /usr/local/bin
      write /usr/local/bin/program 0755 (1 bytes)
    target
      + /etc/link -> ../there
      + /etc/secret 0600
        | s
      ~ /etc/there 0755
        | new
      + /usr/lib/udev/ 0755
      + /usr/lib/udev/rules 0644
        | r
      + /usr/local/ 0755
      + /usr/local/bin/ 0755
      + /usr/local/bin/program 0755
        | p
    ");
}

#[test]
fn no_static_files_are_no_error() {
    insta::assert_snapshot!(Fixture::new(elements).record(Phase::Install, "10-install-static-files"), @"
    journal
      nothing to do: no element has files in static/
    ");
}

#[test]
fn a_static_file_replaces_no_directory() {
    let fixture = with_hooks(
        Fixture::new(elements).directory("/etc/motd"),
        &[("static/etc/motd", "hello", 0o644)],
    );
    insta::assert_snapshot!(fixture.record(Phase::Install, "10-install-static-files"), @"
    error
      failed to write /etc/motd in the target
      Is a directory (os error 21)
    ");
}
