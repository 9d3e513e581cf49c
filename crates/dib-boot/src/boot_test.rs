//! Boots an image and says whether it comes up.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use crate::console::ConsoleText;
use crate::diagnosis::{Failure, Sign, Verdict, Watcher};
use crate::image::{DiskImage, ImageError};
use crate::junit;
use crate::machine::{Firmware, Machine, MachineError, MachineFiles};
use crate::programs::Programs;
use crate::running::{ConsoleRead, RunError, RunningMachine};

/// How many of the console's last lines a failure shows.
const SHOWN_LINES: usize = 15;

/// How an image is to be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootTest<'t> {
    /// The image.
    pub image: &'t DiskImage,
    /// The path that stands for it in what is reported: an image under test may still have a name of its own.
    pub name: &'t Utf8Path,
    /// The firmware to test it under, each in its turn.
    pub firmware: &'t [Firmware],
    /// The machine, but for its firmware.
    pub machine: Machine,
    /// What shows that it has come up.
    pub sign: Sign,
    /// How long it may take under each firmware.
    pub limit: Duration,
    /// The directory for `console-bios.log`, `console-uefi.log` and `junit.xml`, which is made.
    pub reports: &'t Utf8Path,
    /// The directory for the machines' files.
    pub scratch: &'t Utf8Path,
}

/// What the test under one firmware has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmwareResult {
    /// The firmware.
    pub firmware: Firmware,
    /// How long it took.
    pub time: Duration,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// The console's last lines.
    pub last_lines: Vec<String>,
    /// The file with all that the console said.
    pub log: Utf8PathBuf,
}

/// A test that could not be made, or that an image failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootTestError {
    /// The image can't be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The image has nothing to boot with.
    #[error(
        "{0} claims no way to boot: its first sector holds no boot code, and its partition table neither a BIOS boot \
         partition nor an EFI system partition"
    )]
    NoClaim(Utf8PathBuf),
    /// The machine can't be made.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The machine can't be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A report can't be written.
    #[error("failed to write {path}")]
    Report {
        /// The report.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The image does not come up.
    #[error("{image} does not boot under {}", failed(.results))]
    DoesNotBoot {
        /// The image.
        image: Utf8PathBuf,
        /// What each firmware has brought.
        results: Vec<FirmwareResult>,
    },
}

/// Names the firmware under which an image failed, each with the reason and the console's last lines.
fn failed(results: &[FirmwareResult]) -> String {
    let texts: Vec<String> = results
        .iter()
        .filter_map(|result| {
            let failure = result.failure.as_ref()?;
            let mut text = format!("{}: {failure}\nthe console's last lines:", result.firmware);
            for line in &result.last_lines {
                text.push_str("\n| ");
                text.push_str(line);
            }
            Some(format!("{text}\nall of it is in {}", result.log))
        })
        .collect();
    texts.join("\nand under ")
}

/// Tests an image under each firmware that is asked for, and writes the console's logs and a `JUnit` file.
///
/// `on_result` is called for each as soon as it is there.
///
/// ```no_run
/// use std::time::Duration;
///
/// use dib_boot::{Accelerator, Arch, BootTest, DiskImage, Firmware, Machine, Programs, Sign, boot_test};
///
/// let programs = Programs::find(Arch::Amd64)?;
/// let image = DiskImage::open("image.qcow2".into())?;
/// let scratch = "/tmp".into();
/// let claims = image.claims(&programs, scratch)?;
/// let test = BootTest {
///     image: &image,
///     name: &image.path,
///     firmware: &claims.firmware(),
///     machine: Machine {
///         firmware: Firmware::Bios,
///         memory: 1024,
///         processors: 2,
///         disk_size: None,
///         sector_size: claims.sector_size,
///         ssh_port: None,
///         accelerator: Accelerator::probe(&programs, scratch),
///     },
///     sign: Sign::LoginPrompt,
///     limit: Duration::from_secs(300),
///     reports: "image.d/boot-test".into(),
///     scratch,
/// };
/// boot_test(&programs, &test, &mut |result| eprintln!("{}: {:?}", result.firmware, result.failure))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`BootTestError::DoesNotBoot`] when it fails under one; the others when there can be no test.
pub fn boot_test(
    programs: &Programs,
    test: &BootTest<'_>,
    on_result: &mut dyn FnMut(&FirmwareResult),
) -> Result<Vec<FirmwareResult>, BootTestError> {
    if test.firmware.is_empty() {
        return Err(BootTestError::NoClaim(test.name.to_owned()));
    }
    let report_error = |path: &Utf8Path, source| BootTestError::Report {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(test.reports).map_err(|source| report_error(test.reports, source))?;
    let path = test.reports.join("junit.xml");
    // What an earlier test said must not be taken for this one's word when this one can't be made.
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(report_error(&path, source)),
        _ => {}
    }
    let mut results = Vec::new();
    for firmware in test.firmware {
        let result = test_under(programs, test, *firmware)?;
        on_result(&result);
        results.push(result);
    }
    fs::write(&path, junit::document(test.name, &results)).map_err(|source| report_error(&path, source))?;
    if results.iter().any(|result| result.failure.is_some()) {
        return Err(BootTestError::DoesNotBoot {
            image: test.name.to_owned(),
            results,
        });
    }
    Ok(results)
}

fn test_under(
    programs: &Programs,
    test: &BootTest<'_>,
    firmware: Firmware,
) -> Result<FirmwareResult, BootTestError> {
    let machine = Machine {
        firmware,
        ..test.machine
    };
    let files = MachineFiles::prepare(programs, test.image, &machine, test.scratch)?;
    let log = test.reports.join(format!("console-{}.log", firmware.name()));
    let start = Instant::now();
    let mut running = RunningMachine::start(programs, &machine, files, &log)?;
    let mut console = ConsoleText::default();
    let verdict = await_sign(&mut running, &mut console, test.sign, start + test.limit)?;
    Ok(FirmwareResult {
        firmware,
        time: start.elapsed(),
        failure: match verdict {
            Verdict::Up => None,
            Verdict::Failed(failure) => Some(failure),
        },
        last_lines: console.last_lines(SHOWN_LINES),
        log,
    })
}

/// Reads a machine's console until it has come up, or can't any more.
pub(crate) fn await_sign(
    running: &mut RunningMachine,
    text: &mut ConsoleText,
    sign: Sign,
    deadline: Instant,
) -> Result<Verdict, RunError> {
    let mut watcher = Watcher::awaiting(sign);
    loop {
        match running.read(deadline)? {
            ConsoleRead::Bytes(bytes) => {
                for line in text.take(&bytes) {
                    if let Some(verdict) = watcher.line(&line) {
                        return Ok(verdict);
                    }
                }
                if let Some(verdict) = watcher.unfinished_line(&text.current()) {
                    return Ok(verdict);
                }
            }
            ConsoleRead::TimedOut => return Ok(Verdict::Failed(watcher.timed_out())),
            ConsoleRead::Ended => return Ok(Verdict::Failed(watcher.ended())),
        }
    }
}
