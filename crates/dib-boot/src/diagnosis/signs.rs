//! The texts by which firmware, boot loaders, kernels and systems are known.

use super::{Cause, Stage};

/// What a line that a rule knows is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Force {
    /// It may explain what comes.
    Clue,
    /// Nothing good comes after it.
    End,
    /// The same, of a prompt, after which the line does not end.
    Prompt,
}

/// A line by which a failure is known.
pub(super) struct Rule {
    /// The texts that are all in it.
    pub(super) signs: &'static [&'static str],
    pub(super) stage: Stage,
    pub(super) force: Force,
    pub(super) cause: Cause,
}

/// Texts that show a stage.
pub(super) const STAGES: &[(&str, Stage)] = &[
    ("SeaBIOS", Stage::Firmware),
    ("Booting from", Stage::Firmware),
    ("BdsDxe:", Stage::Firmware),
    ("UEFI firmware", Stage::Firmware),
    ("GRUB loading", Stage::BootLoader),
    ("Welcome to GRUB", Stage::BootLoader),
    ("GNU GRUB", Stage::BootLoader),
    ("Booting `", Stage::BootLoader),
    ("Loading Linux", Stage::BootLoader),
    ("Loading initial ramdisk", Stage::BootLoader),
    ("EFI stub:", Stage::Kernel),
    ("Linux version", Stage::Kernel),
    ("Loading, please wait", Stage::Kernel),
    ("Begin: ", Stage::Kernel),
    // GRUB may end the line after "to".
    ("Welcome to ", Stage::System),
    ("systemd[1]:", Stage::System),
    ("[  OK  ]", Stage::System),
];

const fn rule(stage: Stage, force: Force, cause: Cause, signs: &'static [&'static str]) -> Rule {
    Rule {
        signs,
        stage,
        force,
        cause,
    }
}

/// The first that fits a line counts.
///
/// Sources: `boot.c` of `SeaBIOS`; edk2's `BdsDxe` and shell; GRUB's messages; `init/do_mounts.c`, `init/main.c` and
/// `init/initramfs.c` of Linux; initramfs-tools' `scripts/functions` and `init`; dracut's `initqueue`; systemd's job messages.
pub(super) const RULES: &[Rule] = &[
    rule(
        Stage::Firmware,
        Force::End,
        Cause::NoBootDevice,
        &["No bootable device"],
    ),
    rule(
        Stage::Firmware,
        Force::Clue,
        Cause::NoBootDevice,
        &["Boot failed:"],
    ),
    rule(
        Stage::Firmware,
        Force::Clue,
        Cause::NoUefiLoader,
        &["BdsDxe: failed to"],
    ),
    rule(
        Stage::Firmware,
        Force::End,
        Cause::NoUefiLoader,
        &["BdsDxe: No bootable option"],
    ),
    rule(
        Stage::Firmware,
        Force::End,
        Cause::NoUefiLoader,
        &["UEFI Interactive Shell"],
    ),
    rule(Stage::Firmware, Force::Prompt, Cause::NoUefiLoader, &["Shell>"]),
    // GRUB.
    rule(
        Stage::BootLoader,
        Force::End,
        Cause::NoKernel,
        &["error:", "/vmlinu", "not found"],
    ),
    rule(
        Stage::BootLoader,
        Force::End,
        Cause::NoInitramfs,
        &["error:", "/initr", "not found"],
    ),
    rule(
        Stage::BootLoader,
        Force::Clue,
        Cause::GrubNoRoot,
        &["error:", "no such device:"],
    ),
    rule(
        Stage::BootLoader,
        Force::Clue,
        Cause::GrubNoRoot,
        &["error:", "no such partition"],
    ),
    rule(
        Stage::BootLoader,
        Force::Clue,
        Cause::GrubNoRoot,
        &["error:", "unknown filesystem"],
    ),
    rule(
        Stage::BootLoader,
        Force::Clue,
        Cause::GrubNoRoot,
        &["error:", "outside of disk"],
    ),
    rule(
        Stage::BootLoader,
        Force::Clue,
        Cause::GrubDamaged,
        &["error: symbol"],
    ),
    rule(
        Stage::BootLoader,
        Force::Clue,
        Cause::GrubDamaged,
        &["error:", "license"],
    ),
    rule(
        Stage::BootLoader,
        Force::Clue,
        Cause::NoKernel,
        &["error:", "invalid magic number"],
    ),
    rule(
        Stage::BootLoader,
        Force::Clue,
        Cause::NoKernel,
        &["error:", "premature end of file"],
    ),
    rule(
        Stage::BootLoader,
        Force::End,
        Cause::NoKernel,
        &["error:", "load the kernel first"],
    ),
    rule(
        Stage::BootLoader,
        Force::Prompt,
        Cause::GrubNoRoot,
        &["grub rescue>"],
    ),
    rule(
        Stage::BootLoader,
        Force::Prompt,
        Cause::GrubNoConfiguration,
        &["grub>"],
    ),
    // The kernel and its initramfs.
    rule(
        Stage::Kernel,
        Force::Clue,
        Cause::InitramfsDamaged,
        &["Initramfs unpacking failed"],
    ),
    rule(
        Stage::Kernel,
        Force::End,
        Cause::RootNotMounted,
        &["Kernel panic", "Unable to mount root fs"],
    ),
    rule(
        Stage::Kernel,
        Force::End,
        Cause::NoInit,
        &["Kernel panic", "No working init found"],
    ),
    rule(
        Stage::Kernel,
        Force::End,
        Cause::NoInit,
        &["Kernel panic", "Requested init"],
    ),
    rule(Stage::Kernel, Force::End, Cause::KernelPanic, &["Kernel panic"]),
    rule(
        Stage::Kernel,
        Force::Clue,
        Cause::RootNotFound,
        &["ALERT!", "does not exist"],
    ),
    rule(
        Stage::Kernel,
        Force::Clue,
        Cause::RootNotFound,
        &["dracut-initqueue", "timeout"],
    ),
    rule(
        Stage::Kernel,
        Force::Clue,
        Cause::NoInit,
        &["doesn't have requested"],
    ),
    rule(Stage::Kernel, Force::Clue, Cause::NoInit, &["No init found"]),
    // An initramfs that finds no init takes the root's shell for one: "0:" is dash's, for the initramfs has another.
    rule(
        Stage::Kernel,
        Force::End,
        Cause::NoInit,
        &["sh: 0: can't access tty"],
    ),
    rule(Stage::Kernel, Force::Clue, Cause::NoInit, &["run-init:"]),
    rule(
        Stage::Kernel,
        Force::Clue,
        Cause::NoInit,
        &["Failed to execute /"],
    ),
    rule(
        Stage::Kernel,
        Force::Clue,
        Cause::RootNotMounted,
        &["mounting /dev/", "failed"],
    ),
    rule(
        Stage::Kernel,
        Force::Prompt,
        Cause::RootNotFound,
        &["(initramfs)"],
    ),
    rule(
        Stage::Kernel,
        Force::End,
        Cause::RootNotFound,
        &["Entering emergency mode"],
    ),
    // The system.
    rule(
        Stage::System,
        Force::Clue,
        Cause::FileSystemNotFound,
        &["Timed out waiting for device"],
    ),
    rule(
        Stage::System,
        Force::Clue,
        Cause::FileSystemNotFound,
        &["Dependency failed for", "/"],
    ),
    rule(
        Stage::System,
        Force::Clue,
        Cause::FileSystemNotFound,
        &["Failed to mount"],
    ),
    rule(
        Stage::System,
        Force::End,
        Cause::EmergencyMode,
        &["in emergency mode"],
    ),
    rule(
        Stage::System,
        Force::End,
        Cause::EmergencyMode,
        &["Cannot open access to console"],
    ),
    rule(
        Stage::System,
        Force::End,
        Cause::EmergencyMode,
        &["password for maintenance"],
    ),
    rule(Stage::System, Force::End, Cause::NoInit, &["Freezing execution"]),
];
