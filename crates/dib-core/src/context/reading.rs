//! What a hook may read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::{FileKind, Metadata, TargetPath, WalkStep};

use super::HookContext;
use crate::{
    Arch, Element, Freshness, HookError, PackageAction, Phase, PlanPart, PlannedDisk, PlannedPackage,
};

impl HookContext<'_> {
    /// Returns the value of a variable, or `None` when it is unset or empty.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.saw_variable(name);
        self.variables.get(name).filter(|value| !value.is_empty())
    }

    /// Returns the value of a variable that the hook can't do without.
    ///
    /// # Errors
    /// When it is unset or empty.
    pub fn required(&self, name: &str) -> Result<&str, HookError> {
        self.variable(name).ok_or_else(|| HookError::Unset {
            name: name.to_owned(),
        })
    }

    /// Returns the image's architecture.
    #[must_use]
    pub fn arch(&self) -> Arch {
        self.build.plan.spec().arch
    }

    /// Returns the directory of the image cache.
    #[must_use]
    pub fn image_cache(&self) -> &Utf8Path {
        &self.build.plan.spec().image_cache
    }

    /// Returns whether cached files are taken as they are.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        self.saw_plan(PlanPart::Freshness);
        self.build.plan.spec().freshness
    }

    /// Visits the elements of the build by name.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.saw_plan(PlanPart::Elements);
        self.build.plan.elements().iter().map(|planned| planned.element)
    }

    /// Returns whether an element of that name is part of the build.
    #[must_use]
    pub fn has_element(&self, name: &str) -> bool {
        self.elements().any(|element| element.name().as_str() == name)
    }

    /// Returns the packages that the build installs and removes, with who wants each.
    #[must_use]
    pub fn packages(&self) -> &[PlannedPackage] {
        self.saw_plan(PlanPart::Packages);
        self.build.plan.packages()
    }

    /// Visits the packages that are installed, or removed, in a phase.
    pub fn packages_of(&self, phase: Phase, action: PackageAction) -> impl Iterator<Item = &PlannedPackage> {
        self.saw_plan(PlanPart::Packages);
        self.build.plan.packages_of(phase, action)
    }

    /// Returns what services are called in the image, by the names that elements have for them.
    #[must_use]
    pub fn services(&self) -> &BTreeMap<String, String> {
        self.saw_plan(PlanPart::Services);
        self.build.plan.services()
    }

    /// Returns what is known of the disk that the image becomes.
    #[must_use]
    pub fn disk(&self) -> &PlannedDisk {
        self.saw_plan(PlanPart::Disk);
        self.build.plan.disk()
    }

    /// Returns the variables of DIB as bash would declare them, for the manifest `dib_environment`.
    #[must_use]
    pub fn dib_environment(&self) -> String {
        self.saw_plan(PlanPart::DibEnvironment);
        self.variables.dib_environment()
    }

    /// Looks at a path, without following a symbolic link there; `None` when nothing is there.
    ///
    /// # Errors
    /// When the path is none or can't be looked at.
    pub fn metadata(&self, path: &str) -> Result<Option<Metadata>, HookError> {
        Ok(self.build.target.metadata(&path.parse()?)?)
    }

    /// Returns whether anything is at that path, a dangling symbolic link included.
    ///
    /// # Errors
    /// When the path is none or can't be looked at.
    pub fn exists(&self, path: &str) -> Result<bool, HookError> {
        Ok(self.metadata(path)?.is_some())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, HookError> {
        Ok(self.build.target.read(&path.parse()?)?)
    }

    /// Lists the names in a directory, sorted; none when the directory is not there.
    ///
    /// # Errors
    /// When it can't be listed.
    pub fn list(&self, path: &str) -> Result<Vec<String>, HookError> {
        let path: TargetPath = path.parse()?;
        if self.build.target.metadata(&path)?.is_none() {
            return Ok(Vec::new());
        }
        Ok(self.build.target.list(&path)?)
    }

    /// Returns the regular files below a directory, sorted, without following symbolic links; none when the directory
    /// is not there.
    ///
    /// # Errors
    /// When a directory can't be read.
    pub fn files_below(&self, directory: &str) -> Result<Vec<String>, HookError> {
        let directory: TargetPath = directory.parse()?;
        let mut files = Vec::new();
        let target = self.build.target;
        if target
            .metadata(&directory)?
            .is_none_or(|metadata| metadata.kind != FileKind::Directory)
        {
            return Ok(files);
        }
        target.walk(&directory, &mut |path, metadata| {
            if metadata.kind == FileKind::Regular {
                files.push(path.to_string());
            }
            WalkStep::Descend
        })?;
        Ok(files)
    }

    /// Returns whether something is mounted at that path.
    ///
    /// # Errors
    /// When the kernel can't say.
    pub fn is_mounted(&self, path: &str) -> Result<bool, HookError> {
        Ok(self
            .build
            .machine
            .is_mount_point(self.build.target, &path.parse()?)?)
    }

    /// Opens a file of the host that the user named, for reading.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open_host(&self, path: &Utf8Path) -> Result<File, HookError> {
        self.saw_host_file(path);
        File::open(path).map_err(|source| HookError::Host {
            action: "open",
            path: path.to_string(),
            source,
        })
    }

    /// Reads a file of the host that the user named.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn read_host(&self, path: &Utf8Path) -> Result<Vec<u8>, HookError> {
        let mut contents = Vec::new();
        self.open_host(path)?
            .read_to_end(&mut contents)
            .map_err(|source| HookError::Host {
                action: "read",
                path: path.to_string(),
                source,
            })?;
        Ok(contents)
    }

    /// Returns the files below a directory of the host that the user named, sorted; links to files count as files, links to
    /// directories are not followed.
    ///
    /// # Errors
    /// When a directory can't be listed or something in it can't be looked at.
    pub fn host_files_below(&self, directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>, HookError> {
        let failed = |action, path: &Utf8Path| {
            let path = path.to_string();
            move |source| HookError::Host { action, path, source }
        };
        self.saw_host_files(directory);
        let mut files = Vec::new();
        let mut directories = vec![directory.to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in directory.read_dir_utf8().map_err(failed("list", &directory))? {
                let entry = entry.map_err(failed("list", &directory))?;
                let path = entry.path();
                if entry.file_type().map_err(failed("look at", path))?.is_dir() {
                    directories.push(path.to_owned());
                } else if path.is_file() {
                    files.push(path.to_owned());
                }
            }
        }
        files.sort();
        Ok(files)
    }
}
