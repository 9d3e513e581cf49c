//! Where sets are built: the programs, a prepared tree, our own elements and what their variables name.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;
use xshell::{Shell, cmd};

use crate::compat::build::Builder;
use crate::host_archive::{self, HostArchive};
use crate::local_mirror::LocalMirror;
use crate::made_directory;
use crate::scratch_build;
use crate::task_error::TaskError;
use crate::upstream::Upstream;
use crate::workspace::Workspace;

/// The suite of the prepared tree.
const SUITE: &str = "stable";

/// The packages of the prepared tree besides apt and what is essential: what elements take for granted.
const PACKAGES: &str =
    "ca-certificates,ifupdown,init,iproute2,kmod,lsb-release,python3,sudo,systemd-sysv,udev";

/// The Python packages that elements install by pip, with what builds them.
const PYTHON_PACKAGES: &str = "glean pbr setuptools wheel";

/// What no element looks at.
const LEFT_OUT: [&str; 3] = [
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/man/*",
];

/// What a system's own programs are on.
const SYSTEM_PROGRAMS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The phases, by the names of upstream's directories.
const PHASES: [&str; 10] = [
    "root",
    "extra-data",
    "pre-install",
    "install",
    "post-install",
    "post-root",
    "block-device",
    "pre-finalise",
    "finalise",
    "cleanup",
];

/// A directory with all that the builds of a comparison share; it ends with this value.
#[derive(Debug)]
pub(super) struct Place {
    directory: TempDir,
    upstream: Utf8PathBuf,
    elements: Utf8PathBuf,
    tree: Utf8PathBuf,
    python_packages: Utf8PathBuf,
    ubuntu: LocalMirror,
    archive: [(&'static str, String); 3],
}

impl Place {
    /// Makes the directory; its prepared tree is kept in the workspace's build directory.
    pub(super) fn prepare(
        workspace: &Workspace,
        upstream: &Upstream,
        dib: &Utf8Path,
    ) -> Result<Self, TaskError> {
        let archive = host_archive::of_suite(Some(SUITE), None, &[])?;
        let directory = tempfile::Builder::new()
            .prefix("dib-compat-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .map_err(TaskError::file("create", "a directory for the comparison"))?;
        let place = Self {
            directory,
            upstream: upstream.programs().to_owned(),
            elements: upstream.elements()?,
            tree: prepared_tree(workspace, &archive)?,
            python_packages: python_packages(workspace, upstream)?,
            ubuntu: LocalMirror::of_ubuntu_packages(workspace)?,
            archive: archive.variables()?,
        };
        let shell = Shell::new()?;
        shell.create_dir(place.path().join("dib"))?;
        shell.copy_file(dib, place.path().join("dib/dib"))?;
        let program = place.program(Builder::Dib);
        symlink("dib", &program).map_err(TaskError::file("create", &program))?;
        place.write_elements(workspace, &shell)?;
        place.write_data(&shell)?;
        Ok(place)
    }

    /// The directory of all.
    pub(super) fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).expect("a plain name in a UTF-8 directory is UTF-8")
    }

    /// An index of Python packages in the layout that upstream's element `pypi` mounts.
    pub(super) fn python_packages(&self) -> &Utf8Path {
        &self.python_packages
    }

    /// What stands for `@PLACE@` and `@UBUNTU@` in a set's variable: the directory of all, and an archive in Ubuntu's layout.
    pub(super) fn fill_in(&self, value: &str) -> String {
        let served = self.ubuntu.variables();
        let mirror = served.iter().find(|(name, _)| *name == "DIB_DISTRIBUTION_MIRROR");
        let url = mirror.map_or("", |(_, url)| url.as_str());
        value
            .replace("@PLACE@", self.path().as_str())
            .replace("@UBUNTU@", url)
    }

    /// Upstream's elements.
    pub(super) fn upstream_elements(&self) -> &Utf8Path {
        &self.elements
    }

    /// The `disk-image-create` of one of the two.
    pub(super) fn program(&self, builder: Builder) -> Utf8PathBuf {
        match builder {
            Builder::Upstream => self.upstream.join("disk-image-create"),
            Builder::Dib => self.path().join("dib/disk-image-create"),
        }
    }

    /// The environment of builds by somebody whose home that is.
    pub(super) fn variables(&self, home: &Utf8Path) -> Vec<(String, String)> {
        let path = |name: &str| self.path().join(name).into_string();
        // What both find on it are diskimage-builder's own Python and tools.
        let programs = format!("{}:{SYSTEM_PROGRAMS}", self.upstream);
        let elements = format!("{}:{}", path("elements"), self.elements);
        let mut variables: Vec<(String, String)> = [
            ("PATH", programs),
            ("HOME", home.to_string()),
            ("DIB_IMAGE_CACHE", home.join("cache").into_string()),
            ("ELEMENTS_PATH", elements),
            ("COMPAT_TREE", self.tree.to_string()),
            ("DIB_RELEASE", SUITE.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        variables.extend(
            self.archive
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        for kept in ["http_proxy", "https_proxy", "no_proxy"] {
            variables.extend(env::var(kept).map(|value| (kept.to_owned(), value)));
        }
        variables
    }

    /// Writes the element that unpacks the prepared tree, and the one whose hooks tell what they see.
    fn write_elements(&self, workspace: &Workspace, shell: &Shell) -> Result<(), TaskError> {
        let data = workspace.root.join("xtask/compat");
        let elements = self.path().join("elements");
        let root = data.join("elements/compat-root");
        shell.create_dir(&elements)?;
        cmd!(shell, "cp --recursive --preserve=mode {root} {elements}")
            .quiet()
            .run()?;
        for phase in PHASES {
            let hook = elements.join(format!("compat-probe/{phase}.d/50-compat-probe"));
            shell.create_dir(elements.join(format!("compat-probe/{phase}.d")))?;
            shell.copy_file(data.join("probe.sh"), &hook)?;
            fs::set_permissions(&hook, Permissions::from_mode(0o755))
                .map_err(TaskError::file("open", &hook))?;
        }
        Ok(())
    }

    /// Writes the files that variables of sets name.
    fn write_data(&self, shell: &Shell) -> Result<(), TaskError> {
        let path = |name: &str| self.path().join(name);
        let repository = path("data/repository");
        shell.create_dir(&repository)?;
        shell.write_file(repository.join("README"), "Cloned into targets.\n")?;
        shell.change_dir(&repository);
        cmd!(shell, "git init --quiet --initial-branch=master")
            .quiet()
            .run()?;
        cmd!(shell, "git add README").quiet().run()?;
        cmd!(
            shell,
            "git -c user.name=compat -c user.email=compat@example.org commit --quiet --message=Begin"
        )
        .quiet()
        .run()?;
        shell.write_file(path("data/apt.conf"), "APT::Install-Recommends \"false\";\n")?;
        shell.write_file(
            path("data/sources.list"),
            sources(&self.archive).join("\n") + "\n",
        )?;
        Ok(())
    }
}

/// The lines for apt, without the names of files that upstream's elements want before them.
fn sources(archive: &[(&str, String)]) -> Vec<String> {
    let lines = archive.iter().filter(|(name, _)| *name == "DIB_APT_SOURCES_CONF");
    lines
        .flat_map(|(_, value)| value.lines())
        .map(|line| line.split_once(':').map_or(line, |(_, source)| source).to_owned())
        .collect()
}

/// Bootstraps the tree that most sets begin with, as a tar, unless there is one of the same packages and sources.
fn prepared_tree(workspace: &Workspace, archive: &HostArchive) -> Result<Utf8PathBuf, TaskError> {
    let directory = workspace.target.join("compat-tree");
    let sources = sources(&archive.variables()?);
    let inputs = format!("{PACKAGES}\n{}\n{}\n", LEFT_OUT.join("\n"), sources.join("\n"));
    made_directory::make_unless_current(&directory, "tree that elements begin with", &inputs, |_, made| {
        let shell = Shell::new()?;
        let tar = made.join("tree.tar");
        let include = format!("--include={PACKAGES}");
        let options = LEFT_OUT.map(|option| format!("--dpkgopt={option}"));
        let sources = &sources;
        // Hooks before upstream's `apt-get update` install packages, too.
        let kept = [
            "--skip=cleanup/apt/lists",
            "--aptopt=Acquire::GzipIndexes \"true\"",
        ];
        cmd!(
            shell,
            "mmdebstrap --quiet --variant=minbase {include} {kept...} {options...} {SUITE} {tar} {sources...}"
        )
        .quiet()
        .run()?;
        Ok(())
    })?;
    Ok(directory.join("tree.tar"))
}

/// Makes an index of the Python packages that elements install, unless there is one: a target has no way to the real one.
fn python_packages(workspace: &Workspace, upstream: &Upstream) -> Result<Utf8PathBuf, TaskError> {
    let directory = workspace.target.join("compat-python-packages");
    made_directory::make_unless_current(
        &directory,
        "index of Python packages",
        PYTHON_PACKAGES,
        |_, made| {
            let shell = Shell::new()?;
            let pip = upstream.programs().join("pip");
            let packages = PYTHON_PACKAGES.split_whitespace();
            shell.change_dir(made);
            cmd!(shell, "{pip} wheel --quiet --wheel-dir . {packages...}")
                .quiet()
                .run()?;
            for wheel in scratch_build::names_in(made)? {
                let Some((name, _)) = wheel.split_once('-') else {
                    continue;
                };
                // The name of a package in an index; of a wheel it is with underlines.
                let package = name.to_ascii_lowercase().replace('_', "-");
                shell.create_dir(&package)?;
                let target = format!("{package}/{wheel}");
                cmd!(shell, "mv {wheel} {target}").quiet().run()?;
                let link =
                    format!("<!DOCTYPE html><html><body><a href=\"{wheel}\">{wheel}</a></body></html>\n");
                shell.write_file(format!("{package}/index.html"), link)?;
            }
            Ok(())
        },
    )?;
    Ok(directory)
}
