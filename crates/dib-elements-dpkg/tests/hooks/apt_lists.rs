//! Snapshots of keeping apt's lists and the packages current, and of what is left when the build ends.

use dib_core::{Element, PackageRule, Phase};
use dib_elements_dpkg::register;
use dib_testing::Fixture;

use crate::{OF_NO_SOURCES, debian};

/// A target with `base` in the build, and a package for the phase `pre-install`.
fn with_base() -> Fixture {
    Fixture::new(|registry| {
        register(registry)?;
        registry.add(
            Element::new("base")
                .package_rule(PackageRule::new("apt-transport-https").phase(Phase::PreInstall)),
        )
    })
}

#[test]
fn apt_does_not_recommend() {
    insta::assert_snapshot!(debian().record(Phase::PreInstall, "00-disable-apt-recommends"), @r#"
    journal
      write /etc/apt/apt.conf.d/95disable-recommends 0644 (56 bytes)
    target
      + /etc/apt/apt.conf.d/95disable-recommends 0644
        | APT::Install-Recommends "0";
        | Apt::Install-Suggests "0";
    "#);
}

#[test]
fn lists_are_fetched_before_packages_are_installed() {
    let fixture = with_base();
    insta::assert_snapshot!(fixture.record(Phase::PreInstall, "03-apt-baseline-tools"), @"
    journal
      run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef update (exited with status 0)
    ");
    insta::assert_snapshot!(fixture.record(Phase::PreInstall, "99-apt-get-update"), @"
    journal
      run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef update (exited with status 0)
    ");
    insta::assert_snapshot!(debian().record(Phase::PreInstall, "03-apt-baseline-tools"), @"
    journal
      nothing to do: no packages to install in this phase
    ");
    insta::assert_snapshot!(debian().record(Phase::PreInstall, "99-apt-get-update"), @"
    journal
      run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef update (exited with status 0)
    ");
    insta::assert_snapshot!(debian().offline().record(Phase::PreInstall, "99-apt-get-update"), @"
    journal
      nothing to do: offline, and no packages to install
    ");
}

#[test]
fn packages_are_upgraded_where_base_wants_it() {
    let record = |fixture: Fixture| fixture.record(Phase::Install, "00-apt-up-to-date").to_string();
    insta::assert_snapshot!(record(with_base()), @"
    journal
      run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef dist-upgrade (exited with status 0)
    ");
    insta::assert_snapshot!(record(with_base().variable("DIB_AVOID_PACKAGES_UPDATE", "1")), @"
    journal
      nothing to do: DIB_AVOID_PACKAGES_UPDATE is not 0
    ");
    insta::assert_snapshot!(record(debian()), @"
    journal
      nothing to do: the build is without base
    ");
}

#[test]
fn what_this_build_has_made_of_an_archive_is_current() {
    let fixture = with_base().file("/var/lib/apt/lists/dib-current", OF_NO_SOURCES);
    insta::assert_snapshot!(fixture.record(Phase::PreInstall, "03-apt-baseline-tools"), @"
    journal
      nothing to do: lists and packages are of this very build
    ");
    insta::assert_snapshot!(fixture.record(Phase::PreInstall, "99-apt-get-update"), @"
    journal
      nothing to do: lists and packages are of this very build
    ");
    insta::assert_snapshot!(fixture.record(Phase::Install, "00-apt-up-to-date"), @"
    journal
      nothing to do: lists and packages are of this very build
    ");
}

#[test]
fn another_source_makes_it_old() {
    let fixture = with_base()
        .file("/var/lib/apt/lists/dib-current", OF_NO_SOURCES)
        .file(
            "/etc/apt/sources.list.d/more.list",
            "deb http://a.example.org x main\n",
        );
    insta::assert_snapshot!(fixture.record(Phase::PreInstall, "99-apt-get-update"), @"
    journal
      run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef update (exited with status 0)
    ");
    insta::assert_snapshot!(fixture.record(Phase::Install, "00-apt-up-to-date"), @"
    journal
      run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef dist-upgrade (exited with status 0)
    ");
}

#[test]
fn downloaded_packages_are_cleaned_up_unless_they_shall_stay() {
    insta::assert_snapshot!(debian().record(Phase::Finalise, "99-clean-up-cache"), @"
    journal
      run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef clean (exited with status 0)
    ");
    let fixture = debian().mounted("/var/cache/apt/archives");
    insta::assert_snapshot!(fixture.record(Phase::Finalise, "99-clean-up-cache"), @"
    journal
      nothing to do: /var/cache/apt/archives is the shared cache
    ");
    let fixture = debian().variable("DIB_DISABLE_APT_CLEANUP", "1");
    insta::assert_snapshot!(fixture.record(Phase::Finalise, "99-clean-up-cache"), @"
    journal
      nothing to do: DIB_DISABLE_APT_CLEANUP is 1
    ");
}

#[test]
fn scripts_of_base_have_their_way() {
    let fixture = Fixture::new(|registry| {
        registry.add(Element::new("base").of_directory("/elements/base".into()))?;
        register(registry)
    });
    for (phase, hook) in [
        (Phase::PreInstall, "03-apt-baseline-tools"),
        (Phase::Install, "00-apt-up-to-date"),
    ] {
        let recording = fixture.record(phase, hook).to_string();
        assert_eq!(
            recording,
            "journal\n  nothing to do: base is a directory, whose scripts do it\n"
        );
    }
}
