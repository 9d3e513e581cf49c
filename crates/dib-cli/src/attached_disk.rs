//! `--loop`: the disk as a block device while the last hooks run, for those that insist on one.
//!
//! The disk is made as it always is, but before `pre-finalise`; its file systems, at a loop device, then take the tree's place
//! until the end of the build, and what hooks change of them is what the images hold. Nothing has to be undone: mounts
//! and device go with the sandbox.

use std::fmt::Write as _;
use std::fs::File;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{Build, PhaseProfile, SandboxMachine, Variables, phase::Phase, variables::Origin};
use dib_image::{ByteSize, DiskSpec, FileSystem, FileSystemType, WrittenImage, embed_boot_code, make_disk};
use dib_script::ScriptWorld;
use dib_sys::loop_device::{self, LoopDevice, LoopError};
use dib_sys::mounts::{self, MountError};
use dib_sys::{TargetError, TargetPath, TargetRoot};

use crate::images::{self, Shown};
use crate::report::Told;
use crate::workspace::BuildDirectory;
use crate::{CliError, Console, ErrorKind, hook_scripts, report};

/// The first of the phases that work on the disk itself.
const FIRST: Phase = Phase::PreFinalise;

/// A disk at a loop device, its file systems mounted where the tree was.
struct AttachedDisk<'d> {
    spec: &'d DiskSpec,
    image: File,
    size: ByteSize,
    device: LoopDevice,
    /// The partitions' names and devices.
    partitions: Vec<(String, Utf8PathBuf)>,
}

/// Why the disk can't be used at a device.
#[derive(Debug, thiserror::Error)]
enum AttachError {
    #[error("failed to create {path}")]
    Create {
        path: Utf8PathBuf,
        source: std::io::Error,
    },
    #[error("failed to give up what the file system at {at} does not use")]
    Discard { at: TargetPath, source: std::io::Error },
    #[error(transparent)]
    Device(#[from] LoopError),
    #[error(transparent)]
    Mount(#[from] MountError),
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl From<AttachError> for CliError {
    fn from(error: AttachError) -> Self {
        let (kind, hint) = match &error {
            AttachError::Device(_) => (
                ErrorKind::Unavailable,
                "without --loop an image needs no device; in a container --loop needs one with all rights and the host's /dev",
            ),
            AttachError::Mount(MountError::ReadOnly { .. }) => (
                ErrorKind::Build,
                "a program that a hook has left running, or a mount of a hook's, still writes to it",
            ),
            AttachError::Mount(_) => (
                ErrorKind::Unavailable,
                "the kernel of this machine must know the file systems of a disk that --loop mounts",
            ),
            _ => return Self::new(ErrorKind::InputOutput, error),
        };
        Self::new(kind, error).hint(hint)
    }
}

/// Runs the phases of a build, the last ones on the disk itself, and writes the images and the report.
///
/// # Errors
/// When a phase fails, the disk can't be attached, or an image can't be written.
pub(crate) fn build(
    build: &Build<'_>,
    world: &ScriptWorld,
    disk: &DiskSpec,
    directory: &BuildDirectory,
    console: &Console,
) -> Result<Vec<WrittenImage>, CliError> {
    let (on_tree, on_disk) = Phase::ALL.split_at(
        Phase::ALL
            .iter()
            .position(|phase| *phase == FIRST)
            .expect("all phases are there"),
    );
    let mut phases: Vec<PhaseProfile> = build.run_some_phases(on_tree)?;
    let attached = AttachedDisk::make(build, disk, directory, console)?;
    console.say(&format!("the disk is at {}", attached.device.path()));
    let target = attached.mount(&directory.tree())?;
    attached.show_devices(&target)?;

    let mut variables: Variables = build.variables.clone();
    for (name, value) in attached.variables() {
        variables.set(name, &value, Origin::Build);
    }
    hook_scripts::write_state(directory.path(), build.plan, &directory.tree(), &variables)
        .map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
    let build = Build::new(
        build.plan,
        variables,
        &target,
        &SandboxMachine,
        build.cache,
        build.journal,
        build.observer,
    )
    .with_surroundings(world);
    phases.extend(build.run_some_phases(on_disk)?);
    attached.complete(&target, &directory.tree())?;
    let complete = images::write(&build, disk, Some(&attached.image), None, directory, console)?;
    let told = Told::of(&build, &phases, &[])?;
    let images = match complete {
        Some(complete) => {
            images::test(&complete, &build, disk, directory, console)?;
            complete.publish()?
        }
        None => Vec::new(),
    };
    report::write(&build.plan.spec().output.base, &told, &images, &build)?;
    Ok(images)
}

impl<'d> AttachedDisk<'d> {
    /// Makes the disk of the tree and attaches it.
    fn make(
        build: &Build<'_>,
        spec: &'d DiskSpec,
        directory: &BuildDirectory,
        console: &Console,
    ) -> Result<Self, CliError> {
        let path = directory.scratch().join("attached.raw");
        let failed = |source| {
            let path = path.clone();
            AttachError::Create { path, source }
        };
        let mut options = File::options();
        let image = options.read(true).write(true).create_new(true).open(&path);
        let image = image.map_err(failed)?;
        let mut shown = Shown::new(console);
        make_disk(
            &directory.tree(),
            &build.device_nodes(),
            spec,
            (&path, &image),
            &mut |event| shown.event(&event),
        )
        .map_err(dib_image::ImageError::from)?;
        drop(shown);
        let size = ByteSize::from_bytes(image.metadata().map_err(failed)?.len());
        let sector_size = u32::try_from(spec.sector_size().bytes()).expect("a sector is small");
        let device = LoopDevice::attach(&image, sector_size).map_err(AttachError::from)?;
        let placed = spec
            .placed_partitions(size)
            .map_err(dib_image::ImageError::from)?;
        let mut partitions = Vec::new();
        for partition in placed {
            let node = device
                .add_partition(partition.number, partition.start, partition.length)
                .map_err(AttachError::from)?;
            partitions.push((partition.name, node));
        }
        Ok(Self {
            spec,
            image,
            size,
            device,
            partitions,
        })
    }

    /// Returns the file systems that are mounted, with their mount points, the root's first.
    fn file_systems(&self) -> Vec<(&FileSystem, TargetPath)> {
        let mounted = self.spec.mounted_file_systems();
        mounted
            .filter(|file_system| file_system.kind() != FileSystemType::Swap)
            .filter_map(|file_system| Some((file_system, file_system.mount_point()?.parse().ok()?)))
            .collect()
    }

    /// Mounts the file systems where the tree is, and returns what is its root now.
    fn mount(&self, tree: &Utf8Path) -> Result<TargetRoot, AttachError> {
        let mut target = None;
        for (file_system, at) in self.file_systems() {
            let device = match file_system.partition_number() {
                Some(number) => Utf8PathBuf::from(format!("{}p{number}", self.device.path())),
                None => self.device.path().to_owned(),
            };
            let kind = file_system.kind().to_string();
            match &target {
                None => {
                    mounts::file_system(&device, &kind, tree)?;
                    target = Some(TargetRoot::open(tree)?);
                }
                Some(target) => {
                    target.create_directory_all(&at, 0o755)?;
                    mounts::file_system_in_target(&device, &kind, target, &at)?;
                }
            }
        }
        Ok(target.expect("a layout has a file system at /"))
    }

    /// Shows the devices to the programs in the target.
    fn show_devices(&self, target: &TargetRoot) -> Result<(), AttachError> {
        mounts::kernel_file_systems(target)?;
        let partitions = self.partitions.iter().map(|(_, device)| device.as_path());
        for device in [self.device.path()].into_iter().chain(partitions) {
            let at: TargetPath = device
                .as_str()
                .parse()
                .expect("a device's path is one of the target");
            target.write(&at, b"", 0o600)?;
            mounts::bind(device, target, &at)?;
        }
        Ok(())
    }

    /// Returns the variables by which hooks know the devices, as upstream writes them.
    fn variables(&self) -> [(&'static str, String); 2] {
        let disk = [(self.spec.disk_name(), self.device.path())];
        let partitions = self
            .partitions
            .iter()
            .map(|(name, device)| (name.as_str(), device.as_path()));
        let mut devices = String::new();
        for (name, device) in disk.into_iter().chain(partitions) {
            write!(devices, " [{name}]={device} ").expect("a String takes all text");
        }
        [
            ("IMAGE_BLOCK_DEVICE", self.device.path().to_string()),
            ("IMAGE_BLOCK_DEVICES", devices),
        ]
    }

    /// Completes what is in the disk's file: nobody writes to it any more.
    fn complete(&self, target: &TargetRoot, tree: &Utf8Path) -> Result<(), CliError> {
        embed_boot_code(
            tree,
            self.spec,
            self.size,
            (self.device.path(), self.device.file()),
        )
        .map_err(dib_image::ImageError::from)?;
        for (_, at) in self.file_systems().iter().rev() {
            loop_device::discard_unused(target, at).map_err(|source| AttachError::Discard {
                at: at.clone(),
                source,
            })?;
            mounts::make_read_only(target, at).map_err(AttachError::from)?;
        }
        self.device.write_back().map_err(AttachError::from)?;
        Ok(())
    }
}
