//! An organisation's own elements, as a crate outside of dib's would have them.
//!
//! README's "Add an element" is this crate.

pub mod harden_sshd;
pub mod mirror;
pub mod tiny;

use dib_core::{DuplicateElement, Element, Phase, Registry, Variable};

/// Registers the organisation's elements.
///
/// # Errors
/// When the registry holds an element of one of their names already.
pub fn register(registry: &mut Registry) -> Result<(), DuplicateElement> {
    registry.add(
        Element::new("myorg-ssh")
            .about("An SSH server as my organisation wants it")
            .depends_on(&["dpkg"])
            .packages(&["openssh-server"])
            .variable(Variable::new("MYORG_ROOT_LOGIN", "who may log in as root").default("no"))
            .hook(Phase::PostInstall, "50-harden-sshd", harden_sshd::harden_sshd),
    )?;
    registry.add(mirror::element())?;
    registry.add(tiny::element())
}
