//! `bootloader`.

use dib_core::{Arch, Phase, Plan, PlannedDisk, PlannedFileSystem, Registry};
use dib_elements_vm::{block_device, bootloader, register, vm};
use dib_testing::Fixture;

fn file_system(mount_point: &str, kind: &str, uuid: &str, partition: Option<u32>) -> PlannedFileSystem {
    PlannedFileSystem {
        mount_point: mount_point.to_owned(),
        kind: kind.to_owned(),
        label: format!("label-of-{mount_point}"),
        uuid: uuid.to_owned(),
        partition,
    }
}

fn disk(table: &str, file_systems: Vec<PlannedFileSystem>) -> PlannedDisk {
    PlannedDisk {
        variables: [("DIB_ROOT_LABEL".to_owned(), "cloudimg-rootfs".to_owned())].into(),
        partition_table: Some(table.to_owned()),
        file_systems,
        ..PlannedDisk::default()
    }
}

/// A target with GRUB's packages in it.
fn with_grub(layout: &str) -> Fixture {
    let layout = layout.to_owned();
    Fixture::new(move |registry| {
        registry.add(bootloader::element())?;
        registry.add(match layout.as_str() {
            "mbr" => block_device::mbr(),
            "gpt" => block_device::gpt(),
            _ => block_device::efi(),
        })
    })
    .executable("/usr/sbin/grub-mkconfig", "")
    .executable("/usr/sbin/grub-probe", "the real one\n")
    .executable("/usr/bin/grub-mkrelpath", "the real one\n")
    .file(
        "/etc/default/grub",
        "GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n",
    )
    .file("/usr/lib/grub/i386-pc/boot.img", "")
    .directory("/boot/grub")
}

#[test]
fn grub_is_installed_for_bios() {
    let fixture = with_grub("mbr").disk(disk("mbr", vec![file_system("/", "ext4", "1-2", Some(1))]));
    insta::assert_snapshot!(fixture.record(Phase::Finalise, "50-bootloader"));
}

#[test]
fn grub_is_installed_for_uefi_and_bios_with_a_boot_partition() {
    let fixture = with_grub("efi")
        .file("/usr/lib/grub/x86_64-efi/normal.mod", "")
        .disk(disk(
            "gpt",
            vec![
                file_system("/", "xfs", "1-2", Some(4)),
                file_system("/boot", "ext4", "3-4", Some(3)),
                file_system("/boot/efi", "vfat", "5-6", Some(1)),
            ],
        ));
    insta::assert_snapshot!(fixture.record(Phase::Finalise, "50-bootloader"));
}

#[test]
fn a_failed_menu_leaves_grub_s_programs_in_their_place() {
    let fixture = with_grub("mbr")
        .failing("grub-mkconfig", 1)
        .disk(disk("mbr", vec![file_system("/", "ext4", "1-2", Some(1))]));
    let recording = fixture.record(Phase::Finalise, "50-bootloader");
    assert!(!recording.succeeded());
    let text = recording.to_string();
    assert!(!text.contains(".REAL 0"), "{text}");
}

#[test]
fn what_is_missing_is_named() {
    let without_grub = Fixture::new(|registry| registry.add(bootloader::element()))
        .record(Phase::Finalise, "50-bootloader")
        .to_string();
    assert!(
        without_grub.contains("the image has no grub-mkconfig"),
        "{without_grub}"
    );
    let without_efi = with_grub("efi")
        .disk(disk("gpt", vec![file_system("/", "ext4", "1-2", Some(3))]))
        .record(Phase::Finalise, "50-bootloader")
        .to_string();
    assert!(
        without_efi.contains("the image has no GRUB for x86_64-efi: there is no /usr/lib/grub/x86_64-efi"),
        "{without_efi}"
    );
}

#[test]
fn an_element_before_may_have_done_it() {
    let fixture = with_grub("mbr").file("/tmp/grub/install", "");
    insta::assert_snapshot!(fixture.record(Phase::Finalise, "50-bootloader"), @"
    journal
      nothing to do: an element before has taken care of the boot loader
    ");
}

#[test]
fn each_layout_has_its_packages() {
    let mut registry = Registry::new();
    register(&mut registry).unwrap();
    for name in ["package-installs", "base", "dpkg"] {
        let element = dib_core::Element::new(name).provides(match name {
            "package-installs" => &["package-installer"],
            "base" => &["operating-system"],
            _ => &[],
        });
        let _ = registry.add(element);
    }
    let packages = |elements: &[&str], arch| {
        let mut spec = dib_core::ImageSpec::of_elements(elements);
        spec.arch = arch;
        spec.variables.insert("DISTRO_NAME".into(), "debian".into());
        let plan = Plan::resolve(&registry, &spec).unwrap();
        let names: Vec<_> = plan
            .packages()
            .iter()
            .map(|package| package.name.clone())
            .collect();
        names.join(" ")
    };
    assert_eq!(packages(&["vm"], Arch::Amd64), "grub-pc");
    assert_eq!(packages(&["vm", "block-device-gpt"], Arch::Amd64), "grub-pc");
    assert_eq!(
        packages(&["vm", "block-device-efi"], Arch::Amd64),
        "efibootmgr grub-efi grub-pc-bin"
    );
    assert_eq!(
        packages(&["vm"], Arch::Arm64),
        "efibootmgr grub-efi-arm64 grub-efi-arm64-bin"
    );
    assert_eq!(vm::element().name().as_str(), "vm");
}
