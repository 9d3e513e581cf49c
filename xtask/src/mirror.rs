//! `cargo xtask mirror`: a server's directory laid out as Ubuntu's cloud images are, made of Debian packages.
//!
//! The root file system in it is a small Debian (on an Ubuntu host: an Ubuntu) from the archives that this host uses
//! itself: its `os-release` says so, whatever the directory's release is called. It holds what a build has to keep:
//! device nodes, setuid programs, a file with a capability, hard links. The sums are signed by a throwaway key that
//! lies beside them.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

use crate::host_archive::{self, HostArchive};
use crate::made_directory;
use crate::needs;
use crate::progress;
use crate::signing_key::SigningKey;
use crate::task_error::TaskError;

/// What is installed beside the packages that dpkg's archive marks as required.
const PACKAGES: &str =
    "ca-certificates,dbus,iproute2,iputils-ping,kmod,libcap2-bin,netbase,systemd-sysv,udev";

/// Makes an Ubuntu-layout mirror of a root file system (tar.gz, tar.xz, squashfs) from Debian packages.
///
/// The "ubuntu" in it is made of the packages of this host's own distribution: it is for tests and first builds without
/// a download from Ubuntu. Made again only when what goes into it (sources, packages, names) has changed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct MakeMirror {
    /// Where to make it; an older mirror there is replaced at the end.
    #[arg(value_name = "DIR")]
    directory: Utf8PathBuf,
    /// The release under whose name the images are published.
    #[arg(long, default_value = "noble")]
    release: String,
    /// The suite whose packages are taken [default: this host's own].
    #[arg(long)]
    suite: Option<String>,
    /// The architecture, in Debian's words [default: this host's own].
    #[arg(long)]
    arch: Option<String>,
    /// A package source in apt's one-line format, instead of this host's own; can be repeated.
    #[arg(long, value_name = "LINE")]
    source: Vec<String>,
}

impl MakeMirror {
    /// The mirror with every default, in a directory.
    pub(crate) fn with_defaults(directory: &Utf8Path) -> Self {
        Self {
            directory: directory.to_owned(),
            release: "noble".to_owned(),
            suite: None,
            arch: None,
            source: Vec::new(),
        }
    }
}

/// All that the root file system is made from; two equal recipes give mirrors of equal use.
struct Recipe {
    release: String,
    packages: &'static str,
    archive: HostArchive,
}

impl Recipe {
    fn inputs(&self) -> String {
        format!(
            "layout 2\nrelease {}\nsuite {}\narch {}\npackages {}\n{}\n{}\n",
            self.release,
            self.archive.suite,
            self.archive.arch,
            self.packages,
            self.archive.sources.join("\n"),
            self.archive.apt_options.join("\n")
        )
    }

    /// The name that Ubuntu gives the image, up to its format.
    fn image_base(&self) -> String {
        format!("{}-server-cloudimg-{}", self.release, self.archive.arch)
    }
}

/// Runs the command.
pub(crate) fn mirror(options: &MakeMirror) -> Result<(), TaskError> {
    needs::meet(&needs::of_mirror())?;
    let recipe = Recipe {
        release: options.release.clone(),
        packages: PACKAGES,
        archive: host_archive::of_suite(options.suite.as_deref(), options.arch.as_deref(), &options.source)?,
    };
    let made =
        made_directory::make_unless_current(&options.directory, "mirror", &recipe.inputs(), |work, new| {
            make(&recipe, work, new)
        })?;
    if !made {
        return Ok(());
    }
    let images = options.directory.join(&recipe.release).join("current");
    for suffix in ["-root.tar.gz", "-root.tar.xz", ".squashfs"] {
        let path = images.join(format!("{}{suffix}", recipe.image_base()));
        let bytes = fs::metadata(&path).map_err(TaskError::file("read", &path))?.len();
        println!("{path}  {}", progress::size(bytes));
    }
    Ok(())
}

/// Makes a root file system with other packages, as an uncompressed tar, from this host's own sources.
pub(crate) fn host_root_file_system(packages: &'static str, tar: &Utf8Path) -> Result<(), TaskError> {
    bootstrap(&host_archive::of_this_host()?, packages, tar)
}

fn make(recipe: &Recipe, work: &Utf8Path, mirror: &Utf8Path) -> Result<(), TaskError> {
    let images = mirror.join(&recipe.release).join("current");
    fs::create_dir_all(&images).map_err(TaskError::file("create", &images))?;
    let tar = work.join("root.tar");
    bootstrap(&recipe.archive, recipe.packages, &tar)?;
    pack(&tar, &images, &recipe.image_base())?;
    sign(mirror, &images)
}

/// Makes the root file system as an uncompressed tar.
fn bootstrap(archive: &HostArchive, packages: &str, tar: &Utf8Path) -> Result<(), TaskError> {
    progress::step(format!(
        "root file system of {} ({}) by mmdebstrap",
        archive.suite, archive.arch
    ));
    let shell = Shell::new()?;
    shell.set_var("PATH", needs::path_with_administrators_programs());
    let mode = if needs::is_root() { "root" } else { "unshare" };
    let HostArchive {
        suite, arch, sources, ..
    } = archive;
    let apt_options = archive
        .apt_options
        .iter()
        .map(|option| format!("--aptopt={option}"));
    // The capability is set here because not every release's package sets it by itself; dpkg's speed-up must not stay.
    let capability = r#"--customize-hook=chroot "$1" setcap cap_net_raw+ep /usr/bin/ping"#;
    let no_traces = r#"--customize-hook=rm "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap""#;
    cmd!(
        shell,
        "mmdebstrap --quiet --mode={mode} --variant=minbase --format=tar --architectures={arch} --include={packages}
            --dpkgopt=force-unsafe-io {apt_options...} {capability} {no_traces} {suite} {tar} {sources...}"
    )
    .quiet()
    .run()?;
    Ok(())
}

/// Packs the tar in all three formats, at once because gzip keeps to one processor.
fn pack(tar: &Utf8Path, images: &Utf8Path, base: &str) -> Result<(), TaskError> {
    progress::step("packing it as tar.gz, tar.xz and squashfs");
    let squashfs = images.join(format!("{base}.squashfs"));
    let mut gzip = Command::new("gzip");
    gzip.args(["--no-name", "-6", "--stdout"])
        .stdout(create(&images.join(format!("{base}-root.tar.gz")))?);
    let mut xz = Command::new("xz");
    xz.args(["--threads=0", "-3", "--stdout"])
        .stdout(create(&images.join(format!("{base}-root.tar.xz")))?);
    let mut mksquashfs = Command::new("mksquashfs");
    // A tar's own entry for the root is passed over by mksquashfs, which would leave the root open to everybody.
    mksquashfs.args([
        "-",
        squashfs.as_str(),
        "-tar",
        "-root-mode",
        "0755",
        "-root-uid",
        "0",
        "-root-gid",
        "0",
    ]);
    mksquashfs
        .args(["-comp", "xz", "-no-progress", "-quiet"])
        .stdout(Stdio::null());

    let mut children = Vec::new();
    for (name, command) in [
        ("gzip", &mut gzip),
        ("xz", &mut xz),
        ("mksquashfs", &mut mksquashfs),
    ] {
        let input = File::open(tar).map_err(TaskError::file("open", tar))?;
        // Kept from the terminal: mksquashfs remarks on access lists, which no squashfs can hold.
        let child = command
            .stdin(input)
            .stderr(Stdio::piped())
            .spawn()
            .map_err(TaskError::file("run", name))?;
        children.push((name, child));
    }
    for (name, child) in children {
        let output = child
            .wait_with_output()
            .map_err(TaskError::file("wait for", name))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(TaskError::Check(format!(
                "{name} failed to pack {tar}: {}\n{said}",
                output.status
            )));
        }
    }
    Ok(())
}

/// Writes the images' sums, their signature by a key made for it, and the key.
fn sign(mirror: &Utf8Path, images: &Utf8Path) -> Result<(), TaskError> {
    progress::step("signing the sums by a throwaway key");
    let shell = Shell::new()?;
    shell.change_dir(images);
    let mut names = Vec::new();
    for entry in images.read_dir_utf8().map_err(TaskError::file("read", images))? {
        names.push(
            entry
                .map_err(TaskError::file("read", images))?
                .file_name()
                .to_owned(),
        );
    }
    names.sort();
    let sums = cmd!(shell, "sha256sum --binary {names...}").quiet().read()?;
    shell.write_file("SHA256SUMS", sums + "\n")?;

    let key = SigningKey::make("dib test mirror")?;
    key.sign_detached(&images.join("SHA256SUMS"), &images.join("SHA256SUMS.gpg"))?;
    key.export(&mirror.join("signing-key.asc"), &mirror.join("signing-key.gpg"))
}

fn create(path: &Utf8Path) -> Result<File, TaskError> {
    File::create(path).map_err(TaskError::file("create", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apt_sources::HostRelease;

    #[test]
    fn inputs_tell_two_recipes_apart() {
        let recipe = |suite: &str| Recipe {
            release: "noble".to_owned(),
            packages: PACKAGES,
            archive: HostArchive {
                host: HostRelease {
                    id: "debian".to_owned(),
                    codename: "bookworm".to_owned(),
                },
                suite: suite.to_owned(),
                arch: "amd64".to_owned(),
                sources: vec!["deb http://a.example.org x main".to_owned()],
                apt_options: Vec::new(),
            },
        };
        assert_eq!(recipe("x").inputs(), recipe("x").inputs());
        assert_ne!(recipe("x").inputs(), recipe("y").inputs());
        assert_eq!(recipe("x").image_base(), "noble-server-cloudimg-amd64");
    }
}
