//! One initramfs, made while the rest is configured.
//!
//! initramfs-tools makes the same initramfs twice: when the kernel is configured, and again when its trigger runs. So
//! while dpkg works a stand-in notes what `update-initramfs` was asked for. The packages that an initramfs is made of
//! are configured first; then the real program makes it, beside dpkg, which configures the others.

mod gzip;
mod inputs;
mod kept;

use std::collections::{BTreeMap, BTreeSet};

use dib_sys::command::{Bind, CommandError, Stdin, TargetCommand, run_in_target_with};
use dib_sys::{FileKind, TargetError, TargetPath};

use self::inputs::Digests;
use self::kept::Kept;
use super::modules::plain::{self, Plain};
use super::{path, with_ours};
use crate::transaction::{Place, noninteractive_environment};

const PROGRAM: &str = "/usr/sbin/update-initramfs";
/// Where the real program is while the stand-in is there.
const REAL: &str = "/usr/sbin/update-initramfs.REAL";
/// What asks for an initramfs when a kernel is configured.
const KERNEL_HOOK: &str = "/etc/kernel/postinst.d/initramfs-tools";
/// What was asked for, one call a line.
const REQUESTS: &str = "/var/lib/dpkg/dib/requests";
/// The program that makes an initramfs, and the one that runs it for us.
const MAKER: &str = "/usr/sbin/mkinitramfs";
const OUR_MAKER: &str = "/var/lib/dpkg/dib/mkinitramfs";

/// Where hooks and configuration are that decide on what goes into an initramfs.
const INPUTS: [&str; 5] = [
    "/etc/initramfs-tools",
    "/etc/modprobe.d",
    "/etc/modules",
    "/usr/lib/modprobe.d",
    "/usr/share/initramfs-tools",
];
/// Where kernels' modules are, by version.
const MODULES: &str = "/usr/lib/modules";

/// Notes a call. An initramfs that is to be made is there meanwhile, though empty, since boot loaders look for it when
/// they list the kernels.
const STAND_IN: &str = include_str!("update-initramfs.sh");
/// Runs [`MAKER`] with less processes. The initramfs is the same.
const FAST_MAKER: &str = include_str!("mkinitramfs.sh");

/// The stand-in, in the place of the real program until [`Deferred::end`].
pub(super) struct Deferred<'a> {
    place: Place<'a>,
}

impl<'a> Deferred<'a> {
    /// Puts the stand-in there; `None` when the target has no such program.
    pub(super) fn begin(place: Place<'a>) -> Result<Option<Self>, TargetError> {
        let target = place.target;
        if target.metadata(&path(PROGRAM))?.is_none() {
            return Ok(None);
        }
        // An earlier build that was ended in between may have left it there.
        if target.metadata(&path(REAL))?.is_none() {
            target.rename(&path(PROGRAM), &path(REAL))?;
        }
        target.write(&path(PROGRAM), STAND_IN.as_bytes(), 0o755)?;
        kept::withdraw_all(target)?;
        // Shell functions are of use to a shell script alone.
        if target
            .read(&path(MAKER))
            .is_ok_and(|program| program.starts_with(b"#!/bin/sh\n"))
        {
            target.write(&path(OUR_MAKER), FAST_MAKER.as_bytes(), 0o755)?;
        }
        Ok(Some(Self { place }))
    }

    /// Takes the calls since the last time: which kernel versions one is wanted for, and whether any is to be updated.
    pub(super) fn take_requests(&self) -> Result<Requests, TargetError> {
        let target = self.place.target;
        let text = match target.read_to_string(&path(REQUESTS)) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => return Ok(Requests::default()),
            Err(error) => return Err(error),
        };
        target.remove_file(&path(REQUESTS))?;
        Ok(Requests::parse(&text))
    }

    /// Returns the calls that the kernels of these versions will make when they are configured, in the words of the hook
    /// that `initramfs-tools` has for kernels; none where the hook is not there.
    pub(super) fn expected_requests(&self, versions: &[String]) -> Result<Requests, TargetError> {
        let target = self.place.target;
        let mut calls = BTreeSet::new();
        if target.metadata(&path(KERNEL_HOOK))?.is_none() {
            return Ok(Requests { calls });
        }
        for version in versions {
            let kernel = path("/boot").join(&format!("vmlinuz-{version}"));
            if let Ok(kernel) = kernel
                && target.metadata(&kernel)?.is_some()
            {
                let call = ["-c", "-k", version, "-b", "/boot"];
                calls.insert(call.map(str::to_owned).to_vec());
            }
        }
        Ok(Requests { calls })
    }

    /// Removes the initramfs of each of these calls: nobody made them.
    pub(super) fn remove(&self, requests: &Requests) -> Result<(), TargetError> {
        for call in &requests.calls {
            if let [_, _, version, ..] = &**call
                && let Ok(image) = path("/boot").join(&format!("initrd.img-{version}"))
            {
                self.place.target.remove_file(&image)?;
            }
        }
        Ok(())
    }

    /// Makes an initramfs for each of these calls, with the real program, unless one is kept that fits. `kept` has
    /// looked at the target as it is now. Modules that are decompressed already are not decompressed again.
    pub(super) fn make(
        &self,
        requests: &Requests,
        kept: Option<&Kept>,
        decompressed: &[Plain<'_>],
    ) -> Result<(), MakeError> {
        let target = self.place.target;
        for arguments in &requests.calls {
            let is_offered = match kept {
                Some(kept) => kept.offer(target, arguments)?,
                None => false,
            };
            let made = if is_offered {
                let made = self.run(arguments, &[]);
                // Whoever makes one later is to make it.
                Kept::withdraw(target, arguments)?;
                made
            } else {
                match fitting(arguments, decompressed)? {
                    // A hook may look into a module in a way of its own.
                    Some(plain) => self
                        .run(arguments, &plain.binds())
                        .or_else(|_| self.run(arguments, &[])),
                    None => self.run(arguments, &[]),
                }
            };
            made?;
            if let Some(kept) = kept.filter(|_| !is_offered)
                && let Err(error) = kept.keep(target, arguments)
            {
                // The next build makes it again.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an initramfs is not kept"
                );
            }
        }
        Ok(())
    }

    /// Runs the real program, for which some things are in other places.
    fn run(&self, arguments: &[String], binds: &[Bind]) -> Result<(), CommandError> {
        let Place { target, progress, .. } = self.place;
        let mut argv = vec![REAL.to_owned()];
        argv.extend(arguments.iter().cloned());
        let mut environment = with_ours(&self.environment());
        let (name, value) = gzip::ANSWERS;
        environment.insert(name.to_owned(), value.to_owned());
        let command = TargetCommand {
            argv,
            environment,
            working_directory: TargetPath::root(),
            stdin: Stdin::Nothing,
        };
        let outcome = run_in_target_with(target, &command, binds, &mut |_, line| match gzip::answer(
            target, line,
        ) {
            None => progress.line(line),
            Some(Ok(())) => {}
            Some(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "an initramfs is compressed by gzip itself");
            }
        })?;
        outcome.require_success(&command).map(|_| ())
    }

    /// Returns what the images of these kernels are made of, by its times and sizes: hooks, configuration and modules.
    /// That is enough to tell whether something came after they were made; a kernel's script removes a mark of its own.
    pub(super) fn inputs(&self, versions: &[String]) -> Result<BTreeSet<(String, i64, u64)>, TargetError> {
        let target = self.place.target;
        let mut found = BTreeSet::new();
        let modules = versions.iter().map(|version| format!("{MODULES}/{version}"));
        for directory in INPUTS
            .iter()
            .map(|&directory| directory.to_owned())
            .chain(modules)
        {
            let directory = path(&directory);
            match target.metadata(&directory)? {
                None => continue,
                Some(metadata) if metadata.kind != FileKind::Directory => {
                    found.insert((directory.to_string(), metadata.mtime, metadata.size));
                    continue;
                }
                Some(_) => {}
            }
            // Modules' indexes are made beside all this, and of the modules alone.
            found.extend(plain::files(target, &directory)?);
        }
        Ok(found)
    }

    /// Reads in advance what [`Deferred::kept`] will have to know, while packages are configured.
    pub(super) fn read_in_advance(&self) -> Digests {
        // What can't be read now is read later.
        Digests::read(self.place.target).unwrap_or_default()
    }

    /// Looks for what earlier builds have kept; `None` when nothing can be kept, or nobody would take it.
    pub(super) fn kept(&self, digests: &Digests) -> Option<Kept> {
        let maker = self.place.target.metadata(&path(OUR_MAKER)).ok()?;
        maker.and_then(|_| Kept::of(self.place, digests, &self.environment()).ok()?)
    }

    /// Returns the few variables that an initramfs may depend on.
    fn environment(&self) -> BTreeMap<String, String> {
        let known = noninteractive_environment();
        let of_build = self.place.environment.iter();
        let is_known = |name: &str| known.contains_key(name) || name == "SOURCE_DATE_EPOCH";
        of_build
            .filter(|(name, _)| is_known(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Puts the real program back.
    pub(super) fn end(self) -> Result<(), TargetError> {
        self.place.target.rename(&path(REAL), &path(PROGRAM))
    }
}

/// Returns the decompressed modules of the kernel that a call is about, unless others are there now.
fn fitting<'p>(
    arguments: &[String],
    decompressed: &'p [Plain<'p>],
) -> Result<Option<&'p Plain<'p>>, TargetError> {
    let version = arguments.iter().skip_while(|argument| *argument != "-k").nth(1);
    for plain in decompressed {
        if version.is_some_and(|version| version == plain.version()) && plain.fits()? {
            return Ok(Some(plain));
        }
    }
    Ok(None)
}

/// Why an initramfs could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum MakeError {
    #[error(transparent)]
    Run(#[from] CommandError),
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// What `update-initramfs` was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Requests {
    /// The arguments of each call that remains.
    calls: BTreeSet<Vec<String>>,
}

impl Requests {
    /// Returns whether nothing was asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Returns those that are not among others.
    pub(super) fn without(&self, others: &Self) -> Self {
        Self {
            calls: self.calls.difference(&others.calls).cloned().collect(),
        }
    }

    /// Returns those that are among others as well.
    pub(super) fn among(&self, others: &Self) -> Self {
        Self {
            calls: self.calls.intersection(&others.calls).cloned().collect(),
        }
    }

    /// Returns whether one of them is to update what is there.
    pub(super) fn updates(&self) -> bool {
        self.calls.iter().any(|call| is_update(call))
    }

    /// Leaves out those that update what others make: they are made of what there is in the end.
    pub(super) fn but_updates_of(mut self, others: &Self) -> Self {
        let creates = |requests: &Self| requests.calls.iter().any(|call| !is_update(call));
        if creates(&self) || creates(others) {
            self.calls.retain(|call| !is_update(call));
        }
        self
    }

    /// Keeps one call of each kind.
    fn parse(text: &str) -> Self {
        let calls = text.lines().map(|line| {
            let words = line.split_ascii_whitespace().map(str::to_owned);
            words.collect::<Vec<_>>()
        });
        // To remove one is for packages that are removed, and none is here.
        let is_kept = |call: &Vec<String>| call.iter().any(|word| word == "-c") || is_update(call);
        Self {
            calls: calls.filter(is_kept).collect(),
        }
    }
}

fn is_update(call: &[String]) -> bool {
    call.iter().any(|word| word == "-u")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_initramfs_for_each_version() {
        let calls = |text: &str| -> Vec<String> {
            Requests::parse(text)
                .but_updates_of(&Requests::default())
                .calls
                .iter()
                .map(|call| call.join(" "))
                .collect()
        };
        assert_eq!(
            calls("-u\n-c -k 6.1.0-1 -b /boot\n-c -k 6.1.0-1 -b /boot\n-u -k all\n"),
            ["-c -k 6.1.0-1 -b /boot"]
        );
        assert_eq!(calls("-u\n-u\n-d -k 5\n"), ["-u"]);
        assert_eq!(calls("\n"), Vec::<String>::new());
    }
}
