//! The element `install-types`: elements' software comes from sources, packages or elsewhere, as the user likes.

use dib_core::{Element, Variable};

/// Returns the element `install-types`.
///
/// It has no hook: the plan itself leaves out the hooks and the packages of other install types.
#[must_use]
pub fn element() -> Element {
    Element::new("install-types")
        .about(
            "Lets the user choose where an element's software comes from, by DIB_INSTALLTYPE_<element with _ for ->",
        )
        .variable(
            Variable::new(
                "DIB_DEFAULT_INSTALLTYPE",
                "the install type of the elements that DIB_INSTALLTYPE_<element> is not set for",
            )
            .default("source"),
        )
}
