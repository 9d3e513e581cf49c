//! What a console's lines mean: whether the machine came up, and if not, where to look.
//!
//! Some lines end the matter, such as a boot loader's prompt. Others are clues, which explain such an end when one follows at
//! the same stage, and nothing when none does: GRUB may miss a font and boot.

mod signs;

use std::fmt;

use signs::{Force, RULES, STAGES};

/// How far a machine has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing has been heard of it.
    Nothing,
    /// The firmware runs, or what it started has not spoken yet.
    Firmware,
    /// The boot loader runs.
    BootLoader,
    /// The kernel runs, with its initramfs.
    Kernel,
    /// The system's own first process runs.
    System,
}

/// What shows that a machine has come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// A prompt for a login, after the host's name.
    LoginPrompt,
    /// cloud-init's last message.
    CloudInitFinished,
}

/// Why a machine did not come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The BIOS found nothing to boot.
    NoBootDevice,
    /// UEFI found no boot loader.
    NoUefiLoader,
    /// GRUB did not find its root file system.
    GrubNoRoot,
    /// GRUB has no configuration.
    GrubNoConfiguration,
    /// GRUB itself is damaged.
    GrubDamaged,
    /// GRUB could not load the kernel.
    NoKernel,
    /// GRUB could not load the initramfs.
    NoInitramfs,
    /// The kernel could not unpack the initramfs.
    InitramfsDamaged,
    /// The kernel could not mount the root file system.
    RootNotMounted,
    /// The initramfs did not find the root file system.
    RootNotFound,
    /// The root file system holds no first process.
    NoInit,
    /// The kernel gave up for another reason.
    KernelPanic,
    /// A file system that is to be mounted is not there.
    FileSystemNotFound,
    /// The system stopped where a person is to repair it.
    EmergencyMode,
    /// The machine offers a login, but cloud-init, which was awaited, has not finished.
    CloudInitNotFinished,
    /// The machine was reset, and would be for ever.
    Reset,
    /// The machine was switched off.
    SwitchedOff,
    /// The time is over.
    TimedOut,
}

/// A machine that did not come up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// How far it had come.
    pub stage: Stage,
    /// The line of the console that says so.
    pub evidence: Option<String>,
}

/// What is known once a machine has come up, or can't any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has come up.
    Up,
    /// It will not.
    Failed(Failure),
}

/// Follows a machine's console.
#[derive(Debug, Clone)]
pub struct Watcher {
    awaited: Sign,
    stage: Stage,
    clues: Vec<(Stage, Cause, String)>,
    has_initramfs: bool,
    offers_login: bool,
    was_switched_off: bool,
}

impl Watcher {
    /// Begins before the machine has written anything.
    #[must_use]
    pub fn awaiting(sign: Sign) -> Self {
        Self {
            awaited: sign,
            stage: Stage::Nothing,
            clues: Vec::new(),
            has_initramfs: false,
            offers_login: false,
            was_switched_off: false,
        }
    }

    /// Returns how far the machine has come.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Looks at a line that is complete.
    pub fn line(&mut self, line: &str) -> Option<Verdict> {
        if let Some((_, stage)) = STAGES.iter().find(|(sign, _)| line.contains(sign)) {
            self.stage = self.stage.max(*stage);
        }
        self.has_initramfs |= line.contains("unpack rootfs image as initramfs");
        self.offers_login |= is_login_prompt(line);
        self.was_switched_off |= line.contains("reboot: Power down");
        if self.shows_awaited(line) {
            return Some(Verdict::Up);
        }
        let rule = RULES
            .iter()
            .find(|rule| rule.signs.iter().all(|sign| line.contains(sign)))?;
        self.stage = self.stage.max(rule.stage);
        if rule.force == Force::Clue {
            self.clues.push((rule.stage, rule.cause, line.to_owned()));
            return None;
        }
        // The first complaint is the one that the others follow from.
        let clue = self.clues.iter().find(|(stage, ..)| *stage == rule.stage);
        let (cause, evidence) = clue.map_or((rule.cause, line), |(_, cause, line)| (*cause, line));
        // Of an initramfs that is cut off the kernel says nothing, and looks for the root file system by itself.
        let cause = if cause == Cause::RootNotMounted && self.has_initramfs && line.contains("panic") {
            Cause::InitramfsDamaged
        } else {
            cause
        };
        Some(self.failed(cause, Some(evidence)))
    }

    /// Looks at a line that may go on: of such, only prompts say anything.
    pub fn unfinished_line(&mut self, line: &str) -> Option<Verdict> {
        self.offers_login |= is_login_prompt(line);
        let is_prompt = RULES
            .iter()
            .any(|rule| rule.force == Force::Prompt && rule.signs.iter().all(|sign| line.ends_with(sign)));
        if is_prompt || self.shows_awaited(line) {
            return self.line(line);
        }
        None
    }

    /// Says what is wrong with a machine whose time is over.
    #[must_use]
    pub fn timed_out(&self) -> Failure {
        self.ended_with(if self.offers_login {
            Cause::CloudInitNotFinished
        } else {
            Cause::TimedOut
        })
    }

    /// Says what is wrong with a machine that has ended by itself.
    #[must_use]
    pub fn ended(&self) -> Failure {
        self.ended_with(if self.was_switched_off {
            Cause::SwitchedOff
        } else {
            Cause::Reset
        })
    }

    /// Takes a clue of the stage that the machine has come to for the cause, else what is given.
    fn ended_with(&self, otherwise: Cause) -> Failure {
        let clue = self.clues.iter().find(|(stage, ..)| *stage == self.stage);
        Failure {
            cause: clue.map_or(otherwise, |(_, cause, _)| *cause),
            stage: self.stage,
            evidence: clue.map(|(.., line)| line.clone()),
        }
    }

    fn failed(&self, cause: Cause, evidence: Option<&str>) -> Verdict {
        Verdict::Failed(Failure {
            cause,
            stage: self.stage,
            evidence: evidence.map(str::to_owned),
        })
    }

    fn shows_awaited(&self, line: &str) -> bool {
        match self.awaited {
            Sign::LoginPrompt => is_login_prompt(line),
            Sign::CloudInitFinished => line.contains("Cloud-init v.") && line.contains(" finished at "),
        }
    }
}

/// Returns whether a line begins with a host's name and `login:`; the kernel may write behind it.
pub(crate) fn is_login_prompt(line: &str) -> bool {
    line.split_once(" login:").is_some_and(|(host, _)| {
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        // After a login, "Last login: …" is said.
        !host.is_empty() && host != "Last" && host.bytes().all(is_of_name)
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.cause.what(self.stage))?;
        if let Some(evidence) = &self.evidence {
            write!(formatter, " (the console says: {})", evidence.trim())?;
        }
        Ok(())
    }
}

impl Cause {
    /// Returns what is wrong and where to look, for a machine that has come to that stage.
    fn what(self, stage: Stage) -> &'static str {
        match self {
            Self::NoBootDevice => {
                "the BIOS found nothing to boot: look at the boot code in the disk's first sector and at the partition table"
            }
            Self::NoUefiLoader => {
                "UEFI found no boot loader: look at the EFI system partition, which should hold EFI/BOOT/BOOTX64.EFI \
                 (on arm64 BOOTAA64.EFI)"
            }
            Self::GrubNoRoot => {
                "GRUB did not find the root file system: look at its label, at the partition table, and at what the core \
                 image searches for"
            }
            Self::GrubNoConfiguration => "GRUB has no configuration: look at /boot/grub/grub.cfg",
            Self::GrubDamaged => "GRUB is damaged: look at its core image",
            Self::NoKernel => {
                "GRUB could not load the kernel: look at /boot and at the file that grub.cfg names"
            }
            Self::NoInitramfs => {
                "GRUB could not load the initramfs: look for the initrd in /boot and at the file that grub.cfg names"
            }
            Self::InitramfsDamaged => {
                "the kernel found no system in the initramfs that it was given: the initrd in /boot is damaged or cut off"
            }
            Self::RootNotMounted => {
                "the kernel could not mount the root file system: look whether it was given an initrd, and at root= on its \
                 command line"
            }
            Self::RootNotFound => {
                "the initramfs did not find the root file system: look at root= on the kernel's command line and at the \
                 file system's label"
            }
            Self::NoInit => "the root file system has no first process that runs: look at /sbin/init",
            Self::KernelPanic => "the kernel gave up",
            Self::FileSystemNotFound => {
                "a file system that is to be mounted was not found: look at the labels and UUIDs in /etc/fstab"
            }
            Self::EmergencyMode => {
                "the system stopped in emergency mode: look at /etc/fstab and at its failed units"
            }
            Self::CloudInitNotFinished => {
                "the time is over, and the machine offers a login, but cloud-init has not finished: look whether it is in \
                 the image, and at its units"
            }
            Self::Reset => match stage {
                Stage::Nothing | Stage::Firmware => {
                    "the machine reset itself instead of booting, and would for ever: look at the boot code and at \
                     GRUB's core image"
                }
                Stage::BootLoader => {
                    "the machine reset itself in the boot loader, and would for ever: look at GRUB's core image and at \
                     the kernel's file"
                }
                Stage::Kernel | Stage::System => {
                    "the machine reset itself instead of coming up, and would for ever: the console's last lines say \
                     what asked for it"
                }
            },
            Self::SwitchedOff => "the machine switched itself off instead of coming up",
            Self::TimedOut => match stage {
                Stage::Nothing => "the time is over, and the machine has not said a word",
                Stage::Firmware => {
                    "the time is over, and nothing was heard after the firmware: look at the boot code, and at GRUB's \
                     core image or the boot loader on the EFI system partition"
                }
                Stage::BootLoader => {
                    "the time is over, and nothing was heard after the boot loader: look at the kernel's file, and \
                     whether its command line has a console on the serial port"
                }
                Stage::Kernel => {
                    "the time is over, and nothing was heard after the kernel: look at the initramfs, at root= on the \
                     command line and at /sbin/init"
                }
                Stage::System => {
                    "the time is over, and the system that started has not come up: look at its units, and whether \
                     one offers a login on the serial port"
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;
