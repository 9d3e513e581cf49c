//! The command line of `dib`.

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use super::{
    BootArguments, BuildArguments, ConvertArguments, DiffArguments, ImageOptions, TreeArguments,
    WhyArguments, help,
};

/// Build bootable disk images out of elements, without root and without loop devices.
#[derive(Debug, Clone, Parser)]
#[command(name = "dib", version, propagate_version = true, after_long_help = help::exit_codes())]
pub struct DibArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: DibCommand,
}

/// The subcommands of `dib`.
#[derive(Debug, Clone, Subcommand)]
pub enum DibCommand {
    /// Build an image, or those of YAML files.
    ///
    /// Runs the elements' hooks in a sandbox, phase by phase, and writes the finished tree as image files.
    #[command(after_long_help = help::of_build("dib build"), args_override_self = true)]
    Build(Box<BuildArguments>),

    /// Print what a build would do, and do nothing.
    ///
    /// Lists the elements with why each is there, the hooks in their order, packages, variables and outputs; then what is known
    /// from builds before, why the rest is not, and what that would cost.
    #[command(after_long_help = help::of_build("dib plan"), args_override_self = true)]
    Plan(Box<ImageOptions>),

    /// Boot an image in a virtual machine.
    ///
    /// Gives the terminal the machine's serial console, where Ctrl-A X ends it; or tests that the image boots, or runs
    /// commands in it. The image is never written to: what the machine writes goes away with it.
    #[command(after_long_help = help::of_boot())]
    Boot(Box<BootArguments>),

    /// Write a disk in another format.
    ///
    /// Compresses on all cores. The output gets its name when it is complete.
    #[command(after_long_help = help::of_convert())]
    Convert(ConvertArguments),

    /// Say which hook wrote a file of an image last.
    ///
    /// It reads what the build left beside the image, and the layers of its hooks. What commands of hooks wrote shows unless the
    /// image was built with `--no-layers`.
    #[command(after_long_help = "Example:\n  dib why trixie.qcow2 /etc/locale.gen\n")]
    Why(WhyArguments),

    /// Compare two images by package, hook and file.
    ///
    /// It reads what the builds left beside the images: lists of packages, reports, and archives of type tar where both have
    /// one. Otherwise files are compared by the layers of hooks, which images have unless they were built with `--no-layers`.
    #[command(after_long_help = help::of_diff())]
    Diff(DiffArguments),

    /// List the elements there are, or show one.
    Elements(ElementsArguments),

    /// List, verify or prune the download cache.
    Cache(CacheArguments),

    /// Print a shell's completions.
    #[command(
        after_long_help = "Example:\n  dib completions bash > ~/.local/share/bash-completion/completions/dib\n"
    )]
    Completions {
        /// The shell.
        shell: Shell,
        /// The command to complete.
        #[arg(long = "for", value_name = "COMMAND", default_value = "dib")]
        command: CommandName,
    },

    /// Print the JSON schema of files with images, for editors.
    ///
    /// It says what `dib build -f` and diskimage-builder take.
    #[command(after_long_help = "Example:\n  dib schema > dib-images.schema.json\n")]
    Schema,

    /// Write the manual pages into a directory.
    #[command(after_long_help = "Example:\n  dib man ~/.local/share/man/man1\n")]
    Man {
        /// The directory, which must exist.
        #[arg(value_hint = ValueHint::DirPath)]
        directory: Utf8PathBuf,
    },

    /// Write a tree as images, without a build and without a sandbox.
    #[command(hide = true)]
    Image(Box<TreeArguments>),

    /// Run one hook again, from a break point's shell.
    #[command(hide = true)]
    Hook {
        /// The hook's phase.
        phase: String,
        /// The hook's name.
        name: String,
    },
}

/// The names that the program goes by, each with a command line of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CommandName {
    /// `dib`.
    Dib,
    /// `disk-image-create`.
    DiskImageCreate,
    /// `ramdisk-image-create`.
    RamdiskImageCreate,
    /// `diskimage-builder`.
    DiskimageBuilder,
    /// `dib-run-parts`.
    DibRunParts,
    /// `element-info`.
    ElementInfo,
    /// `cache-url`.
    CacheUrl,
}

/// Arguments of `dib elements`.
#[derive(Debug, Clone, Args)]
pub struct ElementsArguments {
    /// What to do; nothing lists.
    #[command(subcommand)]
    pub command: Option<ElementsCommand>,
}

/// The subcommands of `dib elements`.
#[derive(Debug, Clone, Subcommand)]
pub enum ElementsCommand {
    /// List all elements with what each is for.
    List,
    /// Show an element: what comes along, its packages, hooks and variables.
    Show {
        /// The element.
        name: String,
    },
}

/// Arguments of `dib cache`.
#[derive(Debug, Clone, Args)]
pub struct CacheArguments {
    /// The directory of the download cache. [default: that of a build]
    #[arg(long, global = true, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub image_cache: Option<String>,

    /// What to do.
    #[command(subcommand)]
    pub command: CacheCommand,
}

/// The subcommands of `dib cache`.
#[derive(Debug, Clone, Subcommand)]
pub enum CacheCommand {
    /// List the files and their sizes.
    List,
    /// Compare every file with the sum it was verified by; exits with 65 when one is damaged.
    Verify,
    /// Remove files, and what interrupted downloads left behind.
    #[command(
        after_long_help = "Examples:\n  dib cache prune --older-than 30d\n  dib cache prune --max-size 10GiB\n"
    )]
    Prune(PruneOptions),
}

/// Which files `dib cache prune` removes.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[group(required = true, multiple = true)]
pub struct PruneOptions {
    /// Remove files that no build has used for so long: a number with one of the units h, d and w.
    #[arg(long, value_name = "AGE")]
    pub older_than: Option<String>,

    /// Remove the files unused for longest until the rest is no larger: a number of GiB, or a number with a unit. Layers
    /// of builds have the same limit for themselves.
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<String>,

    /// Remove all files, and the packages and compiler results that hooks keep in the cache.
    #[arg(long, conflicts_with_all = ["older_than", "max_size"])]
    pub all: bool,
}
