//! What a script may have looked at: it can't be watched as a function can, so all that it sees counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::mentions::{COUNT_WHERE_MENTIONED, mentioned_in};
use super::traces::{Traces, named_paths, names_results};
use super::{PLACES, PlanPart, Source, digest, digest_of_file};
use crate::layering::is_kept;
use crate::{HookContext, HookError, LayerRule, Phase, Plan, PlannedHook};

/// The largest file that counts because a variable names it, in bytes.
const LARGEST_NAMED_FILE: u64 = 64 << 20;

impl Plan<'_> {
    /// Returns whether scripts are among what may run, so that there is a world for them.
    #[must_use]
    pub fn has_scripts(&self) -> bool {
        self.elements()
            .iter()
            .any(|planned| planned.element.directory().is_some())
    }

    /// Returns the rule that an element has for what a hook did.
    #[must_use]
    pub fn layer_rule_of(&self, hook: &PlannedHook) -> LayerRule {
        self.elements()
            .iter()
            .find(|planned| *planned.element.name() == hook.element)
            .map_or(LayerRule::Archive, |planned| {
                planned.element.layer_rule(hook.phase, hook.name.as_str())
            })
    }

    /// Returns whether an element knows by the index of an archive how old a build's packages are.
    fn knows_its_archive(&self) -> bool {
        self.hooks().iter().any(|hook| hook.inputs.is_some())
    }
}

impl HookContext<'_> {
    /// Runs a hook, and records what it sees where it is a script.
    pub(crate) fn run_watched(&self, hook: &PlannedHook) -> Result<(), HookError> {
        if !self.is_script || !self.build().layering.is_interested() {
            return hook.body.run(self);
        }
        self.saw_script(hook);
        let (before, traces) = (self.digest_of_all_hooks(), Traces::now(self));
        hook.body.run(self)?;
        let is_same =
            matches!((before, self.digest_of_all_hooks()), (Ok(before), Ok(after)) if before == after);
        if !is_same {
            self.depends_on_unknown("what it changed in the directory of hooks");
        }
        // Where its work is taken from a build before, none of that is there for the hooks that come.
        match (traces, Traces::now(self)) {
            (Ok(before), Ok(after)) => {
                if let Some(left) = before.left_until(&after) {
                    self.depends_on_unknown(left);
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                self.depends_on_unknown(format!("the list of mounts: {error}"));
            }
        }
        Ok(())
    }

    /// Returns all variables for a program that is run as scripts are, and records what it sees.
    #[must_use]
    pub fn environment_of_script(&self) -> BTreeMap<String, String> {
        if self.build().layering.is_interested() {
            self.saw_as_script(None, LayerRule::Archive);
        }
        self.variables.environment()
    }

    /// Returns the digest of the files of which a phase's environment comes, where there are any.
    #[must_use]
    pub fn digest_of_environment_files(&self) -> String {
        let directory = self.hooks_path().join("environment.d");
        digest_of_files(&directory, |_, _| true).unwrap_or_else(|error| error.to_string())
    }

    /// Returns what elements say that a hook of the plan depends on.
    ///
    /// A script that holds as long as an archive's index does depends on the index even where it comes before the hook that
    /// knows it; those after that hook do so by what comes before them.
    ///
    /// # Errors
    /// When an element can't tell, as when its archive can't be had.
    pub fn inputs_of(&self, hook: &PlannedHook) -> Result<Vec<(String, String)>, HookError> {
        if let Some(inputs) = hook.inputs {
            return inputs(self);
        }
        let plan = self.build().plan;
        let mut all = Vec::new();
        if !hook.body.is_native() && plan.layer_rule_of(hook) == LayerRule::Archive {
            let place = |hook: &PlannedHook| (hook.phase, hook.name.clone());
            for later in plan.hooks().iter().filter(|other| place(other) > place(hook)) {
                if let Some(inputs) = later.inputs {
                    all.extend(inputs(&HookContext::of_hook(self.build(), later))?);
                }
            }
        }
        Ok(all)
    }

    /// Records what a script sees.
    fn saw_script(&self, hook: &PlannedHook) {
        let inside = format!("{}.d/{}", hook.phase, hook.name);
        let rule = self.build().plan.layer_rule_of(hook);
        if rule == LayerRule::Volatile {
            self.depends_on_unknown(format!("what its element calls volatile in {inside}"));
        }
        self.saw_as_script(Some(&inside), rule);
        if !hook.phase.runs_in_target() {
            for path in self.named_files(&inside) {
                self.saw_host_file(&path);
            }
            // Once the tree is prepared for its disk, most of what is left to do is to leave something beside the image.
            let leaves_files = !is_kept(hook.phase) && rule == LayerRule::Archive;
            if leaves_files || self.names_results(&inside) {
                self.depends_on_unknown(format!("what {inside} may leave beside the image"));
            }
        }
    }

    /// Records what a program sees that is run as scripts are.
    fn saw_as_script(&self, inside: Option<&str>, rule: LayerRule) {
        let sources = [
            Source::Environment(inside.unwrap_or_default().to_owned()),
            Source::HooksDirectory,
        ]
        .into_iter()
        .chain(inside.map(|inside| Source::Script(inside.to_owned())));
        for source in sources {
            match self.find_again(&source) {
                Ok(found) => self.inputs.record(source, found),
                Err(error) => self.depends_on_unknown(format!("the directory of hooks: {error}")),
            }
        }
        if inside.is_none() {
            self.saw_plan(PlanPart::Packages);
        }
        if rule == LayerRule::Archive && !self.build().plan.knows_its_archive() {
            self.depends_on_unknown(
                "what it may fetch by itself, and no archive's index tells how old that is",
            );
        }
    }

    pub(super) fn digest_of_script(&self, inside: &str) -> io::Result<Option<String>> {
        let path = self.hooks_path().join(inside);
        let Some(bytes) = digest_of_file(&path)? else {
            return Ok(None);
        };
        let mode = fs::metadata(&path)?.mode() & 0o7777;
        Ok(Some(format!("{bytes} {mode:o}")))
    }

    /// Returns the digest of everything in the directory of hooks but the hooks.
    pub(super) fn digest_of_hooks_directory(&self) -> io::Result<String> {
        digest_of_files(&self.hooks_path(), |inside, mode| !is_hook(inside, mode))
    }

    /// Returns the digest of everything in the directory of hooks.
    fn digest_of_all_hooks(&self) -> io::Result<String> {
        digest_of_files(&self.hooks_path(), |_, _| true)
    }

    /// Returns the variables that a script sees, a line for each.
    pub(super) fn seen_environment(&self, inside: &str) -> String {
        let mut text = String::new();
        let mentioned = self.mentioned(inside);
        // As the build has them: what a phase's environment adds comes of files that count by themselves.
        for (name, value) in self.build().variables.environment() {
            let counts = !COUNT_WHERE_MENTIONED.contains(&name.as_str()) || mentioned.contains(name.as_str());
            if counts && !PLACES.contains(&name.as_str()) {
                writeln!(text, "{name}={:?}", self.placed_text(&value)).expect("writing to a string");
            }
        }
        text
    }

    /// Returns whether a script names the place of the build's results. What can't be read is the hook's own error.
    fn names_results(&self, inside: &str) -> bool {
        fs::read(self.hooks_path().join(inside)).is_ok_and(|script| names_results(&script))
    }

    /// Returns which of the variables that count where they are mentioned a script mentions, or what lies beside the hooks.
    fn mentioned(&self, inside: &str) -> BTreeSet<&'static str> {
        let mut mentioned = BTreeSet::new();
        for (path, mode) in files_below(&self.hooks_path()) {
            if path != inside && is_hook(&path, mode) {
                continue;
            }
            let path = self.hooks_path().join(&path);
            // A device may have no end, and a pipe nobody who writes.
            if !path.is_file() {
                continue;
            }
            let Ok(bytes) = fs::read(&path) else { continue };
            mentioned.extend(mentioned_in(&String::from_utf8_lossy(&bytes)));
        }
        mentioned
    }

    /// Returns the files of the host that variables name, or a script, whether they are there or not.
    fn named_files(&self, inside: &str) -> BTreeSet<Utf8PathBuf> {
        let variables = &self.build().variables;
        let own = variables.get("TMP_BUILD_DIR").unwrap_or_default();
        let script = fs::read(self.hooks_path().join(inside)).unwrap_or_default();
        let values = variables.environment().into_values();
        values
            .filter(|value| value.starts_with('/'))
            .map(Utf8PathBuf::from)
            .chain(named_paths(&script, variables))
            .filter(|path| own.is_empty() || !path.as_str().starts_with(own))
            .filter(|path| match fs::metadata(path) {
                Ok(metadata) => metadata.is_file() && metadata.len() <= LARGEST_NAMED_FILE,
                // A script may ask whether it is there.
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            })
            .collect()
    }

    fn hooks_path(&self) -> Utf8PathBuf {
        self.build()
            .variables
            .get("TMP_HOOKS_PATH")
            .unwrap_or_default()
            .into()
    }
}

/// Returns whether a file in the directory of hooks is one: an executable file in the directory of a phase.
fn is_hook(inside: &Utf8Path, mode: u32) -> bool {
    let of_phase = inside
        .components()
        .next()
        .and_then(|first| first.as_str().strip_suffix(".d"))
        .is_some_and(|name| Phase::ALL.iter().any(|phase| phase.name() == name));
    of_phase && mode & 0o111 != 0
}

/// Returns the digest of the names, modes and contents of files below a directory.
fn digest_of_files(directory: &Utf8Path, counts: fn(&Utf8Path, u32) -> bool) -> io::Result<String> {
    let mut text = String::new();
    for (inside, mode) in files_below(directory) {
        if counts(&inside, mode) {
            let path = directory.join(&inside);
            let content = match path.read_link() {
                Ok(points_to) => points_to.display().to_string(),
                Err(_) => digest_of_file(&path)?.unwrap_or_default(),
            };
            writeln!(text, "{inside} {mode:o} {content}").expect("writing to a string");
        }
    }
    Ok(digest(text.as_bytes()))
}

/// Returns the files and links below a directory, each with its permission bits, those of what a link leads to.
fn files_below(directory: &Utf8Path) -> BTreeMap<Utf8PathBuf, u32> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in next.read_dir_utf8().into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path.to_owned());
            } else if let Ok(inside) = path.strip_prefix(directory) {
                let mode = fs::metadata(path).map_or(0, |metadata| metadata.mode() & 0o7777);
                found.insert(inside.to_owned(), mode);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn hooks_are_told_from_what_lies_beside_them() {
        for (inside, mode, expected) in [
            ("install.d/50-site", 0o755, true),
            ("install.d/site-package-install/50-site", 0o755, true),
            ("install.d/notes", 0o644, false),
            ("bin/helper", 0o755, false),
            ("environment.d/10-site", 0o755, false),
        ] {
            assert_eq!(is_hook(inside.into(), mode), expected, "{inside}");
        }
    }

    #[test]
    fn what_has_no_end_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        let everything = || digest_of_files(path, |_, _| true).unwrap();
        let empty = everything();
        std::os::unix::fs::symlink("/dev/zero", path.join("zero")).unwrap();
        assert_ne!(everything(), empty);
        assert_eq!(
            digest_of_file("/dev/zero".into()).unwrap().as_deref(),
            Some("no file")
        );
        assert!(digest_of_file(path).is_err());
        assert_eq!(digest_of_file(&path.join("none")).unwrap(), None);
    }

    #[test]
    fn contents_names_and_modes_count() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        let digest = || digest_of_files(path, |inside, mode| !is_hook(inside, mode)).unwrap();
        fs::create_dir_all(path.join("bin")).unwrap();
        fs::create_dir_all(path.join("install.d")).unwrap();
        let mut last = digest();
        let mut changes = |change: &dyn Fn(), expected: bool| {
            change();
            let now = digest();
            assert_eq!(now != last, expected);
            last = now;
        };
        let helper = path.join("bin/helper");
        changes(&|| fs::write(&helper, "a").unwrap(), true);
        changes(&|| fs::write(&helper, "b").unwrap(), true);
        let mode = fs::Permissions::from_mode(0o700);
        changes(&|| fs::set_permissions(&helper, mode.clone()).unwrap(), true);
        let hook = path.join("install.d/50-site");
        changes(
            &|| {
                fs::write(&hook, "a").unwrap();
                fs::set_permissions(&hook, mode.clone()).unwrap();
            },
            false,
        );
    }
}
