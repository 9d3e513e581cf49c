//! `vm`: a disk that a virtual machine boots from.

use dib_core::Element;

/// Returns the element `vm`.
#[must_use]
pub fn element() -> Element {
    Element::new("vm")
        .about("A partitioned disk with a boot loader, for virtual machines")
        .depends_on(&["block-device", "bootloader"])
}
