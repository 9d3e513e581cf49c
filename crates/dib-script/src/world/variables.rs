//! The variables that every script sees, whatever its element is.
//!
//! Source: what `disk-image-create` of diskimage-builder exports.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{Plan, Workspace};

use super::ScriptWorld;

/// What upstream's `die` does, as bash hands functions on.
const DIE: &str = "() {  local dib_status=$?;\n set +o xtrace;\n echo \"$@\";\n exit $dib_status\n}";

impl ScriptWorld {
    /// Returns the variables that scripts see besides those of the plan. There are none where no element is a directory.
    #[must_use]
    pub fn variables(&self, plan: &Plan<'_>) -> Vec<(String, String)> {
        if !self.is_needed {
            return Vec::new();
        }
        let given = |name: &str| plan.variables().get(name).filter(|value| !value.is_empty());
        let or = |name: &str, default: &str| given(name).unwrap_or(default).to_owned();
        let (library, programs, image) = (self.places.library(), self.places.programs(), self.places.image());
        let home = or("HOME", "/root");
        let path = or(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
        let paths = element_paths(plan, &self.places.build);
        let (no_tmpfs, least_tmpfs) = match plan.spec().workspace {
            Workspace::Disk => ("1", or("DIB_MIN_TMPFS", "2")),
            Workspace::Memory { minimum_gib } => ("0", minimum_gib.to_string()),
        };
        let types: Vec<_> = plan.spec().output.types.iter().map(|kind| kind.name()).collect();
        let mut variables = vec![
            ("_LIB", library.to_string()),
            ("TMP_IMAGE_DIR", image.to_string()),
            // Upstream exports it before it knows the path, and scripts run by `set -u` may look at it.
            ("OUT_IMAGE_PATH", String::new()),
            ("PATH", format!("{programs}:{path}")),
            ("LC_ALL", "C".to_owned()),
            ("FS_TYPE", plan.spec().output.root_file_system.clone()),
            ("IMAGE_TYPE", types.first().copied().unwrap_or("qcow2").to_owned()),
            ("DIB_NO_TMPFS", no_tmpfs.to_owned()),
            ("DIB_MIN_TMPFS", least_tmpfs),
            ("DIB_DEFAULT_INSTALLTYPE", or("DIB_DEFAULT_INSTALLTYPE", "source")),
            (
                "DIB_LOCKFILES",
                or("DIB_LOCKFILES", &format!("{home}/.cache/dib/lockfiles")),
            ),
            ("DIB_PYTHON_EXEC", or("DIB_PYTHON_EXEC", &python(plan))),
            ("DIB_ENV", plan.variables().dib_environment()),
            ("IMAGE_ELEMENT_YAML", as_yaml(&paths)),
            ("BASH_FUNC_get_image_element_array%%", as_function(&paths)),
            ("BASH_FUNC_die%%", DIE.to_owned()),
        ];
        let label = plan.disk().variables.get("DIB_ROOT_LABEL");
        variables.extend(label.map(|label| ("ROOT_LABEL", label.clone())));
        variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

fn path_of_native(build: &Utf8Path, name: &str) -> Utf8PathBuf {
    build.join("elements").join(name)
}

/// Returns the elements with their directories, by name; those of the program have one in the build's.
pub(super) fn element_paths(plan: &Plan<'_>, build: &Utf8Path) -> Vec<(String, Utf8PathBuf)> {
    let paths = plan.elements().iter().map(|planned| {
        let name = planned.element.name().to_string();
        let directory = planned.element.directory().map(Utf8Path::to_owned);
        let path = directory.unwrap_or_else(|| path_of_native(build, &name));
        (name, path)
    });
    paths.collect()
}

fn as_yaml(paths: &[(String, Utf8PathBuf)]) -> String {
    let mut text = String::new();
    for (name, path) in paths {
        // A string of JSON is one of YAML, whatever it holds.
        let quoted = path.as_str().replace('\\', "\\\\").replace('"', "\\\"");
        writeln!(text, "{name}: \"{quoted}\"").expect("writing to a string");
    }
    text
}

/// Returns the function from whose output bash makes an array, as upstream documents it.
fn as_function(paths: &[(String, Utf8PathBuf)]) -> String {
    let entries: Vec<_> = paths
        .iter()
        .map(|(name, path)| format!("[{name}]={} ", within_double_quotes(path.as_str())))
        .collect();
    format!("() {{  echo \"{}\"\n}}", entries.concat())
}

/// Returns a text as it stands between double quotes in a shell.
fn within_double_quotes(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if matches!(character, '\\' | '"' | '$' | '`') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Returns the Python that upstream's elements are installed for, where they are of such a place, else the usual one.
fn python(plan: &Plan<'_>) -> String {
    let of_installation = plan.elements().iter().find_map(|planned| {
        let directory = planned.element.directory()?;
        let prefix = directory
            .ancestors()
            .find(|ancestor| ancestor.file_name() == Some("lib"))?
            .parent()?;
        let python = prefix.join("bin/python");
        (directory.as_str().contains("-packages/") && python.is_file()).then_some(python)
    });
    of_installation.map_or_else(|| "python3".to_owned(), Utf8PathBuf::into_string)
}
