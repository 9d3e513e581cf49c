//! Snapshots of what the hooks of `debootstrap`, `debian-minimal` and `debian` do.
//!
//! What `08-debootstrap` and `75-debian-minimal-baseinstall` do to real packages is checked by `cargo xtask ci`.

use dib_core::Phase;
use dib_elements_debian::register;
use dib_testing::Fixture;

fn debian() -> Fixture {
    Fixture::new(register)
        .directory("/etc/network")
        .directory("/tmp")
        .directory("/etc/default")
}

mod networking {
    use super::*;

    #[test]
    fn names_the_host_and_has_interfaces_ask_for_their_addresses() {
        let fixture = debian().file("/etc/network/interfaces", "# interfaces(5)\n");
        insta::assert_snapshot!(fixture.record(Phase::Install, "10-debian-networking"), @"
        journal
          write /etc/hostname 0644 (7 bytes)
          create directory /etc/network/interfaces.d
          write /etc/network/interfaces 0644 (51 bytes)
          write /etc/network/interfaces.d/eth0 0644 (31 bytes)
          write /etc/network/interfaces.d/eth1 0644 (31 bytes)
        target
          + /etc/hostname 0644
            | debian
          ~ /etc/network/interfaces 0644
            | # interfaces(5)
            | source /etc/network/interfaces.d/*
          + /etc/network/interfaces.d/ 0755
          + /etc/network/interfaces.d/eth0 0644
            | auto eth0
            | iface eth0 inet dhcp
          + /etc/network/interfaces.d/eth1 0644
            | auto eth1
            | iface eth1 inet dhcp
        ");
    }

    #[test]
    fn leaves_interfaces_alone_that_are_included_already() {
        let included = "source-directory /etc/network/interfaces.d/*\n";
        let fixture = debian()
            .file("/etc/network/interfaces", included)
            .variable("DIB_NETWORK_INTERFACE_NAMES", "ens3");
        insta::assert_snapshot!(fixture.record(Phase::Install, "10-debian-networking"), @"
        journal
          write /etc/hostname 0644 (7 bytes)
          create directory /etc/network/interfaces.d
          write /etc/network/interfaces.d/ens3 0644 (31 bytes)
        target
          + /etc/hostname 0644
            | debian
          + /etc/network/interfaces.d/ 0755
          + /etc/network/interfaces.d/ens3 0644
            | auto ens3
            | iface ens3 inet dhcp
        ");
    }

    #[test]
    fn configures_no_interface_where_none_is_wanted() {
        let fixture = debian().variable("DIB_APT_MINIMAL_CREATE_INTERFACES", "0");
        insta::assert_snapshot!(fixture.record(Phase::Install, "10-debian-networking"), @"
        journal
          write /etc/hostname 0644 (7 bytes)
        target
          + /etc/hostname 0644
            | debian
        ");
    }

    #[test]
    fn nobody_waits_for_a_daemon_that_has_nothing_to_do() {
        let fixture = debian()
            .file("/usr/lib/systemd/system/systemd-networkd-wait-online.service", "")
            .variable("DIB_APT_MINIMAL_CREATE_INTERFACES", "0");
        insta::assert_snapshot!(fixture.record(Phase::Install, "10-debian-networking"), @"
        journal
          write /etc/hostname 0644 (7 bytes)
          create directory /etc/systemd/system/systemd-networkd-wait-online.service.d
          write /etc/systemd/system/systemd-networkd-wait-online.service.d/configured.conf 0644 (185 bytes)
        target
          + /etc/hostname 0644
            | debian
          + /etc/systemd/ 0755
          + /etc/systemd/system/ 0755
          + /etc/systemd/system/systemd-networkd-wait-online.service.d/ 0755
          + /etc/systemd/system/systemd-networkd-wait-online.service.d/configured.conf 0644
            | [Unit]
            | ConditionPathExistsGlob=|/etc/systemd/network/*.network
            | ConditionPathExistsGlob=|/run/systemd/network/*.network
            | ConditionPathExistsGlob=|/usr/local/lib/systemd/network/*.network
        ");
    }

    #[test]
    fn refuses_a_name_that_leads_elsewhere() {
        let fixture = debian().variable("DIB_NETWORK_INTERFACE_NAMES", "eth0 ../../shadow");
        insta::assert_snapshot!(fixture.record(Phase::Install, "10-debian-networking"), @r#"
        error
          the variable DIB_NETWORK_INTERFACE_NAMES is "eth0 ../../shadow": names of interfaces are needed, separated by spaces
        "#);
    }
}

mod locale {
    use super::*;

    #[test]
    fn makes_one_locale_and_speaks_another() {
        let fixture = debian()
            .symlink("../locale.conf", "/etc/default/locale")
            .file("/etc/locale.gen", "de_DE.UTF-8 UTF-8\n");
        insta::assert_snapshot!(fixture.record(Phase::Install, "12-debian-locale-gen"), @"
        journal
          remove /etc/locale.gen
          write /tmp/dib-locale-answers 0644 (132 bytes)
          run debconf-set-selections /tmp/dib-locale-answers (exited with status 0)
          remove /tmp/dib-locale-answers
          run dpkg-reconfigure --frontend noninteractive locales (exited with status 0)
          write /etc/locale.conf 0644 (28 bytes)
        target
          + /etc/locale.conf 0644
            | LANG=C.UTF-8
            | LC_ALL=C.UTF-8
          - /etc/locale.gen 0644
        ");
    }
}

mod locale_made_before {
    use super::*;

    #[test]
    fn is_left_as_it_is() {
        let fixture = debian()
            .file("/etc/locale.gen", "# locales\n\nen_US.UTF-8 UTF-8\n")
            .file("/usr/lib/locale/locale-archive", "");
        insta::assert_snapshot!(fixture.record(Phase::Install, "12-debian-locale-gen"), @"
        journal
          nothing to do: the package locales has made en_US.UTF-8 UTF-8
          write /etc/default/locale 0644 (28 bytes)
        target
          + /etc/default/locale 0644
            | LANG=C.UTF-8
            | LC_ALL=C.UTF-8
        ");
    }

    #[test]
    fn is_made_again_where_it_was_asked_for_later() {
        let fixture = debian()
            .file("/etc/locale.gen", "en_US.UTF-8 UTF-8\n")
            .old_file("/usr/lib/locale/locale-archive", "of another locale");
        let recording = fixture.record(Phase::Install, "12-debian-locale-gen");
        assert!(recording.to_string().contains("dpkg-reconfigure"), "{recording}");
    }
}

mod cloud_opinions {
    use super::*;

    #[test]
    fn pins_the_other_init() {
        insta::assert_snapshot!(debian().record(Phase::Install, "10-cloud-opinions"), @r#"
        journal
          create directory /etc/apt/preferences.d
          write /etc/apt/preferences.d/sysvinit 0644 (50 bytes)
        target
          + /etc/apt/ 0755
          + /etc/apt/preferences.d/ 0755
          + /etc/apt/preferences.d/sysvinit 0644
            | Package: sysvinit
            | Pin: origin ""
            | Pin-Priority: -1
        "#);
    }

    #[test]
    fn leaves_lists_as_current_as_they_were() {
        let mark = "/var/lib/apt/lists/dib-current";
        let record = |fixture: Fixture| fixture.record(Phase::Install, "10-cloud-opinions").to_string();
        // The sum of no sources and no preferences.
        let current = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let recording = record(debian().file(mark, current));
        assert!(recording.contains(&format!("~ {mark}")), "{recording}");
        let recording = record(debian().file(mark, "of other sources"));
        assert!(!recording.contains(mark), "{recording}");
    }

    #[test]
    fn has_another_init_where_one_is_wanted() {
        let record = |init| {
            let fixture = debian().variable("DIB_DEBIAN_ALT_INIT_PACKAGE", init);
            fixture.record(Phase::Install, "10-cloud-opinions")
        };
        insta::assert_snapshot!(record("sysvinit"), @"");
        insta::assert_snapshot!(record("sysvinit-core orphan-sysvinit-scripts"), @r#"
        journal
          run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef install sysvinit-core orphan-sysvinit-scripts (exited with status 0)
          create directory /etc/apt/preferences.d
          write /etc/apt/preferences.d/sysvinit 0644 (50 bytes)
        target
          + /etc/apt/ 0755
          + /etc/apt/preferences.d/ 0755
          + /etc/apt/preferences.d/sysvinit 0644
            | Package: sysvinit
            | Pin: origin ""
            | Pin-Priority: -1
        "#);
        insta::assert_snapshot!(record("--yes"), @r#"
        error
          the variable DIB_DEBIAN_ALT_INIT_PACKAGE is "--yes": names of packages are needed
        "#);
    }

    #[test]
    fn makes_a_user_where_one_is_wanted() {
        let fixture = debian().variable("DIB_DEBIAN_CLOUD_INIT_HELPER", "1");
        insta::assert_snapshot!(fixture.record(Phase::Install, "10-cloud-opinions"), @r#"
        journal
          run adduser --gecos Debian-cloud-init-user --disabled-password --quiet debian (exited with status 0)
          create directory /etc/sudoers.d
          write /etc/sudoers.d/debian-cloud-init 0440 (30 bytes)
          create directory /etc/apt/preferences.d
          write /etc/apt/preferences.d/sysvinit 0644 (50 bytes)
        target
          + /etc/apt/ 0755
          + /etc/apt/preferences.d/ 0755
          + /etc/apt/preferences.d/sysvinit 0644
            | Package: sysvinit
            | Pin: origin ""
            | Pin-Priority: -1
          + /etc/sudoers.d/ 0755
          + /etc/sudoers.d/debian-cloud-init 0440
            | debian ALL=(ALL) NOPASSWD:ALL
        "#);
    }
}

mod bootstrap {
    use super::*;

    #[test]
    fn makes_a_directory_for_sudo() {
        insta::assert_snapshot!(debian().record(Phase::Install, "15-cleanup-debootstrap"), @"
        journal
          create directory /etc/sudoers.d
        target
          + /etc/sudoers.d/ 0755
        ");
    }

    #[test]
    fn says_which_mirror_is_missing_where_the_host_has_none() {
        let fixture = debian().variable("DISTRO_NAME", "another");
        insta::assert_snapshot!(fixture.record(Phase::Root, "08-debootstrap"), @"
        error
          the variable DIB_DISTRIBUTION_MIRROR is not set
          hint: this host has no apt source for the packages of another: set DIB_DISTRIBUTION_MIRROR to the URL of a mirror
        ");
    }

    #[test]
    fn says_what_it_does_without() {
        let fixture = debian()
            .variable("DISTRO_NAME", "another")
            .variable("DIB_DEBIAN_USE_DEBOOTSTRAP_CACHE", "1")
            .variable("DIB_ARM_KERNEL", "mx5");
        insta::assert_snapshot!(fixture.record(Phase::Root, "08-debootstrap"), @"
        journal
          nothing to do: DIB_DEBIAN_USE_DEBOOTSTRAP_CACHE changes nothing: packages are kept in the image cache, and DIB_OFFLINE takes them as they are
          nothing to do: DIB_ARM_KERNEL changes nothing: -p linux-image-NAME installs another kernel
        error
          the variable DIB_DISTRIBUTION_MIRROR is not set
          hint: this host has no apt source for the packages of another: set DIB_DISTRIBUTION_MIRROR to the URL of a mirror
        ");
        let fixture = debian().variable("DIB_MMDEBSTRAP_EXTRA_ARGS", "--aptopt=x");
        insta::assert_snapshot!(fixture.record(Phase::Root, "08-debootstrap"), @r#"
        error
          the variable DIB_MMDEBSTRAP_EXTRA_ARGS is "--aptopt=x": only --keyring, --include, --variant=minbase, --merged-usr, --force-check-gpg and --verbose are understood
        "#);
        let fixture = debian().variable("DIB_DEBIAN_DEBOOTSTRAP_SCRIPT", "/scripts/sid");
        insta::assert_snapshot!(fixture.record(Phase::Root, "08-debootstrap"), @r#"
        error
          the variable DIB_DEBIAN_DEBOOTSTRAP_SCRIPT is "/scripts/sid": no script of debootstrap is run here
          hint: the base system is what the archive calls essential or required: unset it, and have an element do the rest
        "#);
    }

    #[test]
    fn removes_lists_that_would_be_out_of_date() {
        let fixture = debian()
            .directory("/var/lib/apt/lists/partial")
            .file("/var/lib/apt/lists/a_Packages", "Package: a\n");
        insta::assert_snapshot!(fixture.record(Phase::Cleanup, "99-clean-up-cache"), @"
        journal
          remove /var/lib/apt/lists/a_Packages
        target
          - /var/lib/apt/lists/a_Packages 0644
        ");
    }
}
