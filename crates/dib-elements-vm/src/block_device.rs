//! `block-device-mbr`, `block-device-gpt`, `block-device-efi`: how the disk is laid out.
//!
//! The layouts are upstream's: the same partitions in the same order, of the same sizes and names. Where an image is built
//! with `vm` and none of them, `block-device-mbr` comes along, on arm64 `block-device-efi`.

use dib_core::{Arch, Element, Variable};

/// What upstream's `vm` brings along on every architecture but arm64.
const STANDS_IN_ON: &[Arch] = &[
    Arch::Amd64,
    Arch::Armhf,
    Arch::I386,
    Arch::Ppc64el,
    Arch::Riscv64,
    Arch::S390x,
];

/// Returns the element `block-device-mbr`.
#[must_use]
pub fn mbr() -> Element {
    layout(
        "block-device-mbr",
        "mbr",
        "One partition in an MBR, for BIOS",
        include_str!("block_device/mbr.yaml"),
    )
    .stands_in_for("block-device", STANDS_IN_ON)
    .block_device_of_arch(Arch::Ppc64el, include_str!("block_device/mbr-ppc64el.yaml"))
    .refused_on(Arch::Arm64, "arm64 boots by UEFI: use block-device-efi")
}

/// Returns the element `block-device-gpt`.
#[must_use]
pub fn gpt() -> Element {
    layout(
        "block-device-gpt",
        "gpt",
        "One partition for the system in a GPT, for BIOS",
        include_str!("block_device/gpt.yaml"),
    )
    .block_device_of_arch(Arch::Ppc64el, include_str!("block_device/gpt-ppc64el.yaml"))
    .refused_on(Arch::Arm64, "arm64 boots by UEFI: use block-device-efi")
}

/// Returns the element `block-device-efi`.
#[must_use]
pub fn efi() -> Element {
    layout(
        "block-device-efi",
        "efi",
        "A GPT with an EFI system partition, for UEFI and, on amd64, BIOS",
        include_str!("block_device/efi.yaml"),
    )
    .stands_in_for("block-device", &[Arch::Arm64])
    .refused_on(
        Arch::Ppc64el,
        "POWER has no UEFI: use block-device-gpt or block-device-mbr",
    )
}

fn layout(name: &str, kind: &str, about: &str, config: &str) -> Element {
    Element::new(name)
        .about(about)
        .provides(&["block-device"])
        .variable(
            Variable::new("DIB_BLOCK_DEVICE", "how the disk is laid out: mbr, gpt or efi").default(kind),
        )
        .block_device(config)
}
