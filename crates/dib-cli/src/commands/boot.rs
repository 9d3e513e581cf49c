//! `dib boot`: an image in a virtual machine, tested, scripted, or handed to the person at the terminal.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use dib_boot::machine::MachineFiles;
use dib_boot::running::run_at_terminal;
use dib_boot::{Accelerator, Arch, DiskImage, Firmware, Login, Machine, Programs, Script, Sign, run_script};
use dib_image::ByteSize;

use crate::arguments::{Awaited, BootArguments, FirmwareChoice};
use crate::boot_tests::{self, Scratch};
use crate::environment::Environment;
use crate::error::{CliError, ErrorKind};
use crate::image_spec::Setting;
use crate::{Stream, stdout};

/// Runs the command.
pub(super) fn run(arguments: &BootArguments, environment: &Environment) -> Result<(), CliError> {
    let image = DiskImage::open(&environment.absolute(&arguments.image))?;
    let programs = Programs::find(arch(arguments)?)?;
    let scratch = Scratch::create(environment.get("TMPDIR"))?;
    let claims = image.claims(&programs, scratch.path())?;
    let firmware = match arguments.firmware {
        FirmwareChoice::Auto => claims.firmware(),
        FirmwareChoice::Bios => vec![Firmware::Bios],
        FirmwareChoice::Uefi => vec![Firmware::Uefi],
        FirmwareChoice::Both => vec![Firmware::Bios, Firmware::Uefi],
    };
    let firmware: Vec<Firmware> = firmware
        .into_iter()
        .filter(|firmware| programs.has(*firmware))
        .collect();
    let Some(first) = firmware.first().copied() else {
        return Err(dib_boot::BootTestError::NoClaim(image.path).into());
    };
    let disk_size = Setting::find(arguments.disk_size.as_deref(), "--disk-size", environment, "")
        .map(|setting| setting.read(str::parse::<ByteSize>))
        .transpose()?
        .map(ByteSize::bytes);
    let machine = Machine {
        firmware: first,
        memory: arguments.memory,
        processors: arguments.cpus,
        disk_size,
        sector_size: claims.sector_size,
        ssh_port: arguments.ssh_port,
        accelerator: Accelerator::probe(&programs, scratch.path()),
    };
    let limit = Duration::from_secs(arguments.boot_timeout);
    if arguments.test {
        let sign = match arguments.until {
            Awaited::Login => Sign::LoginPrompt,
            Awaited::CloudInit => Sign::CloudInitFinished,
        };
        let test = dib_boot::BootTest {
            image: &image,
            name: &image.path,
            firmware: &firmware,
            machine,
            sign,
            limit,
            reports: &reports(&image.path),
            scratch: scratch.path(),
        };
        return boot_tests::run(&programs, &test, &mut |line| say(line));
    }
    if let Some(login) = &arguments.login {
        let login = login_of(login);
        let script = Script {
            image: &image,
            machine,
            login: &login,
            commands: &arguments.run,
            limit,
            log: &scratch.path().join("console.log"),
            scratch: scratch.path(),
        };
        let mut printed = Ok(());
        run_script(&programs, &script, &mut |line| {
            if printed.is_ok() {
                printed = stdout::print(&format!("{line}\n"));
            }
        })?;
        return printed;
    }
    say(&format!("booting {} under {first}; Ctrl-A X ends it", image.path));
    let files = MachineFiles::prepare(&programs, &image, &machine, scratch.path())?;
    Ok(run_at_terminal(&programs, &machine, &files)?)
}

fn arch(arguments: &BootArguments) -> Result<Arch, CliError> {
    let arch = match arguments.arch.as_deref() {
        Some(name) => Arch::of_name(name),
        None => Arch::of_host(),
    };
    arch.ok_or_else(|| {
        CliError::new(
            ErrorKind::Usage,
            "there are machines for amd64 and arm64 alone: -a names one",
        )
    })
}

/// Returns where the reports of an image's test are, beside it.
fn reports(image: &Utf8Path) -> Utf8PathBuf {
    let base = match image.extension() {
        Some("raw" | "img" | "qcow2" | "vhd" | "vmdk") => image.with_extension(""),
        _ => image.to_owned(),
    };
    boot_tests::reports_of(&base)
}

fn login_of(text: &str) -> Login {
    match text.split_once(':') {
        Some((user, password)) => Login {
            user: user.to_owned(),
            password: Some(password.to_owned()),
        },
        None => Login {
            user: text.to_owned(),
            password: None,
        },
    }
}

fn say(line: &str) {
    use std::io::Write as _;
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(Stream::Stderr.writer(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_stand_beside_the_image() {
        for (image, expected) in [
            ("/out/a.qcow2", "/out/a.d/boot-test"),
            ("/out/a.b", "/out/a.b.d/boot-test"),
        ] {
            assert_eq!(reports(image.into()), expected);
        }
    }

    #[test]
    fn a_login_may_have_a_password() {
        assert_eq!(login_of("root").password, None);
        let login = login_of("me:a:b");
        assert_eq!(
            (login.user.as_str(), login.password.as_deref()),
            ("me", Some("a:b"))
        );
    }
}
