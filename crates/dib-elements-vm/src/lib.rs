//! The elements that make of a system a disk that boots, and a machine that one can reach: `vm`, `bootloader`, the layouts
//! `block-device-*`; `growroot`, `cloud-init` and its kin, `dhcp-all-interfaces`, `enable-serial-console`, `devuser`.
//!
//! This crate must not know how a disk is written: it says what the disk shall be like, and what stands in the tree for the
//! boot loader. Nor does it know how a root file system is made.
//!
//! In reading order:
//! - [`mod@vm`]: what brings the others along.
//! - [`mod@block_device`]: how the disk is laid out.
//! - [`mod@bootloader`]: GRUB, its menu and its files.
//! - [`mod@growroot`], [`mod@dhcp_all_interfaces`], [`mod@enable_serial_console`]: what happens at boot.
//! - [`mod@cloud_init`], [`mod@cloud_init_datasources`], [`mod@cloud_init_growing`]: cloud-init, whom it asks, and what it grows.
//! - [`mod@devuser`]: somebody to log in as.

pub mod block_device;
pub mod bootloader;
pub mod cloud_init;
pub mod cloud_init_datasources;
pub mod cloud_init_growing;
pub mod devuser;
pub mod dhcp_all_interfaces;
pub mod enable_serial_console;
pub mod growroot;
pub mod vm;

mod debian_with_systemd;

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
        growroot::element(),
        dhcp_all_interfaces::element(),
        enable_serial_console::element(),
        cloud_init::element(),
        cloud_init_datasources::datasources(),
        cloud_init_datasources::nocloud(),
        cloud_init_growing::growpart(),
        cloud_init_growing::disable_resizefs(),
        devuser::element(),
    ] {
        registry.add(element)?;
    }
    Ok(())
}
