//! The command line of `dib boot`.

use clap::{Args, ValueEnum, ValueHint};

/// Arguments of `dib boot`.
#[derive(Debug, Clone, Args)]
pub struct BootArguments {
    /// The image: raw, qcow2, vhd or vmdk.
    #[arg(value_hint = ValueHint::FilePath)]
    pub image: String,

    /// Wait for it to come up, and fail when it does not.
    ///
    /// What the console said, and a report that CI systems read (junit.xml), is in the directory `IMAGE.d/boot-test`.
    #[arg(long, conflicts_with_all = ["run", "ssh_port"])]
    pub test: bool,

    /// What shows that it has come up.
    #[arg(long, value_enum, default_value_t = Awaited::Login, requires = "test")]
    pub until: Awaited,

    /// The firmware to boot it under; auto: each that its partition table is made for.
    ///
    /// Without --test it is booted once, and auto prefers BIOS.
    #[arg(long, value_enum, default_value_t = FirmwareChoice::Auto)]
    pub firmware: FirmwareChoice,

    /// The machine's architecture: amd64 or arm64. [default: this machine's]
    #[arg(short = 'a', long)]
    pub arch: Option<String>,

    /// How long it may take, in seconds, and with --run each command.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub boot_timeout: u64,

    /// The machine's memory in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(64..))]
    pub memory: u32,

    /// The machine's processors.
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=255))]
    pub cpus: u32,

    /// The machine's disk is larger than the image: a number of GiB, or a number with a unit.
    #[arg(long, value_name = "SIZE")]
    pub disk_size: Option<String>,

    /// Forward this port of the loopback to the machine's ssh, and let the machine into the network.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub ssh_port: Option<u16>,

    /// Log in at the console as this user, to run commands.
    #[arg(long, value_name = "USER[:PASSWORD]", requires = "run")]
    pub login: Option<String>,

    /// Run a command in the image and print what it prints; may be given several times. The first that fails ends it, and
    /// dib with its status.
    #[arg(long, value_name = "COMMAND", requires = "login")]
    pub run: Vec<String>,
}

/// What shows that an image has come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Awaited {
    /// A prompt for a login on the serial console.
    Login,
    /// cloud-init's last message on the serial console.
    CloudInit,
}

/// Firmware to boot an image under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FirmwareChoice {
    /// What the image's partition table is made for.
    Auto,
    /// BIOS.
    Bios,
    /// UEFI.
    Uefi,
    /// Both, one after the other.
    Both,
}
