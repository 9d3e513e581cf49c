//! The command line of `element-info`.

use clap::Parser;

use super::help;

/// Print the elements that a build of these elements has: them, and all that they depend on.
///
/// One of them must provide an operating system. The elements are those of `ELEMENTS_PATH`, the built-in ones, and those of
/// an installed diskimage-builder; the element base comes along only where another depends on it.
#[derive(Debug, Clone, Parser)]
#[command(name = "element-info", version, after_long_help = help::of_element_info())]
pub struct ElementInfoArguments {
    /// Print text for a shell to eval, which sets `IMAGE_ELEMENT`, `IMAGE_ELEMENT_YAML` and
    /// `get_image_element_array`.
    #[arg(short = 'e', long)]
    pub env: bool,

    /// The elements.
    #[arg(required = true, value_name = "ELEMENT")]
    pub elements: Vec<String>,
}
