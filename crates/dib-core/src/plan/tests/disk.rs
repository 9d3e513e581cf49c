//! Which layout a disk gets, and what the plan is told of it.

use super::*;
use crate::{Arch, PlannedDisk};

fn disk_elements() -> Registry {
    registry([
        Element::new("base"),
        system("debian"),
        Element::new("vm").depends_on(&["block-device"]),
        Element::new("block-device-mbr")
            .provides(&["block-device"])
            .stands_in_for("block-device", &[Arch::Amd64])
            .refused_on(Arch::Arm64, "use block-device-efi")
            .block_device("mbr")
            .block_device_of_arch(Arch::Ppc64el, "mbr of POWER"),
        Element::new("block-device-efi")
            .provides(&["block-device"])
            .stands_in_for("block-device", &[Arch::Arm64])
            .block_device("efi"),
    ])
}

fn layout(registry: &Registry, elements: &[&str], arch: Arch) -> Result<Option<String>, PlanError> {
    let spec = ImageSpec {
        arch,
        ..ImageSpec::of_elements(elements)
    };
    let plan = Plan::resolve(registry, &spec)?;
    Ok(plan
        .block_device()
        .map(|device| format!("{}: {}", device.element, device.config)))
}

#[test]
fn a_layout_comes_along_where_none_was_asked_for() {
    let registry = disk_elements();
    let check = |elements: &[&str], arch, expected: Option<&str>| {
        assert_eq!(
            layout(&registry, elements, arch),
            Ok(expected.map(str::to_owned)),
            "{elements:?} on {arch}"
        );
    };
    check(&["debian"], Arch::Amd64, None);
    check(&["vm", "debian"], Arch::Amd64, Some("block-device-mbr: mbr"));
    check(&["debian", "vm"], Arch::Arm64, Some("block-device-efi: efi"));
    check(
        &["vm", "debian", "block-device-efi"],
        Arch::Amd64,
        Some("block-device-efi: efi"),
    );
    check(
        &["debian", "block-device-mbr"],
        Arch::Ppc64el,
        Some("block-device-mbr: mbr of POWER"),
    );
}

#[test]
fn a_directory_in_its_place_still_comes_along() {
    let mut registry = disk_elements();
    registry.add_over(
        Element::new("block-device-mbr")
            .provides(&["block-device"])
            .block_device("mine"),
    );
    assert_eq!(
        layout(&registry, &["vm", "debian"], Arch::Amd64),
        Ok(Some("block-device-mbr: mine".to_owned()))
    );
}

#[test]
fn an_element_may_refuse_an_architecture() {
    let error = layout(
        &disk_elements(),
        &["vm", "debian", "block-device-mbr"],
        Arch::Arm64,
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "the element block-device-mbr is not for arm64");
    assert_eq!(error.hint().as_deref(), Some("use block-device-efi"));
}

#[test]
fn nothing_stands_in_where_no_element_does() {
    let error = layout(&disk_elements(), &["vm", "debian"], Arch::S390x).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no element block-device (vm depends on it)"
    );
}

#[test]
fn hooks_and_people_learn_what_the_disk_is_like() {
    let registry = registry([Element::new("base"), system("debian")]);
    let plan = Plan::resolve(&registry, &ImageSpec::of_elements(&["debian"])).unwrap();
    let disk = PlannedDisk {
        variables: [("DIB_ROOT_LABEL".to_owned(), "root".to_owned())].into(),
        fstab: "LABEL=root / ext4 defaults 0 1\n".to_owned(),
        summary: vec!["mbr".to_owned(), "1 root".to_owned()],
        ..PlannedDisk::default()
    };
    let plan = plan.with_disk(disk).unwrap();
    assert_eq!(plan.variables().get("DIB_ROOT_LABEL"), Some("root"));
    let text = plan.to_string();
    assert!(text.contains("disk\n  mbr\n  1 root\noutputs\n"), "{text}");
}
