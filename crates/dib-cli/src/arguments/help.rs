//! What the help and the manual pages say beyond the options.

use std::fmt::Write as _;

use crate::error::EXIT_CODES;

/// The variables that stand in for options, or for which there is no option.
const VARIABLES: &[(&str, &str)] = &[
    ("ARCH", "-a"),
    ("IMAGE_NAME", "-o"),
    ("IMAGE_TYPES", "-t"),
    ("INSTALL_PACKAGES", "-p, besides those that it names"),
    (
        "ELEMENTS_PATH",
        "directories of your own elements, separated by colons",
    ),
    (
        "DIB_UPSTREAM_ELEMENTS",
        "the elements of an installed diskimage-builder; found beside PATH unless set; empty: none",
    ),
    ("DIB_IMAGE_SIZE", "--image-size"),
    (
        "DIB_IMAGE_EXTRA_SIZE",
        "--image-extra-size, but in MiB unless it has a unit",
    ),
    ("DIB_IMAGE_CACHE", "--image-cache"),
    ("DIB_OFFLINE", "--offline, if not empty"),
    ("DIB_NO_TMPFS", "--no-tmpfs, unless 0"),
    ("DIB_MIN_TMPFS", "--min-tmpfs"),
    ("DIB_CHECKSUM", "--checksum: 0, 1 (md5 and sha256), or a list"),
    ("DIB_DEBUG_TRACE", "a number, to which each -x adds 1"),
    ("ROOT_LABEL", "--root-label"),
    ("DIB_JOURNAL_SIZE", "--mkfs-journal-size"),
    ("DIB_LAYERS", "0: as --no-layers"),
    (
        "DIB_LAYERS_MAX_AGE",
        "days without a use, or a number with one of the units h, d and w, after which layers go; 30 otherwise",
    ),
    (
        "DIB_LAYERS_MAX_SIZE",
        "how much all layers may take, as sizes of images are written; 20GiB otherwise",
    ),
    ("DIB_BOOT_TEST", "--boot-test: 0, 1 (login), login or cloud-init"),
    ("DIB_BOOT_TIMEOUT", "--boot-timeout"),
    ("MAX_ONLINE_RESIZE", "--max-online-resize"),
    ("MKFS_OPTS", "--mkfs-options"),
    ("FS_TYPE", "the root file system's type: ext4, ext3, ext2 or xfs"),
    ("QEMU_IMG_OPTIONS", "--qemu-img-options"),
    ("DOCKER_TARGET", "--docker-target"),
    (
        "DIB_GZIP_BIN",
        "no program is needed: tgz is compressed on all processors",
    ),
    ("DIB_DEFAULT_INSTALLTYPE", "--install-type"),
    ("RAMDISK_ELEMENT", "--ramdisk-element"),
    ("CLEAR_ENV", "-c, if 1"),
    ("COMPRESS_IMAGE", "-u, if set to nothing, 0 or false"),
    ("SKIP_BASE", "-n, if 1"),
    ("LOGFILE", "--logfile"),
    (
        "OVERWRITE_OLD_IMAGE",
        "replace an older output instead of renaming it, unless 0",
    ),
    (
        "break",
        "stop for a shell at these points: before-PHASE, after-PHASE, after-error; in the target where the phase's hooks run there",
    ),
    ("break_cmd", "what to run there instead of bash"),
    (
        "break_outside_target",
        "if not empty, the shell of after-error stays outside the target",
    ),
    (
        "RUN_PARTS_REGEX",
        "which files are hooks by their names, as grep -E has it; ^[0-9A-Za-z_-]+$ otherwise",
    ),
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
        "DIB_SHOW_IMAGE_USAGE",
        "1: say what takes room in the image, from 10 MiB on; with DIB_SHOW_IMAGE_USAGE_FULL=1 all of it",
    ),
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
        VARIABLES,
    );
    writeln!(
        text,
        "  The variables of elements are shown by `dib elements show ELEMENT`.\n"
    )
    .expect("a String takes all text");
    text + &exit_codes()
}

/// Returns the examples, the variables and the exit codes of `ramdisk-image-create`.
pub(super) fn of_ramdisk() -> String {
    let examples = "Examples:
  ramdisk-image-create -a amd64 -o debian-deploy deploy-targetcli debian-minimal
  ramdisk-image-create --ramdisk-element dracut-ramdisk -o deploy deploy-targetcli debian-minimal

All variables and exit codes are those of disk-image-create; its --help lists them.
";
    examples.to_owned()
}

/// Returns examples of `diskimage-builder`, and the exit codes.
pub(super) fn of_image_files() -> String {
    let examples = "Examples:
  diskimage-builder images.yaml
  diskimage-builder base.yaml more.yaml --stop-on-failure
  diskimage-builder --dry-run images.yaml

A file:
  - imagename: debian
    elements: [debian-minimal, vm]
    types: [qcow2, raw]
    environment:
      DIB_RELEASE: bookworm

";
    examples.to_owned() + &exit_codes()
}

/// Returns the examples of `dib-run-parts`, and what it does beyond its options.
pub(super) fn of_run_parts() -> String {
    "Examples:
  dib-run-parts --list /opt/configure.d
  dib-run-parts /opt/configure.d

Environment:
  RUN_PARTS_REGEX  which names count, as grep -E has it; ^[0-9A-Za-z_-]+$ otherwise
  DIB_DEBUG_TRACE  above 0: also tell which files don't count

Exit codes:
  0      all went well
  1      a wrong argument, or the directory is none
  other  that of the executable that failed
"
    .to_owned()
}

/// Returns the examples of `element-info`, and what it prints.
pub(super) fn of_element_info() -> String {
    "Examples:
  element-info vm debian-minimal
  eval \"$(element-info --env vm debian-minimal)\"; eval declare -A elements=($(get_image_element_array))

Elements that are built in have no directory of files. IMAGE_ELEMENT names them, while IMAGE_ELEMENT_YAML and
get_image_element_array, which map elements to directories, leave them out; but in hooks of a build each has an empty one.
"
    .to_owned()
}

/// Returns the examples, the variables and the exit codes of `cache-url`.
pub(super) fn of_cache_url() -> String {
    "Example:
  cache-url https://example.org/root.tar.xz ~/.cache/image-create/root.tar.xz

Below the image cache, the file is a download like those of builds. For a destination elsewhere the image cache keeps a
copy, so that the server can be asked next time whether it has changed.

Environment:
  DIB_IMAGE_CACHE  the image cache; ~/.cache/image-create otherwise
  DIB_OFFLINE      not empty: ask nobody; what is not in the cache is an error
  http_proxy       the proxy for downloads, as https_proxy; no_proxy names exceptions

Exit codes:
  0   the file is there
  44  the server has no such file
  The others are those of dib: dib --help lists them.
"
    .to_owned()
}

/// Returns the examples and the exit codes of `dib convert`.
pub(super) fn of_convert() -> String {
    "Examples:\n  dib convert disk.raw disk.qcow2\n  dib convert --qemu-img-options compression_type=zstd disk.raw \
     disk.qcow2\n  dib convert -t vmdk --qemu-img-options subformat=streamOptimized disk.raw appliance.vmdk\n\n"
        .to_owned()
        + &exit_codes()
}

/// Returns examples of `dib diff`, and its exit codes.
pub(super) fn of_diff() -> String {
    "Examples:
  dib diff trixie.qcow2 trixie-new.qcow2
  dib diff --format json old.d new.d

What differs:
  +  only the second image has it
  -  only the first image has it
  ~  both have it, but not the same

Exit codes:
  0   no difference is known
  1   something differs
  66  nothing is known to differ, but the files can't be compared; or there is no report
  The others are those of dib: dib --help lists them.
"
    .to_owned()
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
