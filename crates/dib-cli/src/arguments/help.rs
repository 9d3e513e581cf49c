//! What the help and the manual pages say beyond the options.

use std::fmt::Write as _;

use crate::error::EXIT_CODES;

/// The variables that stand in for options, or for which there is no option.
const VARIABLES: [(&str, &str); 28] = [
    ("ARCH", "-a"),
    ("IMAGE_NAME", "-o"),
    (
        "ELEMENTS_PATH",
        "directories of your own elements, separated by colons",
    ),
    ("DIB_IMAGE_SIZE", "--image-size"),
    ("DIB_IMAGE_CACHE", "--image-cache"),
    ("DIB_OFFLINE", "--offline, if not empty"),
    ("DIB_NO_TMPFS", "--no-tmpfs, unless 0"),
    ("DIB_MIN_TMPFS", "--min-tmpfs"),
    ("DIB_CHECKSUM", "--checksum: 0, 1 (md5 and sha256), or a list"),
    ("DIB_DEBUG_TRACE", "a number, to which each -x adds 1"),
    ("ROOT_LABEL", "--root-label"),
    ("DIB_JOURNAL_SIZE", "--mkfs-journal-size"),
    ("DIB_BOOT_TEST", "--boot-test: 0, 1 (login), login or cloud-init"),
    ("DIB_BOOT_TIMEOUT", "--boot-timeout"),
    ("QEMU_IMG_OPTIONS", "--qemu-img-options"),
    ("COMPRESS_IMAGE", "-u, if set to nothing, 0 or false"),
    ("SKIP_BASE", "-n, if 1"),
    ("LOGFILE", "--logfile"),
    (
        "OVERWRITE_OLD_IMAGE",
        "replace an older output instead of renaming it, unless 0",
    ),
    (
        "break",
        "stop for a shell at these points: before-PHASE, after-PHASE, after-error",
    ),
    ("break_cmd", "what to run there instead of bash"),
    ("TMP_DIR", "the directory to build in; TMPDIR and /tmp otherwise"),
    (
        "http_proxy",
        "the proxy for downloads, as https_proxy; no_proxy names exceptions",
    ),
    (
        "DIB_DOWNLOAD_TIMEOUT",
        "seconds without a byte after which a download is tried again; 60 otherwise",
    ),
    (
        "DIB_DOWNLOAD_RETRIES",
        "how often a download is tried again that failed on its way; 5 otherwise",
    ),
    (
        "DIB_QUIET",
        "1: no log but in the log file; 0: also with --logfile",
    ),
    ("DIB_NO_TIMESTAMP", "1: no time before the lines of the log"),
    (
        "DIB_LOG",
        "what of dib's own diagnostics to log, such as debug; warn otherwise",
    ),
];

/// Returns the examples, the variables and the exit codes of a build.
pub(super) fn of_build(command: &str) -> String {
    let mut text = String::new();
    add(&mut text, "Examples", &[]);
    for example in [
        format!("{command} ubuntu"),
        format!("{command} -o noble -t qcow2,raw --checksum -p vim,less ubuntu"),
        format!("DIB_RELEASE=jammy {command} -o images/jammy.qcow2 ubuntu"),
    ] {
        writeln!(text, "  {example}").expect("a String takes all text");
    }
    text.push('\n');
    add(
        &mut text,
        "Environment (an option wins over its variable)",
        &VARIABLES,
    );
    writeln!(
        text,
        "  The variables of elements are shown by `dib elements show ELEMENT`.\n"
    )
    .expect("a String takes all text");
    text + &exit_codes()
}

/// Returns the examples and the exit codes of `dib convert`.
pub(super) fn of_convert() -> String {
    "Examples:\n  dib convert disk.raw disk.qcow2\n  dib convert --qemu-img-options compression_type=zstd disk.raw \
     disk.qcow2\n  dib convert -t vmdk --qemu-img-options subformat=streamOptimized disk.raw appliance.vmdk\n\n"
        .to_owned()
        + &exit_codes()
}

/// Returns examples of `dib boot`, and the exit codes.
pub(super) fn of_boot() -> String {
    let examples = "Examples:
  dib boot image.qcow2
  dib boot image.qcow2 --ssh-port 2222
  dib boot image.qcow2 --test --firmware both
  dib boot image.qcow2 --disk-size 20 --login devuser:secret --run 'df -h /'

";
    examples.to_owned() + &exit_codes()
}

/// Returns the exit codes.
pub(super) fn exit_codes() -> String {
    let codes = EXIT_CODES.map(|(code, meaning)| (code.to_string(), meaning));
    let mut rows: Vec<(&str, &str)> = codes
        .iter()
        .map(|(code, meaning)| (code.as_str(), *meaning))
        .collect();
    rows.push((
        "128+n",
        "signal n ended the command: 130 for an interrupt, 143 for a termination",
    ));
    let mut text = String::new();
    add(&mut text, "Exit codes", &rows);
    text
}

fn add(text: &mut String, heading: &str, rows: &[(&str, &str)]) {
    writeln!(text, "{heading}:").expect("a String takes all text");
    let width = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
    for (left, right) in rows {
        writeln!(text, "  {left:width$}  {right}").expect("a String takes all text");
    }
}
