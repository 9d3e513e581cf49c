//! The element `sysctl`: scripts set parameters of the image's kernel.

use dib_core::Element;

/// Returns the element `sysctl`.
#[must_use]
pub fn element() -> Element {
    Element::new("sysctl")
        .about("Brings programs by which scripts set parameters of the image's kernel")
        .depends_on(&["install-bin"])
        .program("sysctl-set-value", include_str!("sysctl/sysctl-set-value.sh"))
        .program("sysctl-write-value", include_str!("sysctl/sysctl-write-value.sh"))
}
