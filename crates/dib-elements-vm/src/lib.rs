//! The elements that make of a system a disk that boots: `vm`, `bootloader` and the layouts `block-device-*`.
//!
//! This crate must not know how a disk is written: it says what the disk shall be like, and what stands in the tree for the
//! boot loader.
//!
//! In reading order:
//! - [`mod@vm`]: what brings the others along.
//! - [`mod@block_device`]: how the disk is laid out.
//! - [`mod@bootloader`]: GRUB, its menu and its files.

pub mod block_device;
pub mod bootloader;
pub mod vm;

use dib_core::{DuplicateElement, Registry};

/// Registers the crate's elements.
///
/// # Errors
/// When the registry holds an element of one of their names already.
pub fn register(registry: &mut Registry) -> Result<(), DuplicateElement> {
    for element in [
        vm::element(),
        block_device::mbr(),
        block_device::gpt(),
        block_device::efi(),
        bootloader::element(),
    ] {
        registry.add(element)?;
    }
    Ok(())
}
