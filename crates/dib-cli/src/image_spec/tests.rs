mod outputs;

use camino::Utf8Path;
use dib_core::{BreakPoint, ChecksumKind, Compression, DiskImages, ExistingOutput, ImageType, Phase};

use super::*;
use crate::arguments::CommandLine;

/// Returns the spec that `disk-image-create` makes of these arguments.
fn spec(arguments: &[&str], variables: &[(&str, &str)]) -> Result<ImageSpec, CliError> {
    let given: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
    spec_from(&options(arguments), &environment(variables), &given)
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::of(&[&[("HOME", "/home/me")], variables].concat())
}

fn options(arguments: &[&str]) -> ImageOptions {
    let all = [&["disk-image-create"], arguments].concat();
    match CommandLine::parse(&all.iter().map(Into::into).collect::<Vec<_>>()) {
        Ok(CommandLine::DiskImageCreate(parsed)) => *parsed,
        other => panic!("{arguments:?}: {other:?}"),
    }
}

/// Arguments, variables and what is expected of them.
type Row<'a, T> = (&'a [&'a str], &'a [(&'a str, &'a str)], T);

/// Checks what part of the spec comes of arguments and variables.
fn check<T: PartialEq + std::fmt::Debug>(part: impl Fn(ImageSpec) -> T, rows: &[Row<'_, T>]) {
    for (arguments, variables, expected) in rows {
        let spec = spec(arguments, variables).unwrap_or_else(|error| panic!("{}", error.render()));
        assert_eq!(part(spec), *expected, "{arguments:?} {variables:?}");
    }
}

fn check_refused(arguments: &[&str], variables: &[(&str, &str)], message: &str) {
    let error = spec(arguments, variables).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.render().starts_with(message), "{}", error.render());
}

#[test]
fn without_anything_the_spec_is_upstreams() {
    let spec = spec(&["ubuntu"], &[]).unwrap();
    assert_eq!(spec.elements, ["ubuntu"]);
    assert_eq!(spec.base, BaseElement::Included);
    assert_eq!(spec.arch, Arch::of_this_machine());
    assert_eq!(spec.image_cache, "/home/me/.cache/image-create");
    assert_eq!(spec.freshness, Freshness::Checked);
    assert_eq!(spec.workspace, Workspace::Memory { minimum_gib: 2 });
    assert_eq!(spec.output, ImageSpec::of_elements(&[]).output);
    assert_eq!(spec.break_points, BreakPoints::default());
    assert_eq!(spec.variables.get("DIB_ARGS").map(String::as_str), Some("ubuntu"));
}

#[test]
fn elements_are_split_at_blanks_and_empty_ones_left_out() {
    check(
        |spec| spec.elements,
        &[(
            &["", "a b", "", " c\td "],
            &[],
            vec!["a".into(), "b".into(), "c".into(), "d".into()],
        )],
    );
}

#[test]
fn an_option_wins_over_its_variable() {
    check(
        |spec| spec.arch,
        &[
            (&["-a", "x86_64"], &[("ARCH", "arm64")], Arch::Amd64),
            (&[], &[("ARCH", "aarch64")], Arch::Arm64),
            (&[], &[("ARCH", "ppc64le")], Arch::Ppc64el),
            (&["-a", ""], &[("ARCH", "")], Arch::of_this_machine()),
        ],
    );
    check(
        |spec| spec.image_cache.into_string(),
        &[
            (
                &["--image-cache", "/a"],
                &[("DIB_IMAGE_CACHE", "/b")],
                "/a".into(),
            ),
            (&[], &[("DIB_IMAGE_CACHE", "b")], "/b".into()),
        ],
    );
    check(
        |spec| spec.output.size,
        &[
            (&["--image-size", "2"], &[("DIB_IMAGE_SIZE", "3")], Some(2 << 30)),
            (&[], &[("DIB_IMAGE_SIZE", "1.5")], Some(3 << 29)),
            (&[], &[], None),
        ],
    );
    check(
        |spec| (spec.output.root_label, spec.output.journal_mib),
        &[
            (
                &["--root-label", "root"],
                &[("ROOT_LABEL", "other")],
                (Some("root".into()), 64),
            ),
            (
                &["--mkfs-journal-size", "8"],
                &[("ROOT_LABEL", "other")],
                (Some("other".into()), 8),
            ),
            (&[], &[("DIB_JOURNAL_SIZE", "16")], (None, 16)),
        ],
    );
    check(
        |spec| spec.output.extra_size,
        &[
            (
                &["--image-extra-size", "2"],
                &[("DIB_IMAGE_EXTRA_SIZE", "3")],
                Some(2 << 30),
            ),
            (&[], &[("DIB_IMAGE_EXTRA_SIZE", "3")], Some(3 << 20)),
            (&[], &[("DIB_IMAGE_EXTRA_SIZE", "3GiB")], Some(3 << 30)),
        ],
    );
    check(
        |spec| (spec.output.mkfs_options, spec.output.max_online_resize),
        &[
            (
                &[
                    "--mkfs-options",
                    "-O ^metadata_csum",
                    "--max-online-resize",
                    "4096",
                ],
                &[],
                ("-O ^metadata_csum".into(), Some(4096)),
            ),
            (&[], &[("MAX_ONLINE_RESIZE", "8")], (String::new(), Some(8))),
        ],
    );
    check(
        |spec| spec.trace,
        &[
            (&["-xx"], &[("DIB_DEBUG_TRACE", "1")], 3),
            (&[], &[("DIB_DEBUG_TRACE", "1")], 1),
            (&["-x"], &[], 1),
        ],
    );
    check(
        |spec| spec.workspace,
        &[
            (&["--no-tmpfs"], &[], Workspace::Disk),
            (&[], &[("DIB_NO_TMPFS", "1")], Workspace::Disk),
            (
                &[],
                &[("DIB_NO_TMPFS", "0"), ("DIB_MIN_TMPFS", "7")],
                Workspace::Memory { minimum_gib: 7 },
            ),
            (
                &["--min-tmpfs", "9"],
                &[("DIB_MIN_TMPFS", "7")],
                Workspace::Memory { minimum_gib: 9 },
            ),
        ],
    );
}

#[test]
fn switches_come_from_either() {
    check(
        |spec| spec.freshness,
        &[
            (&["--offline"], &[], Freshness::Unchecked),
            (&[], &[("DIB_OFFLINE", "1")], Freshness::Unchecked),
            (&[], &[("DIB_OFFLINE", "")], Freshness::Checked),
        ],
    );
    check(
        |spec| spec.base,
        &[
            (&["-n"], &[], BaseElement::Skipped),
            (&[], &[("SKIP_BASE", "1")], BaseElement::Skipped),
            (&[], &[("SKIP_BASE", "0")], BaseElement::Included),
        ],
    );
    check(
        |spec| spec.output.compression,
        &[
            (&["-u"], &[], Compression::Uncompressed),
            (&[], &[("COMPRESS_IMAGE", "")], Compression::Uncompressed),
            (&[], &[("COMPRESS_IMAGE", "0")], Compression::Uncompressed),
            (&[], &[("COMPRESS_IMAGE", "true")], Compression::Compressed),
        ],
    );
    check(
        |spec| spec.output.existing,
        &[
            (&[], &[("OVERWRITE_OLD_IMAGE", "0")], ExistingOutput::Renamed),
            (&[], &[("OVERWRITE_OLD_IMAGE", "1")], ExistingOutput::Replaced),
        ],
    );
    let both = || vec![ChecksumKind::Md5, ChecksumKind::Sha256];
    check(
        |spec| spec.output.checksums,
        &[
            (&["--checksum"], &[("DIB_CHECKSUM", "0")], both()),
            (&[], &[("DIB_CHECKSUM", "1")], both()),
            (&[], &[("DIB_CHECKSUM", "md5, sha256")], both()),
            (&[], &[("DIB_CHECKSUM", "sha256")], vec![ChecksumKind::Sha256]),
            (&[], &[("DIB_CHECKSUM", "0")], vec![]),
        ],
    );
}

#[test]
fn break_points_come_from_their_variables() {
    check(
        |spec| {
            (
                spec.break_points.contains(BreakPoint::Before(Phase::Root)),
                spec.break_points.command,
            )
        },
        &[
            (
                &[],
                &[("break", "after-error,before-root")],
                (true, "bash".into()),
            ),
            (
                &[],
                &[("break", "before-root"), ("break_cmd", "sh")],
                (true, "sh".into()),
            ),
            (&[], &[("break", "")], (false, "bash".into())),
        ],
    );
}

#[test]
fn what_is_wrong_is_named_by_option_or_variable() {
    check_refused(
        &["-t", "qcow2,qcow3"],
        &[],
        "error: -t is \"qcow3\"\n  because there is no image type \"qcow3\"; there are tar, tgz, squashfs, docker, oci, raw, raw.zst, qcow2, vhd, vmdk\n",
    );
    check_refused(
        &["-t", "qcow2,aci"],
        &[],
        "error: -t is \"aci\"\n  because App Container images are of the past",
    );
    check_refused(
        &["-a", "vax"],
        &[],
        "error: -a is \"vax\"\n  because there is no architecture \"vax\"; there are amd64",
    );
    check_refused(&[], &[("ARCH", "vax")], "error: ARCH is \"vax\"\n");
    check_refused(
        &[],
        &[("DIB_IMAGE_SIZE", "ten")],
        "error: DIB_IMAGE_SIZE is \"ten\"\n  because \"ten\" is not a size",
    );
    check_refused(
        &["--image-size", "0"],
        &[],
        "error: --image-size is \"0\"\n  because a disk has more than 0 bytes\n",
    );
    check_refused(
        &["--max-online-resize", "1G"],
        &[],
        "error: --max-online-resize is \"1G\"\n  because a whole number of the file system's blocks is expected\n",
    );
    check_refused(
        &[],
        &[("DIB_JOURNAL_SIZE", "64M")],
        "error: DIB_JOURNAL_SIZE is \"64M\"\n  because a whole number of MiB is expected\n",
    );
    check_refused(
        &[],
        &[("DIB_MIN_TMPFS", "1.5")],
        "error: DIB_MIN_TMPFS is \"1.5\"\n  because a whole number of GiB is expected\n",
    );
    check_refused(
        &[],
        &[("DIB_DEBUG_TRACE", "yes")],
        "error: DIB_DEBUG_TRACE is \"yes\"\n",
    );
    check_refused(
        &[],
        &[("DIB_CHECKSUM", "sha1")],
        "error: DIB_CHECKSUM is \"sha1\"\n  because there is no checksum \"sha1\"; there are md5, sha256\n",
    );
    check_refused(
        &[],
        &[("break", "before-rot")],
        "error: break is \"before-rot\"\n",
    );
    check_refused(&["-p", "vim;true"], &[], "error: -p is \"vim;true\"\n");
    check_refused(&[], &[("HOME", "")], "error: there is no home directory");
}

#[test]
fn hooks_see_the_environment_and_what_the_arguments_add() {
    let spec = spec(
        &["-u", "-n", "--no-tmpfs", "--image-size", "2", "-x", "ubuntu"],
        &[
            ("DIB_RELEASE", "jammy"),
            ("http_proxy", "http://proxy.example.org:3128"),
        ],
    )
    .unwrap();
    let variable = |name: &str| spec.variables.get(name).map(String::as_str);
    assert_eq!(variable("DIB_RELEASE"), Some("jammy"));
    assert_eq!(variable("http_proxy"), Some("http://proxy.example.org:3128"));
    assert_eq!(variable("DIB_IMAGE_SIZE"), Some("2"));
    assert_eq!(variable("DIB_NO_TMPFS"), Some("1"));
    assert_eq!(variable("SKIP_BASE"), Some("1"));
    assert_eq!(variable("COMPRESS_IMAGE"), Some(""));
    assert_eq!(variable("DIB_DEBUG_TRACE"), Some("1"));
    assert_eq!(
        variable("DIB_ARGS"),
        Some("-u -n --no-tmpfs --image-size 2 -x ubuntu")
    );
}

#[test]
fn a_cleared_environment_sets_nothing() {
    let variables = [
        ("DIB_RELEASE", "jammy"),
        ("ARCH", "arm64"),
        ("DIB_OFFLINE", "1"),
        ("PATH", "/bin"),
    ];
    let by_variable = [&variables[..], &[("CLEAR_ENV", "1")]].concat();
    for spec in [
        spec(&["-c", "ubuntu"], &variables).unwrap(),
        spec(&["ubuntu"], &by_variable).unwrap(),
    ] {
        assert_eq!(spec.arch, Arch::of_this_machine());
        assert_eq!(spec.freshness, Freshness::Checked);
        let names: Vec<_> = spec.variables.keys().map(String::as_str).collect();
        assert_eq!(names, ["DIB_ARGS", "DIB_DEBUG_TRACE", "HOME", "PATH"]);
    }
}

#[test]
fn a_log_file_alone_silences_the_terminal() {
    let check = |arguments: &[&str], variables: &[(&str, &str)], loudness, log_file: Option<&str>| {
        let console = console_options(&options(arguments), &environment(variables), Stream::Stdout);
        assert_eq!(
            (
                console.loudness,
                console.log_file.as_deref().map(Utf8Path::as_str)
            ),
            (loudness, log_file)
        );
    };
    check(&["a"], &[], Loudness::Shown, None);
    check(&["--logfile", "/l", "a"], &[], Loudness::Silenced, Some("/l"));
    check(&["a"], &[("LOGFILE", "l")], Loudness::Silenced, Some("/l"));
    check(
        &["--logfile", "/l", "a"],
        &[("DIB_QUIET", "0")],
        Loudness::Shown,
        Some("/l"),
    );
    check(&["a"], &[("DIB_QUIET", "1")], Loudness::Silenced, None);
    let console = console_options(
        &options(&["a"]),
        &environment(&[("DIB_NO_TIMESTAMP", "1")]),
        Stream::Stdout,
    );
    assert_eq!(
        (console.timestamps, console.filter.as_str()),
        (Timestamps::Omitted, "warn")
    );
}
