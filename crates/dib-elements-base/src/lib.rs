//! The element `base`, what it brings along, and other elements that no distribution owns.
//!
//! This crate must not know any package manager. Of distributions it knows names at most, where one calls a package or a
//! service by another name than the rest.
//!
//! In reading order, one file for each element or hook:
//! - [`base`]: what every image gets; its hooks are [`ccache`], [`base_dib_run_parts`] and [`cloud_init`].
//! - [`dib_init_system`], [`install_types`], [`pkg_map`], [`svc_map`]: what other elements build on.
//! - [`install_bin`], [`install_static`], [`dib_run_parts`], [`sysctl`]: what scripts find in the image.
//! - [`cache_url`], [`source_repositories`]: files, archives and git repositories from elsewhere.
//! - [`dib_python`], [`ensure_venv`], [`pip_cache`]: Python.
//! - [`manifests`], [`element_manifest`], [`sysprep`], [`no_final_image`]: what stays of a build, and what does not.
//! - [`modprobe`], [`kernel_files`]: the kernel and its modules.
//! - [`journal_to_console`], [`local_config`], [`stable_interface_names`]: small things for a machine.
//! - [`runtime_ssh_host_keys`], [`openssh_server`] with [`harden_sshd_config`]: SSH.

pub mod base;
pub mod base_dib_run_parts;
pub mod cache_url;
pub mod ccache;
pub mod cloud_init;
pub mod dib_init_system;
pub mod dib_python;
pub mod dib_run_parts;
pub mod element_manifest;
pub mod ensure_venv;
pub mod harden_sshd_config;
pub mod install_bin;
pub mod install_static;
pub mod install_types;
pub mod journal_to_console;
pub mod kernel_files;
pub mod local_config;
pub mod manifests;
pub mod modprobe;
pub mod no_final_image;
pub mod openssh_server;
pub mod pip_cache;
pub mod pkg_map;
pub mod runtime_ssh_host_keys;
pub mod source_repositories;
pub mod stable_interface_names;
pub mod svc_map;
pub mod sysctl;
pub mod sysprep;

mod wildcards;

use dib_core::{DuplicateElement, Registry};

/// Registers the elements of this crate.
///
/// # Errors
/// When the registry holds an element of one of their names already.
pub fn register(registry: &mut Registry) -> Result<(), DuplicateElement> {
    [
        base::element(),
        cache_url::element(),
        dib_init_system::element(),
        dib_python::element(),
        dib_run_parts::element(),
        element_manifest::element(),
        ensure_venv::element(),
        install_bin::element(),
        install_static::element(),
        install_types::element(),
        journal_to_console::element(),
        kernel_files::baremetal_element(),
        kernel_files::cleanup_kernel_initrd_element(),
        kernel_files::select_boot_kernel_initrd_element(),
        local_config::element(),
        manifests::element(),
        modprobe::disable_nouveau_element(),
        modprobe::element(),
        modprobe::modprobe_blacklist_element(),
        no_final_image::element(),
        openssh_server::element(),
        pip_cache::element(),
        pkg_map::element(),
        runtime_ssh_host_keys::element(),
        source_repositories::element(),
        stable_interface_names::element(),
        svc_map::element(),
        sysctl::element(),
        sysprep::element(),
    ]
    .into_iter()
    .try_for_each(|element| registry.add(element))
}
