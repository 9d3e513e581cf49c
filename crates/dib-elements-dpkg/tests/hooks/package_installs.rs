//! Snapshots of packages that come and go.

use dib_core::{Element, PackageMap, PackageRule, Phase};
use dib_elements_dpkg::register;
use dib_testing::Fixture;

use crate::{OF_NO_SOURCES, debian};

/// A build of an element with packages in each phase, and of a package that the user asks for.
fn with_packages() -> Fixture {
    Fixture::new(|registry| {
        register(registry)?;
        registry.add(
            Element::new("web")
                .package_rule(PackageRule::new("gpg").phase(Phase::PreInstall).build_only())
                .package_rule(PackageRule::new("web-server"))
                .package_rule(PackageRule::new("make").build_only())
                .package_rule(PackageRule::new("rsyslog").uninstalled())
                .package_rule(PackageRule::new("certbot").phase(Phase::PostInstall))
                .package_rule(PackageRule::new("ed").phase(Phase::PostInstall).uninstalled())
                .package_map(PackageMap::new().by_default("web-server", "apache2 ssl-cert")),
        )
    })
    .package("vim")
}

/// A stanza of dpkg's status file.
fn stanza(name: &str, status: &str, architecture: &str) -> String {
    format!("Package: {name}\nStatus: {status}\nArchitecture: {architecture}\nVersion: 1\n\n")
}

fn record_all(fixture: &Fixture) -> String {
    [
        (Phase::PreInstall, "10-package-installs"),
        (Phase::PreInstall, "99-package-uninstalls"),
        (Phase::Install, "01-package-installs"),
        (Phase::Install, "99-package-uninstalls"),
        (Phase::PostInstall, "00-command-line-packages"),
        (Phase::PostInstall, "00-package-installs"),
        (Phase::PostInstall, "95-package-uninstalls"),
    ]
    .map(|(phase, hook)| format!("{phase}/{hook}\n{}", fixture.record(phase, hook)))
    .concat()
    .replace(
        "apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef",
        "apt-get …",
    )
}

#[test]
fn what_elements_and_the_user_want_is_installed_when_the_phase_begins() {
    insta::assert_snapshot!(record_all(&with_packages()), @"
    pre-install/10-package-installs
    journal
      run apt-get … install gpg (exited with status 0)
    pre-install/99-package-uninstalls
    journal
      nothing to do: not installed: gpg
    install/01-package-installs
    journal
      run apt-get … install apache2 ssl-cert make (exited with status 0)
    install/99-package-uninstalls
    journal
      nothing to do: not installed: make rsyslog
    post-install/00-command-line-packages
    journal
      run apt-get … install vim (exited with status 0)
    post-install/00-package-installs
    journal
      run apt-get … install certbot (exited with status 0)
    post-install/95-package-uninstalls
    journal
      nothing to do: not installed: ed
    ");
}

#[test]
fn what_is_installed_is_not_asked_for_again() {
    let status = [
        stanza("apache2", "install ok installed", "amd64"),
        stanza("ssl-cert", "install ok installed", "all"),
        stanza("make", "install ok unpacked", "amd64"),
        stanza("vim", "install ok installed", "arm64"),
        stanza("certbot", "deinstall ok config-files", "all"),
        stanza("ed", "install ok installed", "amd64"),
        stanza("rsyslog", "install ok installed", "amd64"),
        stanza("gpg", "install ok installed", "amd64"),
    ]
    .concat();
    let automatic = "Package: ssl-cert\nArchitecture: amd64\nAuto-Installed: 1\n\n\
                     Package: apache2\nArchitecture: amd64\nAuto-Installed: 0\n\n";
    let fixture = with_packages()
        .file("/var/lib/apt/lists/dib-current", OF_NO_SOURCES)
        .file("/var/lib/dpkg/status", &status)
        .file("/var/lib/apt/extended_states", automatic);
    insta::assert_snapshot!(record_all(&fixture), @"
    pre-install/10-package-installs
    journal
      nothing to do: installed already: gpg
    pre-install/99-package-uninstalls
    journal
      run apt-get … remove gpg (exited with status 0)
    install/01-package-installs
    journal
      nothing to do: installed already: apache2
      run apt-get … install ssl-cert make (exited with status 0)
    install/99-package-uninstalls
    journal
      nothing to do: not installed: make
      run apt-get … remove rsyslog (exited with status 0)
    post-install/00-command-line-packages
    journal
      run apt-get … install vim (exited with status 0)
    post-install/00-package-installs
    journal
      run apt-get … install certbot (exited with status 0)
    post-install/95-package-uninstalls
    journal
      run apt-get … remove ed (exited with status 0)
    ");
}

#[test]
fn what_is_installed_is_brought_up_to_a_source_that_came_later() {
    let fixture = with_packages()
        .file("/var/lib/apt/lists/dib-current", OF_NO_SOURCES)
        .file(
            "/etc/apt/sources.list.d/more.list",
            "deb http://a.example.org x main\n",
        )
        .file(
            "/var/lib/dpkg/status",
            &stanza("vim", "install ok installed", "amd64"),
        );
    let recording = fixture.record(Phase::PostInstall, "00-command-line-packages");
    assert!(recording.to_string().contains("install vim"), "{recording}");
}

#[test]
fn builds_that_share_a_cache_take_turns() {
    let status = stanza("make", "install ok installed", "amd64");
    for (phase, hook) in [
        (Phase::Install, "01-package-installs"),
        (Phase::Install, "99-package-uninstalls"),
    ] {
        let fixture = with_packages()
            .file("/var/lib/dpkg/status", &status)
            .variable("DISTRO_NAME", "debian");
        let lock = fixture.cache().join("apt/debian/dib.lock");
        assert!(fixture.record(phase, hook).succeeded());
        assert!(!lock.exists(), "{hook} shares nothing");
        let fixture = fixture.mounted("/var/cache/apt/archives");
        assert!(fixture.record(phase, hook).succeeded());
        assert!(lock.exists(), "{hook} takes its turn");
    }
}

#[test]
fn architectures_are_told_apart() {
    let fixture = Fixture::new(register)
        .file("/var/lib/apt/lists/dib-current", OF_NO_SOURCES)
        .file(
            "/var/lib/dpkg/status",
            &[
                stanza("vim", "install ok installed", "arm64"),
                stanza("ed", "install ok installed", "amd64"),
            ]
            .concat(),
        )
        .package("vim:arm64")
        .package("ed:amd64")
        .package("ed:i386");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "00-command-line-packages"), @"
    journal
      nothing to do: installed already: vim:arm64 ed:amd64
      run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef install ed:i386 (exited with status 0)
    ");
}

#[test]
fn nothing_is_done_when_nobody_wants_anything() {
    insta::assert_snapshot!(record_all(&debian()), @"
    pre-install/10-package-installs
    journal
      nothing to do: no packages to install
    pre-install/99-package-uninstalls
    journal
      nothing to do: no packages to remove
    install/01-package-installs
    journal
      nothing to do: no packages to install
    install/99-package-uninstalls
    journal
      nothing to do: no packages to remove
    post-install/00-command-line-packages
    journal
      nothing to do: no packages to install
    post-install/00-package-installs
    journal
      nothing to do: no packages to install
    post-install/95-package-uninstalls
    journal
      nothing to do: no packages to remove
    ");
}

#[test]
fn a_damaged_status_file_is_told() {
    let fixture = with_packages()
        .file("/var/lib/apt/lists/dib-current", OF_NO_SOURCES)
        .file("/var/lib/dpkg/status", "Package: vim\nStatus: perhaps\n");
    insta::assert_snapshot!(fixture.record(Phase::Install, "01-package-installs"), @r#"
    error
      /var/lib/dpkg/status in the target can't be used
      line 1: the package "vim" has the status "perhaps", which is none
    "#);
}

#[test]
fn a_failure_shows_the_command() {
    let fixture = with_packages().failing("apt-get", 100);
    insta::assert_snapshot!(fixture.record(Phase::Install, "01-package-installs"), @r#"
    journal
      run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef install apache2 ssl-cert make (exited with status 100)
    error
      apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef install apache2 ssl-cert make exited with status 100
      to run it again: chroot "$TARGET_ROOT" env -i ARCH=amd64 DEBIAN_FRONTEND=noninteractive DIB_ARGS= DIB_CHECKSUM=0 DIB_DEBUG_TRACE=0 DIB_IMAGE_CACHE=[cache] DIB_OFFLINE= HOME=/root 'IMAGE_ELEMENT=apt-conf apt-preferences apt-sources dpkg fixture-system install-bin manifests package-installs pkg-map web' IMAGE_NAME=image LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TARGET_ROOT=[target] TERM=dumb TMP_MOUNT_PATH=[target] apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef install apache2 ssl-cert make
    "#);
}
