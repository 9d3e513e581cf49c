//! Snapshots of what the hooks of `dpkg` do, and of their undoing.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use dib_core::Phase;
use dib_elements_dpkg::register;
use dib_testing::Fixture;

/// A target as a Debian package manager leaves it.
fn debian() -> Fixture {
    Fixture::new(register)
        .directory("/etc/apt/apt.conf.d")
        .directory("/etc/dpkg/dpkg.cfg.d")
        .directory("/usr/sbin")
        .directory("/var/cache/apt/archives")
}

/// A target whose directory `path` is an absolute link to a directory of the host.
fn hostile(path: &str) -> Fixture {
    let fixture = Fixture::new(register).directory("/usr/sbin");
    let host = fixture.host();
    std::fs::create_dir_all(host.join("apt/apt.conf.d")).unwrap();
    std::fs::create_dir_all(host.join("dpkg/dpkg.cfg.d")).unwrap();
    std::fs::write(host.join("start-stop-daemon"), "the host's\n").unwrap();
    fixture.symlink(host.as_str(), path)
}

mod build_with_http_cache {
    use super::*;

    #[test]
    fn uses_the_proxy_and_is_undone() {
        let fixture = debian().variable("http_proxy", "http://proxy.example.org:3128");
        insta::assert_snapshot!(fixture.record(Phase::Root, "50-build-with-http-cache"), @r#"
        journal
          write /etc/apt/apt.conf.d/60img-build-proxy 0644 (54 bytes)
        target
          + /etc/apt/apt.conf.d/60img-build-proxy 0644
            | Acquire::http::Proxy "http://proxy.example.org:3128";
        "#);
        insta::assert_snapshot!(fixture.record(Phase::Cleanup, "50-remove-img-build-proxy"), @"
        journal
          remove /etc/apt/apt.conf.d/60img-build-proxy
        target
          - /etc/apt/apt.conf.d/60img-build-proxy 0644
        ");
    }

    #[test]
    fn does_nothing_without_a_proxy() {
        insta::assert_snapshot!(debian().record(Phase::Root, "50-build-with-http-cache"), @"
        journal
          nothing to do: http_proxy is not set
        ");
        insta::assert_snapshot!(debian().record(Phase::Cleanup, "50-remove-img-build-proxy"), @"");
    }

    #[test]
    fn refuses_a_proxy_that_would_be_more_than_one_setting() {
        let fixture = debian().variable("http_proxy", "x\"; APT::Update::Pre-Invoke {\"true\"};");
        insta::assert_snapshot!(fixture.record(Phase::Root, "50-build-with-http-cache"), @r#"
        error
          the variable http_proxy is "x\"; APT::Update::Pre-Invoke {\"true\"};": an address without quotes and control characters is needed
        "#);
    }

    #[test]
    fn follows_no_link_out_of_the_target() {
        let fixture = hostile("/etc").variable("http_proxy", "http://proxy.example.org:3128");
        insta::assert_snapshot!(fixture.record(Phase::Root, "50-build-with-http-cache"), @"
        error
          failed to create the directory /etc in the target
          File exists (os error 17)
        ");
    }
}

mod block_apt_translations {
    use super::*;

    #[test]
    fn removes_translations_but_leaves_partial_alone() {
        let fixture = debian()
            .file(
                "/var/lib/apt/lists/example.org_dists_noble_main_i18n_Translation-en",
                "x\n",
            )
            .file(
                "/var/lib/apt/lists/auxfiles/example.org_i18n_Translation-de",
                "x\n",
            )
            .file(
                "/var/lib/apt/lists/example.org_dists_noble_main_binary-amd64_Packages",
                "x\n",
            )
            .file(
                "/var/lib/apt/lists/partial/example.org_i18n_Translation-fr",
                "x\n",
            )
            .symlink("/etc/passwd", "/var/lib/apt/lists/linked_i18n_Translation-en");
        insta::assert_snapshot!(fixture.record(Phase::Root, "60-block-apt-translations"), @r#"
        journal
          write /etc/apt/apt.conf.d/95no-translations 0644 (27 bytes)
          remove /var/lib/apt/lists/auxfiles/example.org_i18n_Translation-de
          remove /var/lib/apt/lists/example.org_dists_noble_main_i18n_Translation-en
        target
          + /etc/apt/apt.conf.d/95no-translations 0644
            | Acquire::Languages "none";
          - /var/lib/apt/lists/auxfiles/example.org_i18n_Translation-de 0644
          - /var/lib/apt/lists/example.org_dists_noble_main_i18n_Translation-en 0644
        "#);
    }

    #[test]
    fn needs_no_lists() {
        insta::assert_snapshot!(debian().record(Phase::Root, "60-block-apt-translations"), @r#"
        journal
          write /etc/apt/apt.conf.d/95no-translations 0644 (27 bytes)
        target
          + /etc/apt/apt.conf.d/95no-translations 0644
            | Acquire::Languages "none";
        "#);
    }

    #[test]
    fn follows_no_link_out_of_the_target() {
        insta::assert_snapshot!(hostile("/etc").record(Phase::Root, "60-block-apt-translations"), @"
        error
          failed to create the directory /etc in the target
          File exists (os error 17)
        ");
    }
}

mod block_daemons {
    use super::*;

    fn with_daemons() -> Fixture {
        debian()
            .executable("/usr/sbin/start-stop-daemon", "the real one\n")
            .symlink("usr/sbin", "/sbin")
    }

    #[test]
    fn puts_fakes_in_place_and_is_undone() {
        let fixture = with_daemons();
        insta::assert_snapshot!(fixture.record(Phase::Root, "99-block-daemons"), @r#"
        journal
          rename /sbin/start-stop-daemon to /sbin/start-stop-daemon.REAL
          write /sbin/start-stop-daemon 0755 (76 bytes)
          write /usr/sbin/policy-rc.d 0755 (19 bytes)
        target
          + /usr/sbin/policy-rc.d 0755
            | #!/bin/sh
            | exit 101
          ~ /usr/sbin/start-stop-daemon 0755
            | #!/bin/sh
            | echo
            | echo "Warning: Fake start-stop-daemon called, doing nothing"
          + /usr/sbin/start-stop-daemon.REAL 0755
            | the real one
        "#);
        insta::assert_snapshot!(fixture.record(Phase::Cleanup, "40-unblock-daemons"), @"
        journal
          rename /sbin/start-stop-daemon.REAL to /sbin/start-stop-daemon
          remove /usr/sbin/policy-rc.d
        target
          - /usr/sbin/policy-rc.d 0755
          ~ /usr/sbin/start-stop-daemon 0755
            | the real one
          - /usr/sbin/start-stop-daemon.REAL 0755
        ");
    }

    #[test]
    fn fakes_initctl_where_there_is_one() {
        let fixture = with_daemons().executable("/usr/sbin/initctl", "the real one\n");
        insta::assert_snapshot!(fixture.record(Phase::Root, "99-block-daemons"), @r#"
        journal
          rename /sbin/start-stop-daemon to /sbin/start-stop-daemon.REAL
          write /sbin/start-stop-daemon 0755 (76 bytes)
          rename /sbin/initctl to /sbin/initctl.REAL
          write /sbin/initctl 0755 (90 bytes)
          write /usr/sbin/policy-rc.d 0755 (19 bytes)
        target
          ~ /usr/sbin/initctl 0755
            | #!/bin/sh
            | echo "initctl (tripleo 1.0)"
            | echo "Warning: Fake initctl called, doing nothing"
          + /usr/sbin/initctl.REAL 0755
            | the real one
          + /usr/sbin/policy-rc.d 0755
            | #!/bin/sh
            | exit 101
          ~ /usr/sbin/start-stop-daemon 0755
            | #!/bin/sh
            | echo
            | echo "Warning: Fake start-stop-daemon called, doing nothing"
          + /usr/sbin/start-stop-daemon.REAL 0755
            | the real one
        "#);
        insta::assert_snapshot!(fixture.record(Phase::Cleanup, "40-unblock-daemons"), @"
        journal
          rename /sbin/start-stop-daemon.REAL to /sbin/start-stop-daemon
          rename /sbin/initctl.REAL to /sbin/initctl
          remove /usr/sbin/policy-rc.d
        target
          ~ /usr/sbin/initctl 0755
            | the real one
          - /usr/sbin/initctl.REAL 0755
          - /usr/sbin/policy-rc.d 0755
          ~ /usr/sbin/start-stop-daemon 0755
            | the real one
          - /usr/sbin/start-stop-daemon.REAL 0755
        ");
    }

    #[test]
    fn puts_a_dangling_link_aside_as_it_is() {
        let fixture = with_daemons().symlink("/lib/upstart/initctl", "/usr/sbin/initctl");
        assert!(fixture.record(Phase::Root, "99-block-daemons").succeeded());
        insta::assert_snapshot!(fixture.record(Phase::Cleanup, "40-unblock-daemons"), @"
        journal
          rename /sbin/start-stop-daemon.REAL to /sbin/start-stop-daemon
          rename /sbin/initctl.REAL to /sbin/initctl
          remove /usr/sbin/policy-rc.d
        target
          ~ /usr/sbin/initctl -> /lib/upstart/initctl
          - /usr/sbin/initctl.REAL -> /lib/upstart/initctl
          - /usr/sbin/policy-rc.d 0755
          ~ /usr/sbin/start-stop-daemon 0755
            | the real one
          - /usr/sbin/start-stop-daemon.REAL 0755
        ");
    }

    #[test]
    fn keeps_the_images_own_policy() {
        let fixture = with_daemons().executable("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n");
        assert!(fixture.record(Phase::Root, "99-block-daemons").succeeded());
        insta::assert_snapshot!(fixture.record(Phase::Cleanup, "40-unblock-daemons"), @"
        journal
          rename /sbin/start-stop-daemon.REAL to /sbin/start-stop-daemon
          rename /usr/sbin/policy-rc.d.REAL to /usr/sbin/policy-rc.d
        target
          ~ /usr/sbin/policy-rc.d 0755
            | #!/bin/sh
            | exit 0
          - /usr/sbin/policy-rc.d.REAL 0755
          ~ /usr/sbin/start-stop-daemon 0755
            | the real one
          - /usr/sbin/start-stop-daemon.REAL 0755
        ");
    }

    #[test]
    fn changes_nothing_the_second_time() {
        let fixture = with_daemons();
        assert!(fixture.record(Phase::Root, "99-block-daemons").succeeded());
        insta::assert_snapshot!(fixture.record(Phase::Root, "99-block-daemons"), @"");
    }

    #[test]
    fn keeps_what_a_package_brought_meanwhile() {
        let fixture = with_daemons();
        assert!(fixture.record(Phase::Root, "99-block-daemons").succeeded());
        let fixture = fixture.executable("/usr/sbin/start-stop-daemon", "a newer one\n");
        insta::assert_snapshot!(fixture.record(Phase::Cleanup, "40-unblock-daemons"), @"
        journal
          remove /sbin/start-stop-daemon.REAL
          remove /usr/sbin/policy-rc.d
        target
          - /usr/sbin/policy-rc.d 0755
          - /usr/sbin/start-stop-daemon.REAL 0755
        ");
    }

    #[test]
    fn follows_no_link_out_of_the_target() {
        insta::assert_snapshot!(hostile("/sbin").record(Phase::Root, "99-block-daemons"), @"
        journal
          write /usr/sbin/policy-rc.d 0755 (19 bytes)
        target
          + /usr/sbin/policy-rc.d 0755
            | #!/bin/sh
            | exit 101
        ");
    }
}

mod shared_apt_cache {
    use super::*;

    #[test]
    fn binds_the_distributions_cache() {
        let fixture = debian().variable("DISTRO_NAME", "ubuntu");
        insta::assert_snapshot!(fixture.record(Phase::Root, "99-shared_apt_cache"), @"
        journal
          create directory [cache]/apt/ubuntu of the host
          bind [cache]/apt/ubuntu on /var/cache/apt/archives
        ");
        insta::assert_snapshot!(fixture.record(Phase::Root, "99-shared_apt_cache"), @"
        journal
          nothing to do: /var/cache/apt/archives is a mount already
        ");
    }

    #[test]
    fn does_nothing_when_it_is_switched_off() {
        let fixture = debian()
            .variable("DISTRO_NAME", "ubuntu")
            .variable("DIB_APT_LOCAL_CACHE", "0");
        insta::assert_snapshot!(fixture.record(Phase::Root, "99-shared_apt_cache"), @"
        journal
          nothing to do: DIB_APT_LOCAL_CACHE is 0
        ");
    }

    #[test]
    fn needs_a_name_that_stays_in_the_cache() {
        insta::assert_snapshot!(debian().record(Phase::Root, "99-shared_apt_cache"), @"
        error
          the variable DISTRO_NAME is not set
        ");
        let fixture = debian().variable("DISTRO_NAME", "../../etc");
        insta::assert_snapshot!(fixture.record(Phase::Root, "99-shared_apt_cache"), @r#"
        error
          the variable DISTRO_NAME is "../../etc": a name for a directory is needed
        "#);
    }

    #[test]
    fn follows_no_link_out_of_the_target() {
        let fixture = hostile("/var").variable("DISTRO_NAME", "ubuntu");
        insta::assert_snapshot!(fixture.record(Phase::Root, "99-shared_apt_cache"), @"
        journal
          create directory [cache]/apt/ubuntu of the host
        error
          failed to create the directory /var in the target
          File exists (os error 17)
        ");
    }
}

mod trim_dpkg {
    use super::*;

    #[test]
    fn trims_and_is_undone() {
        let fixture = debian();
        insta::assert_snapshot!(fixture.record(Phase::Root, "99-trim-dpkg"), @r#"
        journal
          write /etc/dpkg/dpkg.cfg.d/02apt-speedup 0644 (16 bytes)
          write /etc/apt/apt.conf.d/no-languages 0644 (27 bytes)
        target
          + /etc/apt/apt.conf.d/no-languages 0644
            | Acquire::Languages "none";
          + /etc/dpkg/dpkg.cfg.d/02apt-speedup 0644
            | force-unsafe-io
        "#);
        insta::assert_snapshot!(fixture.record(Phase::Cleanup, "60-untrim-dpkg"), @"
        journal
          remove /etc/dpkg/dpkg.cfg.d/02apt-speedup
          remove /etc/apt/apt.conf.d/no-languages
        target
          - /etc/apt/apt.conf.d/no-languages 0644
          - /etc/dpkg/dpkg.cfg.d/02apt-speedup 0644
        ");
    }

    #[test]
    fn follows_no_link_out_of_the_target() {
        insta::assert_snapshot!(hostile("/etc").record(Phase::Root, "99-trim-dpkg"), @"
        error
          failed to create the directory /etc in the target
          File exists (os error 17)
        ");
    }
}

mod packages {
    use super::*;
    use dib_core::Element;

    fn with_packages() -> Fixture {
        Fixture::new(|registry| {
            register(registry)?;
            registry.add(Element::new("ssh").packages(&["openssh-server"]))
        })
        .directory("/etc/apt/apt.conf.d")
        .package("vim")
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
    fn what_elements_and_the_user_want_is_installed() {
        let fixture = with_packages();
        insta::assert_snapshot!(fixture.record(Phase::PreInstall, "99-apt-get-update"), @"
        journal
          run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef update (exited with status 0)
        ");
        insta::assert_snapshot!(fixture.record(Phase::Install, "01-package-installs"), @"
        journal
          run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef install openssh-server (exited with status 0)
        ");
        insta::assert_snapshot!(fixture.record(Phase::PostInstall, "00-command-line-packages"), @"
        journal
          run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef install vim (exited with status 0)
        ");
    }

    #[test]
    fn nothing_is_installed_when_nobody_wants_anything() {
        insta::assert_snapshot!(debian().record(Phase::Install, "01-package-installs"), @"
        journal
          nothing to do: no packages to install
        ");
        insta::assert_snapshot!(debian().offline().record(Phase::PreInstall, "99-apt-get-update"), @"
        journal
          nothing to do: offline, and no packages to install
        ");
    }

    #[test]
    fn a_failure_shows_the_command() {
        let fixture = with_packages().failing("apt-get", 100);
        insta::assert_snapshot!(fixture.record(Phase::Install, "01-package-installs"), @r#"
        journal
          run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef install openssh-server (exited with status 100)
        error
          apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef install openssh-server exited with status 100
          to run it again: chroot "$TARGET_ROOT" env -i ARCH=amd64 DEBIAN_FRONTEND=noninteractive DIB_APT_LOCAL_CACHE=1 DIB_ARGS= DIB_CHECKSUM=0 DIB_DEBUG_TRACE=0 DIB_DISABLE_APT_CLEANUP=0 DIB_IMAGE_CACHE=[cache] DIB_OFFLINE= DIB_ROOT_LABEL=cloudimg-rootfs HOME=/root 'IMAGE_ELEMENT=dpkg fixture-system ssh' IMAGE_NAME=image LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TARGET_ROOT=[target] TERM=dumb TMP_MOUNT_PATH=[target] apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef install openssh-server
        "#);
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
}
