//! `select_boot_kernel_initrd`, for a target of each family.

use super::{Build, printed, stderr};

fn target(build: &Build, files: &[(&str, &str)]) {
    for (path, contents) in files {
        build.write(&format!("target/{path}"), contents, 0o644);
    }
}

/// Returns what it chose: the last line, for it may say something before.
fn chosen(build: &Build, variables: &str) -> String {
    let script = format!(
        "source $_LIB/img-functions; {variables}
        select_boot_kernel_initrd $PWD/target
        echo ${{BOOTDIR#$PWD/}} $KERNEL $RAMDISK"
    );
    let said = printed(&build.bash(&script));
    said.lines().last().unwrap().to_owned()
}

fn check(files: &[(&str, &str)], expected: &str) {
    let build = Build::new();
    target(&build, files);
    assert_eq!(chosen(&build, ""), format!("target/boot {expected}"));
}

#[test]
fn of_debian_the_newest() {
    check(
        &[
            ("etc/debian_version", "13.0\n"),
            ("boot/vmlinuz-6.9.2-amd64", ""),
            ("boot/vmlinuz-6.12.1-amd64", ""),
            ("boot/vmlinuz.old", ""),
            ("boot/initrd.img-6.9.2-amd64", ""),
            ("boot/initrd.img-6.12.1-amd64", ""),
            ("boot/config-6.12.1-amd64", ""),
        ],
        "vmlinuz-6.12.1-amd64 initrd.img-6.12.1-amd64",
    );
}

#[test]
fn of_ubuntu_the_newest_generic() {
    check(
        &[
            ("etc/debian_version", "trixie/sid\n"),
            ("boot/vmlinuz-6.8.0-10-generic", ""),
            ("boot/vmlinuz-6.8.0-9-generic", ""),
            ("boot/vmlinuz-6.9.0-1-lowlatency", ""),
            ("boot/initrd.img-6.8.0-10-generic", ""),
            ("boot/initrd.img-6.8.0-9-generic", ""),
        ],
        "vmlinuz-6.8.0-10-generic initrd.img-6.8.0-10-generic",
    );
}

#[test]
fn of_ubuntu_a_signed_one_where_an_element_asks() {
    check(
        &[
            ("etc/debian_version", "jessie/sid\n"),
            (
                "dib-signed-kernel-version",
                "export DIB_SIGNED_KERNEL_VERSION=3.13.0-1-generic.efi.signed\n",
            ),
            ("boot/vmlinuz-3.13.0-1-generic", ""),
            ("boot/vmlinuz-3.13.0-1-generic.efi.signed", ""),
            ("boot/initrd.img-3.13.0-1-generic", ""),
        ],
        "vmlinuz-3.13.0-1-generic.efi.signed initrd.img-3.13.0-1-generic",
    );
}

#[test]
fn of_red_hat_the_newest_that_is_no_rescue_or_debug_one() {
    check(
        &[
            ("etc/redhat-release", "a release\n"),
            ("boot/vmlinuz-0-rescue-0123456789abcdef", ""),
            ("boot/vmlinuz-5.14.0-9.el9.x86_64", ""),
            ("boot/vmlinuz-5.14.0-70.el9.x86_64", ""),
            ("boot/vmlinuz-5.14.0-80.el9.x86_64+debug", ""),
            ("boot/initramfs-5.14.0-9.el9.x86_64.img", ""),
            ("boot/initramfs-5.14.0-70.el9.x86_64.img", ""),
        ],
        "vmlinuz-5.14.0-70.el9.x86_64 initramfs-5.14.0-70.el9.x86_64.img",
    );
}

#[test]
fn of_red_hat_one_with_pae_before_all() {
    check(
        &[
            ("etc/redhat-release", "a release\n"),
            ("boot/vmlinuz-4.1.0-1.i686", ""),
            ("boot/vmlinuz-4.0.0-1.i686+PAE", ""),
            ("boot/initramfs-4.0.0-1.i686+PAE.img", ""),
        ],
        "vmlinuz-4.0.0-1.i686+PAE initramfs-4.0.0-1.i686+PAE.img",
    );
}

#[test]
fn of_suse_what_the_links_name() {
    for release in ["etc/SuSE-release", "etc/os-release"] {
        let build = Build::new();
        target(
            &build,
            &[
                (release, "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n"),
                ("boot/vmlinuz-6.4.0-1-default", ""),
                ("boot/initrd-6.4.0-1-default", ""),
            ],
        );
        for link in ["vmlinuz", "initrd"] {
            let link_path = build.path("target/boot").join(link);
            std::os::unix::fs::symlink(format!("{link}-6.4.0-1-default"), link_path).unwrap();
        }
        let expected = "target/boot vmlinuz-6.4.0-1-default initrd-6.4.0-1-default";
        assert_eq!(chosen(&build, ""), expected, "{release}");
    }
}

#[test]
fn of_gentoo_the_newest() {
    check(
        &[
            ("etc/gentoo-release", "Gentoo\n"),
            ("boot/vmlinuz-6.1.9-gentoo", ""),
            ("boot/vmlinuz-6.1.10-gentoo", ""),
            ("boot/initramfs-6.1.9-gentoo.img", ""),
            ("boot/initramfs-6.1.10-gentoo.img", ""),
        ],
        "vmlinuz-6.1.10-gentoo initramfs-6.1.10-gentoo.img",
    );
}

#[test]
fn patterns_come_before_the_family() {
    let build = Build::new();
    target(
        &build,
        &[
            ("etc/debian_version", "13.0\n"),
            ("boot/vmlinuz-6.12.1-amd64", ""),
            ("boot/initrd.img-6.12.1-amd64", ""),
            ("boot/mine-1", ""),
            ("boot/mine-2", ""),
            ("boot/mine.img-2", ""),
        ],
    );
    let kernel = "export DIB_BAREMETAL_KERNEL_PATTERN='mine-*'";
    let both = format!("{kernel}; export DIB_BAREMETAL_INITRD_PATTERN='mine.img-*'");
    assert_eq!(chosen(&build, &both), "target/boot mine-2 mine.img-2");
    // One alone is none.
    let expected = "target/boot vmlinuz-6.12.1-amd64 initrd.img-6.12.1-amd64";
    assert_eq!(chosen(&build, kernel), expected);
}

#[test]
fn what_is_not_found_is_named() {
    for (files, expected) in [
        (&[("etc/issue", "")][..], "is of no distribution"),
        (&[("etc/debian_version", "13\n"), ("boot/x", "")], "no kernel in"),
        (
            &[("etc/redhat-release", ""), ("boot/vmlinuz-5.14.0", "")],
            "no initrd for vmlinuz-5.14.0 in",
        ),
    ] {
        let build = Build::new();
        target(&build, files);
        let output = build.bash("source $_LIB/img-functions; select_boot_kernel_initrd $PWD/target");
        assert_eq!(output.status.code(), Some(1), "{expected}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}
