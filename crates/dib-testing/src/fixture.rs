//! What a hook under test meets.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::UNIX_EPOCH;

use camino::{Utf8Path, Utf8PathBuf};
use dib_cache::{Cache, Retries};
use dib_core::observer::Unobserved;
use dib_core::variables::Origin;
use dib_core::{
    Arch, BaseElement, Build, DuplicateElement, Element, Freshness, ImageSpec, Journal, Phase, Plan,
    PlannedDisk, Registry,
};
use dib_sys::TargetRoot;

use crate::machine::RecordingMachine;
use crate::recording::Recording;
use crate::tree::Tree;

/// A small world for a hook: a target's tree, a directory of the host outside it, a cache, variables and mounts.
///
/// Everything is gone when it is dropped.
pub struct Fixture {
    directory: tempfile::TempDir,
    registry: Registry,
    spec: ImageSpec,
    machine: RecordingMachine,
    redactions: Vec<(String, String)>,
    disk: PlannedDisk,
}

impl Fixture {
    /// Makes a world with the elements that `register` registers. What they depend on and is not there becomes an
    /// empty element.
    ///
    /// # Panics
    /// When an element is registered twice or no temporary directory can be made.
    #[must_use]
    pub fn new(register: impl FnOnce(&mut Registry) -> Result<(), DuplicateElement>) -> Self {
        let mut registry = Registry::new();
        register(&mut registry).expect("an element is registered once");
        let names: Vec<String> = registry
            .iter()
            .map(|element| element.name().to_string())
            .collect();
        let mut fixture = Self {
            directory: tempfile::tempdir().expect("a temporary directory can be made"),
            spec: ImageSpec::of_elements(&names.iter().map(String::as_str).collect::<Vec<_>>()),
            registry,
            machine: RecordingMachine::default(),
            redactions: Vec::new(),
            disk: PlannedDisk::default(),
        };
        for name in ["target", "host", "cache"] {
            fs::create_dir(fixture.path(name)).expect("the temporary directory is ours");
        }
        fixture.complete_registry();
        fixture.spec.base = BaseElement::Skipped;
        fixture.spec.arch = Arch::Amd64;
        fixture.spec.image_cache = fixture.path("cache");
        fixture
    }

    /// Adds what lets a plan be made of single elements.
    fn complete_registry(&mut self) {
        let registered = |name: &str, registry: &Registry| registry.get(name).is_some();
        let missing: Vec<_> = self
            .registry
            .iter()
            .flat_map(Element::dependencies)
            .filter(|name| !registered(name.as_str(), &self.registry))
            .map(ToString::to_string)
            .collect();
        for name in missing {
            // Two elements may want the same one.
            let _ = self.registry.add(Element::new(&name));
        }
        // A plan needs an operating system, and an installer where packages are wanted.
        let missing = |name: &&str| !self.registry.iter().any(|element| element.provides_name(name));
        let needed: Vec<_> = ["operating-system", "package-installer"]
            .into_iter()
            .filter(missing)
            .collect();
        if !needed.is_empty() {
            let system = Element::new("fixture-system").provides(&needed);
            self.registry.add(system).expect("the name is the fixture's own");
            self.spec.elements.push("fixture-system".to_owned());
        }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        let directory = Utf8Path::from_path(self.directory.path()).expect("temporary directories are UTF-8");
        directory.join(name)
    }

    fn in_target(&self, path: &str) -> Utf8PathBuf {
        let path = self.path("target").join(path.trim_start_matches('/'));
        let parent = path.parent().expect("a path in the target has a parent");
        fs::create_dir_all(parent).expect("the fixture's target is ours");
        path
    }

    /// Returns a directory of the host outside the target; what changes in it is recorded too.
    #[must_use]
    pub fn host(&self) -> Utf8PathBuf {
        self.path("host")
    }

    /// Returns the directory of the image cache.
    #[must_use]
    pub fn cache(&self) -> Utf8PathBuf {
        self.path("cache")
    }

    /// Makes a directory in the target, with mode 0755.
    ///
    /// # Panics
    /// When it can't be made.
    #[must_use]
    pub fn directory(self, path: &str) -> Self {
        fs::create_dir_all(self.in_target(path)).expect("the fixture's target is ours");
        self
    }

    /// Writes a file in the target, with mode 0644.
    ///
    /// # Panics
    /// When it can't be written.
    #[must_use]
    pub fn file(self, path: &str, contents: &str) -> Self {
        self.file_with_mode(path, contents, 0o644)
    }

    /// Writes a file in the target, with mode 0644, that was last changed years before all others.
    ///
    /// # Panics
    /// When it can't be written.
    #[must_use]
    pub fn old_file(self, path: &str, contents: &str) -> Self {
        let at = self.in_target(path);
        let fixture = self.file(path, contents);
        let file = fs::File::options().append(true).open(at);
        file.and_then(|file| file.set_modified(UNIX_EPOCH))
            .expect("the file is ours");
        fixture
    }

    /// Writes a file in the target, with mode 0755.
    ///
    /// # Panics
    /// When it can't be written.
    #[must_use]
    pub fn executable(self, path: &str, contents: &str) -> Self {
        self.file_with_mode(path, contents, 0o755)
    }

    fn file_with_mode(self, path: &str, contents: &str, mode: u32) -> Self {
        let path = self.in_target(path);
        fs::write(&path, contents).expect("the fixture's target is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("the file is ours");
        self
    }

    /// Makes a symbolic link in the target.
    ///
    /// # Panics
    /// When it can't be made.
    #[must_use]
    pub fn symlink(self, points_to: &str, path: &str) -> Self {
        std::os::unix::fs::symlink(points_to, self.in_target(path)).expect("the fixture's target is ours");
        self
    }

    /// Sets a variable, as the user's environment would.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.spec.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Names the image that is built, as a file of the host without its ending: `IMAGE_NAME`.
    #[must_use]
    pub fn image(mut self, path: &Utf8Path) -> Self {
        path.clone_into(&mut self.spec.output.base);
        self
    }

    /// Asks for a package, as `-p` does.
    #[must_use]
    pub fn package(mut self, name: &str) -> Self {
        self.spec.packages.push(name.to_owned());
        self
    }

    /// Makes the build take cached files as they are, as `--offline` does.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.spec.freshness = Freshness::Unchecked;
        self
    }

    /// Mounts something at a path of the target, as far as the hook can see.
    ///
    /// # Panics
    /// When the path is none.
    #[must_use]
    pub fn mounted(self, path: &str) -> Self {
        self.machine.mounted(path.parse().expect("a path in the target"));
        self
    }

    /// Says what the disk is like.
    #[must_use]
    pub fn disk(mut self, disk: PlannedDisk) -> Self {
        self.disk = disk;
        self
    }

    /// Makes a program fail with this exit status when the hook runs it.
    #[must_use]
    pub fn failing(mut self, program: &str, status: i32) -> Self {
        self.machine.failing(program, status);
        self
    }

    /// Runs the programs that the hook runs beside the target, with the test's own `PATH` and no other environment.
    #[must_use]
    pub fn running_on_host(mut self) -> Self {
        self.machine.running_on_host();
        let path = std::env::var("PATH").unwrap_or_default();
        self.variable("PATH", &path)
    }

    /// Shows `text` as `[name]` in recordings; for what differs from run to run.
    #[must_use]
    pub fn shown_as(mut self, text: &str, name: &str) -> Self {
        self.redactions.push((text.to_owned(), format!("[{name}]")));
        self
    }

    /// Runs a hook and tells what it did. May be called again; the world is then as the hook before left it.
    ///
    /// # Panics
    /// When no plan can be made of the elements, or when they have no such hook.
    #[must_use]
    pub fn record(&self, phase: Phase, hook: &str) -> Recording {
        let plan = Plan::resolve(&self.registry, &self.spec)
            .and_then(|plan| plan.with_disk(self.disk.clone()))
            .expect("the elements make a plan");
        let target = TargetRoot::open(&self.path("target")).expect("the fixture's target is there");
        let cache = Cache::open(&self.path("cache"))
            .expect("the fixture's cache can be opened")
            .with_retries(Retries {
                count: 0,
                ..Retries::default()
            });
        let cache = if self.spec.freshness == Freshness::Unchecked {
            cache.offline()
        } else {
            cache
        };
        let journal = Journal::new();
        let mut variables = plan.variables().clone();
        for name in ["TARGET_ROOT", "TMP_MOUNT_PATH"] {
            variables.set(name, self.path("target").as_str(), Origin::Build);
        }
        let build = Build::new(
            &plan,
            variables,
            &target,
            &self.machine,
            &cache,
            &journal,
            &Unobserved,
        );
        let before = (Tree::of(&self.path("target")), Tree::of(&self.path("host")));
        let result = build.run_hook(phase, &hook.parse().expect("a hook's name"));
        let after = (Tree::of(&self.path("target")), Tree::of(&self.path("host")));
        Recording {
            effects: journal
                .entries()
                .into_iter()
                .map(|entry| entry.effect.to_string())
                .collect(),
            target: before.0.difference(&after.0),
            host: before.1.difference(&after.1),
            error: result.err().map(|error| Recording::messages(&error)),
            redactions: self.all_redactions(),
        }
    }

    fn all_redactions(&self) -> Vec<(String, String)> {
        let own =
            ["target", "host", "cache"].map(|name| (self.path(name).into_string(), format!("[{name}]")));
        self.redactions.iter().cloned().chain(own).collect()
    }
}
