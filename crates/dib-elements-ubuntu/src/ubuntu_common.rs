//! The element `ubuntu-common`: what all images of Ubuntu are.

use dib_core::{Element, Phase, Variable};

use crate::{autoremove, disable_rfc3041};

/// Returns the element `ubuntu-common`.
#[must_use]
pub fn element() -> Element {
    Element::new("ubuntu-common")
        .about("What all images of Ubuntu have in common")
        .depends_on(&["sysprep"])
        .variable(Variable::new("DISTRO_NAME", "the distribution's name").default("ubuntu"))
        .variable(Variable::new("DIB_RELEASE", "the release, by its first name").default("noble"))
        .variable(
            Variable::new(
                "DIB_DEBIAN_COMPONENTS",
                "the archive's components, separated by commas",
            )
            .default("main,universe"),
        )
        .variable(
            Variable::new("DIB_INIT_SYSTEM", "the init system: systemd, on trusty upstart")
                .default("systemd")
                .default_where("DIB_RELEASE", "trusty", "upstart"),
        )
        .variable(
            Variable::new(
                "EFI_BOOT_DIR",
                "where the boot loader is on an EFI system partition",
            )
            .default("EFI/ubuntu"),
        )
        .hook(
            Phase::Install,
            "80-disable-rfc3041",
            disable_rfc3041::disable_rfc3041,
        )
        .hook(Phase::PostInstall, "99-autoremove", autoremove::autoremove)
}
