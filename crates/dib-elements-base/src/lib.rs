//! The element `base`: what every image gets, whatever its distribution.
//!
//! This crate must not know any distribution or package manager.
//!
//! In reading order, one file for each hook: [`ccache`], [`base_dib_run_parts`].

pub mod base_dib_run_parts;
pub mod ccache;

use dib_core::{DuplicateElement, Element, Phase, Registry, Variable};

/// Registers the element `base`.
///
/// # Errors
/// When the registry holds an element of that name already.
pub fn register(registry: &mut Registry) -> Result<(), DuplicateElement> {
    registry.add(element())
}

/// Returns the element `base`.
#[must_use]
pub fn element() -> Element {
    Element::new("base")
        .about("What every image gets, whatever its distribution")
        .variable(
            Variable::new(
                "DIB_CCACHE_DIR",
                "the directory of the host that keeps compilers' results",
            )
            .default("$DIB_IMAGE_CACHE/ccache"),
        )
        .variable(Variable::new(
            "DIB_RUN_PARTS",
            "a file of the host to install as dib-run-parts; unset: the one that comes with dib",
        ))
        .hook(Phase::Root, "01-ccache", ccache::ccache)
        .hook(
            Phase::Root,
            "90-base-dib-run-parts",
            base_dib_run_parts::base_dib_run_parts,
        )
}
