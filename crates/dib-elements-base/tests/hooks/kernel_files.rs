//! Snapshots of what the hooks of `baremetal`, `cleanup-kernel-initrd` and `select-boot-kernel-initrd` do.

use std::fs;

use dib_core::Phase;
use dib_elements_base::kernel_files;
use dib_testing::Fixture;

const EXTRACT: &str = "99-extract-kernel-and-ramdisk";

/// A target that has these files in `/boot`, each with its own name in it.
fn with_boot(files: &[&str]) -> Fixture {
    let fixture = Fixture::new(|registry| {
        registry.add(kernel_files::baremetal_element())?;
        registry.add(kernel_files::cleanup_kernel_initrd_element())
    });
    let image = fixture.host().join("image");
    let fixture = fixture.image(&image).directory("/boot");
    files.iter().fold(fixture, |fixture, name| {
        fixture.file(&format!("/boot/{name}"), name)
    })
}

fn debian(files: &[&str]) -> Fixture {
    with_boot(files).file("/etc/debian_version", "12\n")
}

/// Checks which kernel and which ramdisk are chosen.
fn check(fixture: &Fixture, kernel: &str, ramdisk: &str) {
    let recording = fixture.record(Phase::Cleanup, EXTRACT).to_string();
    for (name, ending) in [(kernel, "vmlinuz"), (ramdisk, "initrd")] {
        let expected = format!("copy /boot/{name} to [host]/image.{ending} of the host");
        assert!(recording.contains(&expected), "{recording}");
    }
}

#[test]
fn the_latest_kernel_stands_beside_the_image() {
    let fixture = debian(&[
        "initrd.img-6.1.0-10-amd64",
        "initrd.img-6.1.0-9-amd64",
        "vmlinuz-6.1.0-10-amd64",
        "vmlinuz-6.1.0-9-amd64",
        "System.map-6.1.0-9-amd64",
    ]);
    insta::assert_snapshot!(fixture.record(Phase::Cleanup, EXTRACT), @"
    journal
      copy /boot/vmlinuz-6.1.0-10-amd64 to [host]/image.vmlinuz of the host (22 bytes)
      copy /boot/initrd.img-6.1.0-10-amd64 to [host]/image.initrd of the host (25 bytes)
    host
      + /image.initrd 0644
        | initrd.img-6.1.0-10-amd64
      + /image.vmlinuz 0644
        | vmlinuz-6.1.0-10-amd64
    ");
    insta::assert_snapshot!(fixture.record(Phase::Cleanup, "99-cleanup-kernel-initrd"), @"
    journal
      remove /boot/System.map-6.1.0-9-amd64
      remove /boot/initrd.img-6.1.0-9-amd64
      remove /boot/vmlinuz-6.1.0-9-amd64
    target
      - /boot/System.map-6.1.0-9-amd64 0644
      - /boot/initrd.img-6.1.0-9-amd64 0644
      - /boot/vmlinuz-6.1.0-9-amd64 0644
    ");
}

#[test]
fn each_distribution_has_names_of_its_own() {
    let ubuntu = [
        "vmlinuz-6.8.0-9-generic",
        "vmlinuz-6.8.0-9-generic.efi.signed",
        "vmlinuz-7.0-kvm",
        "initrd.img-6.8.0-9-generic",
    ];
    check(&debian(&ubuntu), ubuntu[0], ubuntu[3]);
    let signed = debian(&ubuntu).file(
        "/dib-signed-kernel-version",
        "DIB_SIGNED_KERNEL_VERSION=6.8.0-9-generic\n",
    );
    check(&signed, ubuntu[1], ubuntu[3]);
    let red_hat = [
        "vmlinuz-5.14.0",
        "vmlinuz-5.14.0+debug",
        "vmlinuz-5.13.PAE",
        "initramfs-5.13.PAE.img",
    ];
    check(
        &with_boot(&red_hat).file("/etc/redhat-release", ""),
        red_hat[2],
        red_hat[3],
    );
    let suse = with_boot(&["vmlinuz-6.4", "initrd-6.4"])
        .symlink("vmlinuz-6.4", "/boot/vmlinuz")
        .symlink("initrd-6.4", "/boot/initrd");
    check(
        &suse.variable("DISTRO_NAME", "opensuse"),
        "vmlinuz-6.4",
        "initrd-6.4",
    );
    let gentoo = with_boot(&["vmlinuz-6.12", "initramfs-6.12.img"]).file("/etc/gentoo-release", "");
    check(&gentoo, "vmlinuz-6.12", "initramfs-6.12.img");
    let named = with_boot(&["kernel-1", "kernel-2", "ramdisk"])
        .variable("DIB_BAREMETAL_KERNEL_PATTERN", "kernel-?")
        .variable("DIB_BAREMETAL_INITRD_PATTERN", "ram*");
    check(&named, "kernel-2", "ramdisk");
}

#[test]
fn an_image_without_a_kernel_is_an_error() {
    insta::assert_snapshot!(debian(&[]).record(Phase::Cleanup, EXTRACT), @"
    error
      the image has no kernel in /boot
    ");
    insta::assert_snapshot!(debian(&["vmlinuz-6.1"]).record(Phase::Cleanup, EXTRACT), @"
    error
      the image has no initial ramdisk for its kernel in /boot
    ");
    insta::assert_snapshot!(with_boot(&["vmlinuz-6.1"]).record(Phase::Cleanup, EXTRACT), @"
    error
      the image is of no distribution whose kernels are known
      hint: DIB_BAREMETAL_KERNEL_PATTERN and DIB_BAREMETAL_INITRD_PATTERN name kernel and ramdisk
    ");
    let recording = with_boot(&["vmlinuz-6.1"])
        .file("/etc/redhat-release", "")
        .record(Phase::Cleanup, EXTRACT);
    insta::assert_snapshot!(recording, @"
    error
      the image has no initial ramdisk for its kernel in /boot
    ");
}

#[test]
fn scripts_have_the_function_that_chooses() {
    let fixture = Fixture::new(|registry| registry.add(kernel_files::select_boot_kernel_initrd_element()));
    let library = fixture.host();
    fs::write(
        library.join("img-functions"),
        "select_boot_kernel_initrd() { :; }\n",
    )
    .unwrap();
    let fixture = fixture.variable("_LIB", library.as_str());
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, "99-copy-dib-img-functions"), @"
    journal
      create directory /lib/diskimage-builder
      write /lib/diskimage-builder/img-functions 0644 (35 bytes)
    target
      + /lib/ 0755
      + /lib/diskimage-builder/ 0755
      + /lib/diskimage-builder/img-functions 0644
        | select_boot_kernel_initrd() { :; }
    ");
    insta::assert_snapshot!(fixture.record(Phase::Cleanup, "99-remove-dib-img-functions"), @"
    journal
      remove /lib/diskimage-builder/img-functions
    target
      - /lib/diskimage-builder/ 0755
      - /lib/diskimage-builder/img-functions 0644
    ");
}
