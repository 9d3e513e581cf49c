//! `/etc/default/grub`, as upstream's `50-bootloader` leaves it.

use dib_core::{Arch, HookContext};

/// What the variables say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) root_label: String,
    /// Empty where `/boot` is no file system of its own.
    pub(super) boot_label: String,
    pub(super) timeout: String,
    pub(super) timeout_style: String,
    /// The serial console as in `console=`, where it is used.
    pub(super) serial_console: Option<String>,
    pub(super) virtual_terminal: String,
    pub(super) no_timer_check: bool,
    pub(super) command_line: String,
}

impl Settings {
    pub(super) fn of(ctx: &HookContext<'_>) -> Self {
        let text = |name| ctx.variable(name).unwrap_or_default().to_owned();
        let is_true = |name| ctx.variable(name) == Some("True");
        let serial_console = is_true("DIB_BOOTLOADER_USE_SERIAL_CONSOLE").then(|| {
            let wanted = text("DIB_BOOTLOADER_SERIAL_CONSOLE");
            if wanted.is_empty() {
                first_serial_console(ctx.arch()).to_owned()
            } else {
                wanted
            }
        });
        Self {
            root_label: text("DIB_ROOT_LABEL"),
            boot_label: text("DIB_BOOT_LABEL"),
            timeout: text("DIB_GRUB_TIMEOUT"),
            timeout_style: text("DIB_GRUB_TIMEOUT_STYLE"),
            serial_console,
            virtual_terminal: text("DIB_BOOTLOADER_VIRTUAL_TERMINAL"),
            no_timer_check: is_true("DIB_NO_TIMER_CHECK"),
            command_line: text("DIB_BOOTLOADER_DEFAULT_CMDLINE"),
        }
    }

    /// Returns a label that is no single word, neither for the kernel nor for the shell that reads the file.
    pub(super) fn unfit_label(&self) -> Option<&str> {
        let is_fit = |character: char| {
            !character.is_ascii() || character.is_ascii_alphanumeric() || "-_.+:/@,=%".contains(character)
        };
        let labels = [&self.root_label, &self.boot_label];
        let mut unfit = labels
            .into_iter()
            .filter(|label| !label.chars().all(is_fit) || label.contains(char::is_whitespace));
        unfit.next().map(String::as_str)
    }

    /// Returns the kernel's arguments, the consoles first.
    fn arguments(&self) -> String {
        let mut words = Vec::new();
        if !self.virtual_terminal.is_empty() {
            words.push(format!("console={}", self.virtual_terminal));
        }
        if let Some(console) = &self.serial_console {
            words.push(format!("console={console}"));
        }
        if self.no_timer_check {
            words.push("no_timer_check".to_owned());
        }
        if !self.command_line.is_empty() {
            words.push(self.command_line.clone());
        }
        if !self.boot_label.is_empty() {
            words.push(format!("boot=LABEL={}", self.boot_label));
        }
        words.join(" ")
    }
}

fn first_serial_console(arch: Arch) -> &'static str {
    match arch {
        Arch::Ppc64el => "hvc0",
        Arch::Arm64 => "ttyAMA0,115200",
        _ => "ttyS0,115200",
    }
}

/// Returns the file with the settings in it. What it said about consoles and the file system of `/boot` is gone; of a
/// variable that it sets already, the line stays in its place.
pub(super) fn with_settings(before: &str, settings: &Settings) -> String {
    let mut lines: Vec<String> = before.lines().map(without_old_arguments).collect();
    let mut set = |name: &str, value: &str| {
        let prefix = format!("{name}=");
        let line = format!("{prefix}{value}");
        match lines.iter_mut().find(|line| line.starts_with(&prefix)) {
            Some(present) => *present = line,
            None => lines.push(line),
        }
    };
    set("GRUB_DEVICE", &format!("LABEL={}", settings.root_label));
    set("GRUB_DISABLE_LINUX_UUID", "true");
    set("GRUB_TIMEOUT", &settings.timeout);
    set("GRUB_TIMEOUT_STYLE", &settings.timeout_style);
    let terminals = if settings.serial_console.is_some() {
        "\"serial console\""
    } else {
        "\"console\""
    };
    set("GRUB_TERMINAL", terminals);
    set("GRUB_GFXPAYLOAD_LINUX", "auto");
    set(
        "GRUB_CMDLINE_LINUX_DEFAULT",
        &format!("\"{}\"", settings.arguments()),
    );
    if settings.serial_console.is_some() {
        set(
            "GRUB_SERIAL_COMMAND",
            "\"serial --speed=115200 --unit=0 --word=8 --parity=no --stop=1\"",
        );
    }
    lines.join("\n") + "\n"
}

/// Returns the file with a line that keeps `os-prober` from looking for other systems on the host's disks, or `None` where it
/// has one.
pub(super) fn without_os_prober(text: &str) -> Option<String> {
    let is_there = text
        .lines()
        .any(|line| line.trim_start().starts_with("GRUB_DISABLE_OS_PROBER=true"));
    (!is_there).then(|| format!("{text}GRUB_DISABLE_OS_PROBER=true\n"))
}

/// Takes `console=…` and `boot=…` out of a line.
fn without_old_arguments(line: &str) -> String {
    if !line.contains("console=") && !line.contains(" boot=") {
        return line.to_owned();
    }
    let mut rest = line.to_owned();
    while let Some(start) = find_word(&rest, "console=") {
        let is_value = |character: char| character.is_ascii_alphanumeric() || character == ',';
        cut(&mut rest, start, "console=".len(), is_value);
        let blanks = rest[start..].len() - rest[start..].trim_start_matches([' ', '\t']).len();
        rest.replace_range(start..start + blanks, "");
    }
    while let Some(start) = rest.find(" boot=") {
        let is_value = |character: char| character.is_ascii_alphanumeric() || "/=-".contains(character);
        cut(&mut rest, start, " boot=".len(), is_value);
    }
    rest
}

/// Removes a word that begins at `start` with `length` bytes and goes on with what `is_value` accepts.
fn cut(text: &mut String, start: usize, length: usize, is_value: impl Fn(char) -> bool) {
    let value = text[start + length..]
        .find(|character| !is_value(character))
        .unwrap_or(text.len() - start - length);
    text.replace_range(start..start + length + value, "");
}

/// Finds where `word` stands without a letter or digit before it.
fn find_word(text: &str, word: &str) -> Option<usize> {
    text.match_indices(word).map(|(start, _)| start).find(|start| {
        !text[..*start].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            root_label: "cloudimg-rootfs".to_owned(),
            boot_label: String::new(),
            timeout: "5".to_owned(),
            timeout_style: "menu".to_owned(),
            serial_console: Some("ttyS0,115200".to_owned()),
            virtual_terminal: "tty0".to_owned(),
            no_timer_check: true,
            command_line: "nofb nomodeset gfxpayload=text".to_owned(),
        }
    }

    #[test]
    fn settings_replace_lines_or_come_last() {
        let before =
            "GRUB_DEFAULT=0\nGRUB_TIMEOUT=0\n#GRUB_TERMINAL=console\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n";
        insta::assert_snapshot!(with_settings(before, &settings()), @r#"
        GRUB_DEFAULT=0
        GRUB_TIMEOUT=5
        #GRUB_TERMINAL=console
        GRUB_CMDLINE_LINUX_DEFAULT="console=tty0 console=ttyS0,115200 no_timer_check nofb nomodeset gfxpayload=text"
        GRUB_DEVICE=LABEL=cloudimg-rootfs
        GRUB_DISABLE_LINUX_UUID=true
        GRUB_TIMEOUT_STYLE=menu
        GRUB_TERMINAL="serial console"
        GRUB_GFXPAYLOAD_LINUX=auto
        GRUB_SERIAL_COMMAND="serial --speed=115200 --unit=0 --word=8 --parity=no --stop=1"
        "#);
    }

    #[test]
    fn a_label_is_one_word() {
        let check = |root: &str, boot: &str, expected| {
            let settings = Settings {
                root_label: root.to_owned(),
                boot_label: boot.to_owned(),
                ..settings()
            };
            assert_eq!(settings.unfit_label(), expected);
        };
        check("cloudimg-rootfs", "", None);
        check("w\u{fc}rzel_1", "mkfs_boot", None);
        check("my root", "", Some("my root"));
        check("root", "a;b", Some("a;b"));
        check("a\u{a0}b", "", Some("a\u{a0}b"));
    }

    #[test]
    fn written_twice_it_is_the_same() {
        let once = with_settings("", &settings());
        assert_eq!(with_settings(&once, &settings()), once);
    }

    #[test]
    fn without_consoles_nothing_is_said_of_them() {
        let text = with_settings(
            "",
            &Settings {
                serial_console: None,
                virtual_terminal: String::new(),
                no_timer_check: false,
                boot_label: "boot".to_owned(),
                ..settings()
            },
        );
        assert!(text.contains("GRUB_TERMINAL=\"console\"\n"), "{text}");
        assert!(
            text.contains("GRUB_CMDLINE_LINUX_DEFAULT=\"nofb nomodeset gfxpayload=text boot=LABEL=boot\"\n"),
            "{text}"
        );
        assert!(!text.contains("SERIAL"), "{text}");
    }

    #[test]
    fn consoles_and_boot_file_systems_of_old_are_forgotten() {
        let check = |before: &str, expected: &str| assert_eq!(without_old_arguments(before), expected);
        check("GRUB_CMDLINE_LINUX=\"quiet\"", "GRUB_CMDLINE_LINUX=\"quiet\"");
        check(
            "GRUB_CMDLINE_LINUX=\"console=ttyS0,112500n81 console=ttyS1,n8 quiet console=tty0\"",
            "GRUB_CMDLINE_LINUX=\"quiet \"",
        );
        check(
            "GRUB_CMDLINE_LINUX=\"quiet boot=UUID=1-2 splash boot=/dev/vda1\"",
            "GRUB_CMDLINE_LINUX=\"quiet splash\"",
        );
        check("netconsole=a", "netconsole=a");
    }

    #[test]
    fn os_prober_is_kept_away_once() {
        assert_eq!(
            without_os_prober("A=1\n").as_deref(),
            Some("A=1\nGRUB_DISABLE_OS_PROBER=true\n")
        );
        assert_eq!(without_os_prober("  GRUB_DISABLE_OS_PROBER=true\n"), None);
    }
}
