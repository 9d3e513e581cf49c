//! Disk images booted in QEMU: tested, driven by a script, or handed to a person at a terminal.
//!
//! This crate knows an image file and QEMU. It must not know elements, builds, or how an image is made, and it never writes
//! to an image: machines run on an overlay that goes away with them.
//!
//! In reading order:
//! - [`image`]: an image file and its format; [`claims`]: how it claims to boot.
//! - [`programs`]: QEMU and the firmware on this host; [`accelerator`]: whether KVM really runs a guest.
//! - [`machine`]: a virtual machine's description and QEMU's arguments; [`running`]: a machine that runs.
//! - [`console`]: what a machine writes, as lines of text; [`diagnosis`]: what those lines mean.
//! - [`mod@boot_test`]: boots an image and says whether it comes up; [`junit`]: the same for other programs.
//! - [`script`]: logs in at the console and runs commands.

pub mod accelerator;
pub mod boot_test;
pub mod claims;
pub mod console;
pub mod diagnosis;
pub mod image;
pub mod junit;
pub mod machine;
pub mod programs;
pub mod running;
pub mod script;

pub use accelerator::Accelerator;
pub use boot_test::{BootTest, BootTestError, FirmwareResult, boot_test};
pub use claims::BootClaims;
pub use diagnosis::{Cause, Failure, Sign, Stage};
pub use image::{DiskFormat, DiskImage, ImageError};
pub use machine::{Firmware, Machine, MachineError};
pub use programs::{Arch, MissingProgram, Programs};
pub use running::{RunError, RunningMachine};
pub use script::{Login, Script, ScriptError, run_script};
