//! The element `dib-python`: scripts of the build find a Python by one name.

use dib_core::{Condition, Element, HookContext, HookError, PackageMap, PackageRule, Phase, Variable};

const PROGRAM: &str = "/usr/local/bin/dib-python";

/// The Python that Red Hat's own programs run on, where the user's is another.
const OF_PLATFORM: &str = "/usr/libexec/platform-python";

/// Returns the element `dib-python`.
///
/// Python is a package of the plan; upstream installs it in the hook.
#[must_use]
pub fn element() -> Element {
    let map = PackageMap::new()
        .by_default("python3", "")
        .for_family("debian", "python3", "python3");
    Element::new("dib-python")
        .about("Lets scripts of the build find Python as dib-python")
        .variable(Variable::new("DIB_PYTHON_VERSION", "the Python that scripts get: 2 or 3").default("3"))
        .variable(
            Variable::new("DIB_PYTHON", "what that Python is called").default("python${DIB_PYTHON_VERSION}"),
        )
        .package_rule(
            PackageRule::new("python3")
                .phase(Phase::PreInstall)
                .when(Condition::equals("DIB_PYTHON_VERSION", "3")),
        )
        .package_map(map)
        .hook(Phase::PreInstall, "01-dib-python", dib_python)
        .hook(Phase::Cleanup, "50-dib-python", remove_dib_python)
}

/// Links `/usr/local/bin/dib-python` to the image's Python, for the time of the build.
///
/// # Errors
/// When the link can't be made.
pub fn dib_python(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let of_platform = matches!(ctx.variable("DISTRO_NAME"), Some("centos" | "rhel"));
    let python = if of_platform && ctx.exists(OF_PLATFORM)? {
        OF_PLATFORM.to_owned()
    } else {
        format!("/usr/bin/python{}", ctx.required("DIB_PYTHON_VERSION")?)
    };
    ctx.create_directory("/usr/local/bin")?;
    ctx.symlink(&python, PROGRAM)
}

/// Removes the link.
///
/// # Errors
/// When it can't be removed.
pub fn remove_dib_python(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.remove(PROGRAM)
}
