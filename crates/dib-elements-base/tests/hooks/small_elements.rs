//! Snapshots of what elements of one or two hooks do.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use dib_core::{DuplicateElement, Element, Phase, Registry};
use dib_elements_base::{
    dib_init_system, dib_python, element_manifest, journal_to_console, local_config, modprobe, pip_cache,
    stable_interface_names,
};
use dib_testing::Fixture;

/// A fixture of one element.
fn of(element: Element) -> Fixture {
    Fixture::new(|registry: &mut Registry| -> Result<(), DuplicateElement> { registry.add(element) })
}

/// Writes a file below the host's directory, which stands for `$TMP_HOOKS_PATH` as well.
fn with_host_file(fixture: Fixture, path: &str, contents: &str, mode: u32) -> Fixture {
    let host = fixture.host();
    let path = host.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, contents).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    fixture.variable("TMP_HOOKS_PATH", host.as_str())
}

#[test]
fn init_scripts_go_where_the_init_system_looks() {
    for (init_system, expected) in [
        ("systemd", "+ /usr/lib/systemd/system/x.service 0644"),
        ("sysv", "+ /etc/init.d/x 0755"),
        ("upstart", "+ /etc/init/x.conf 0644"),
    ] {
        let fixture = of(dib_init_system::element()).variable("DIB_INIT_SYSTEM", init_system);
        let fixture = with_host_file(fixture, "init-scripts/systemd/x.service", "[Unit]\n", 0o644);
        let fixture = with_host_file(fixture, "init-scripts/sysv/x", "#!/bin/sh\n", 0o755);
        let fixture = with_host_file(fixture, "init-scripts/upstart/x.conf", "exec x\n", 0o644);
        let recording = fixture
            .record(Phase::Install, "20-install-init-scripts")
            .to_string();
        assert!(recording.contains(expected), "{recording}");
        assert!(
            fixture
                .record(Phase::PostInstall, "10-enable-init-scripts")
                .succeeded()
        );
    }
}

#[test]
fn openrc_is_told_of_its_scripts() {
    let fixture = of(dib_init_system::element()).variable("DIB_INIT_SYSTEM", "openrc");
    let fixture = with_host_file(fixture, "init-scripts/openrc/x", "#!/sbin/openrc-run\n", 0o755);
    insta::assert_snapshot!(fixture.record(Phase::Install, "20-install-init-scripts"), @"
    journal
      create directory /etc/init.d
      write /etc/init.d/x 0755 (19 bytes)
    target
      + /etc/ 0755
      + /etc/init.d/ 0755
      + /etc/init.d/x 0755
        | #!/sbin/openrc-run
    ");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "10-enable-init-scripts"), @"
    journal
      run rc-update add x default (exited with status 0)
    ");
}

#[test]
fn no_init_scripts_are_no_error() {
    let fixture = of(dib_init_system::element()).variable("DIB_INIT_SYSTEM", "systemd");
    insta::assert_snapshot!(fixture.record(Phase::Install, "20-install-init-scripts"), @"
    journal
      nothing to do: no element has scripts for systemd
    ");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "10-enable-init-scripts"), @"
    journal
      nothing to do: only scripts for OpenRC are enabled here
    ");
}

#[test]
fn the_image_lists_its_elements() {
    let fixture = of(element_manifest::element()).variable("DIB_MANIFEST_IMAGE_DIR", "/etc/dib-manifests");
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, "75-inject-element-manifest"), @"
    journal
      create directory /etc/dib-manifests
      write /etc/dib-manifests/dib-element-manifest 0644 (42 bytes)
    target
      + /etc/ 0755
      + /etc/dib-manifests/ 0755
      + /etc/dib-manifests/dib-element-manifest 0644
        | element-manifest
        | fixture-system
        | manifests
    ");
}

#[test]
fn the_journal_goes_to_the_console() {
    insta::assert_snapshot!(of(journal_to_console::element()).record(Phase::PostInstall, "30-journal-to-console"), @"
    journal
      create directory /etc/systemd/journald.conf.d
      write /etc/systemd/journald.conf.d/log-to-console.conf 0644 (32 bytes)
    target
      + /etc/ 0755
      + /etc/systemd/ 0755
      + /etc/systemd/journald.conf.d/ 0755
      + /etc/systemd/journald.conf.d/log-to-console.conf 0644
        | [Journal]
        | ForwardToConsole=true
    ");
}

#[test]
fn the_builders_keys_may_log_in() {
    let fixture = of(local_config::element())
        .directory("/root/.ssh")
        .file("/root/.ssh/authorized_keys", "one\n");
    let home = fixture.host();
    let fixture = with_host_file(
        fixture.variable("HOME", home.as_str()),
        ".ssh/authorized_keys",
        "two\n",
        0o600,
    );
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, "62-ssh-key"), @"
    host
      + /ssh-authorized-keys 0600
        | two
    ");
    insta::assert_snapshot!(fixture.record(Phase::Install, "62-ssh-key"), @"
    journal
      write /root/.ssh/authorized_keys 0600 (8 bytes)
    target
      ~ /root/.ssh/ 0700
      ~ /root/.ssh/authorized_keys 0600
        | one
        | two
    ");
    let fixture = fixture.variable("DIB_LOCAL_CONFIG_USERNAME", "somebody");
    insta::assert_snapshot!(fixture.record(Phase::Install, "62-ssh-key"), @"
    journal
      create directory /home/somebody/.ssh
      write /home/somebody/.ssh/authorized_keys 0600 (4 bytes)
    target
      + /home/ 0755
      + /home/somebody/ 0755
      + /home/somebody/.ssh/ 0700
      + /home/somebody/.ssh/authorized_keys 0600
        | two
    ");
}

#[test]
fn a_builder_without_keys_is_no_error() {
    let fixture = of(local_config::element());
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, "62-ssh-key"), @"
    journal
      nothing to do: there are no keys that may log in here
    ");
    insta::assert_snapshot!(fixture.record(Phase::Install, "62-ssh-key"), @"
    journal
      nothing to do: no keys were kept
    ");
}

#[test]
fn apt_uses_the_builders_proxies() {
    let hook = "02-proxy-settings";
    insta::assert_snapshot!(of(local_config::element()).record(Phase::PreInstall, hook), @"
    journal
      nothing to do: the image has no apt, and of others nothing is known here
    ");
    let fixture = of(local_config::element())
        .directory("/etc/apt")
        .variable("http_proxy", "http://proxy.example.org:3128")
        .variable("https_proxy", "http://proxy.example.org:3129")
        .variable("no_proxy", "localhost,example.org");
    insta::assert_snapshot!(fixture.record(Phase::PreInstall, hook), @r#"
    journal
      create directory /etc/apt/apt.conf.d
      write /etc/apt/apt.conf.d/02-use-http-proxy 0644 (54 bytes)
      write /etc/apt/apt.conf.d/02-use-https-proxy 0644 (55 bytes)
      write /etc/apt/apt.conf.d/02-no-proxy 0644 (128 bytes)
    target
      + /etc/apt/apt.conf.d/ 0755
      + /etc/apt/apt.conf.d/02-no-proxy 0644
        | Acquire::http::Proxy::localhost "DIRECT";
        | Acquire::http::Proxy::example.org "DIRECT";
        | Acquire::http::Proxy::192.0.2.1 "DIRECT";
      + /etc/apt/apt.conf.d/02-use-http-proxy 0644
        | Acquire::http::Proxy "http://proxy.example.org:3128";
      + /etc/apt/apt.conf.d/02-use-https-proxy 0644
        | Acquire::https::Proxy "http://proxy.example.org:3129";
    "#);
}

#[test]
fn modprobe_has_the_files_of_directories() {
    let directory = tempfile::tempdir().unwrap();
    let element = camino::Utf8Path::from_path(directory.path()).unwrap();
    fs::create_dir(element.join("modprobe.d")).unwrap();
    for name in ["mine.conf", "README"] {
        fs::write(element.join("modprobe.d").join(name), "options mine\n").unwrap();
    }
    let fixture = Fixture::new(|registry| {
        registry.add(modprobe::element())?;
        registry.add(Element::new("mine").of_directory(element))
    });
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, "50-modprobe-blacklist"), @"
    journal
      create directory /etc/modprobe.d
      write /etc/modprobe.d/mine.conf 0644 (13 bytes)
    target
      + /etc/ 0755
      + /etc/modprobe.d/ 0755
      + /etc/modprobe.d/mine.conf 0644
        | options mine
    ");
}

#[test]
fn nouveau_is_not_loaded() {
    insta::assert_snapshot!(of(modprobe::disable_nouveau_element()).record(Phase::ExtraData, "50-disable-nouveau"), @"
    journal
      create directory /etc/modprobe.d
      write /etc/modprobe.d/disable-nouveau.conf 0644 (44 bytes)
    target
      + /etc/ 0755
      + /etc/modprobe.d/ 0755
      + /etc/modprobe.d/disable-nouveau.conf 0644
        | blacklist nouveau
        | options nouveau modeset=0
    ");
}

#[test]
fn pip_keeps_its_downloads() {
    let fixture = of(pip_cache::element());
    insta::assert_snapshot!(fixture.record(Phase::Root, "11-pip-cache"), @"
    journal
      create directory [cache]/pip of the host
      create directory /tmp/pip
      bind [cache]/pip on /tmp/pip
    target
      + /tmp/ 0755
      + /tmp/pip/ 0755
    ");
    insta::assert_snapshot!(fixture.record(Phase::Root, "11-pip-cache"), @"
    journal
      nothing to do: /tmp/pip is mounted already
    ");
}

#[test]
fn udev_names_interfaces_again() {
    let hook = "02-stable-interface-names";
    let fixture = of(stable_interface_names::element());
    insta::assert_snapshot!(fixture.record(Phase::Install, hook), @"
    journal
      nothing to do: /etc/udev/rules.d/80-net-name-slot.rules is no link
    ");
    let fixture = fixture.symlink("/dev/null", "/etc/udev/rules.d/80-net-name-slot.rules");
    insta::assert_snapshot!(fixture.record(Phase::Install, hook), @"
    journal
      remove /etc/udev/rules.d/80-net-name-slot.rules
    target
      - /etc/udev/rules.d/80-net-name-slot.rules -> /dev/null
    ");
}

#[test]
fn python_goes_by_one_name() {
    let fixture = of(dib_python::element());
    insta::assert_snapshot!(fixture.record(Phase::PreInstall, "01-dib-python"), @"
    journal
      create directory /usr/local/bin
      link /usr/local/bin/dib-python to /usr/bin/python3
    target
      + /usr/ 0755
      + /usr/local/ 0755
      + /usr/local/bin/ 0755
      + /usr/local/bin/dib-python -> /usr/bin/python3
    ");
    insta::assert_snapshot!(fixture.record(Phase::Cleanup, "50-dib-python"), @"
    journal
      remove /usr/local/bin/dib-python
    target
      - /usr/local/bin/dib-python -> /usr/bin/python3
    ");
    let fixture = of(dib_python::element())
        .executable("/usr/libexec/platform-python", "")
        .variable("DISTRO_NAME", "centos");
    insta::assert_snapshot!(fixture.record(Phase::PreInstall, "01-dib-python"), @"
    journal
      create directory /usr/local/bin
      link /usr/local/bin/dib-python to /usr/libexec/platform-python
    target
      + /usr/local/ 0755
      + /usr/local/bin/ 0755
      + /usr/local/bin/dib-python -> /usr/libexec/platform-python
    ");
}
