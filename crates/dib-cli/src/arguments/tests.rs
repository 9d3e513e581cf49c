use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::*;

fn parse(arguments: &[&str]) -> Result<CommandLine, clap::Error> {
    CommandLine::parse(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
}

/// Checks what `disk-image-create` and `dib build` make of the same arguments.
fn check(arguments: &[&str], expected: &ImageOptions) {
    let upstream = [&["/usr/bin/disk-image-create"], arguments].concat();
    let Ok(CommandLine::DiskImageCreate(parsed)) = parse(&upstream) else {
        panic!("{arguments:?}: {:?}", parse(&upstream));
    };
    assert_eq!(*parsed, *expected, "{arguments:?}");
    let ours = [&["dib", "build"], arguments].concat();
    let Ok(CommandLine::Dib(DibArguments {
        command: DibCommand::Build(parsed),
    })) = parse(&ours)
    else {
        panic!("{arguments:?}: {:?}", parse(&ours));
    };
    assert_eq!(parsed.image, *expected, "{arguments:?}");
}

fn options(elements: &[&str]) -> ImageOptions {
    ImageOptions {
        elements: elements.iter().map(|name| (*name).to_owned()).collect(),
        ..ImageOptions::default()
    }
}

#[test]
fn the_definitions_are_consistent() {
    DibArguments::command().debug_assert();
    for name in CommandName::value_variants() {
        definition(*name).debug_assert();
    }
}

#[test]
fn each_callers_invocation_is_understood() {
    let some = |text: &str| Some(text.to_owned());
    let check = |line: &str, expected: &ImageOptions| check(&line.split(' ').collect::<Vec<_>>(), expected);
    // nodepool
    check(
        "-x -t qcow2,raw --checksum --no-tmpfs --qemu-img-options compat=0.10 -o /images/noble-1 ubuntu vm",
        &ImageOptions {
            trace: 1,
            qemu_img_options: some("compat=0.10"),
            types: some("qcow2,raw"),
            checksum: some("1"),
            no_tmpfs: true,
            output: some("/images/noble-1"),
            ..options(&["ubuntu", "vm"])
        },
    );
    // Zuul
    check(
        "-o /srv/noble -t qcow2,raw --logfile /logs/diskimage-noble.log ubuntu",
        &ImageOptions {
            output: some("/srv/noble"),
            types: some("qcow2,raw"),
            logfile: some("/logs/diskimage-noble.log"),
            ..options(&["ubuntu"])
        },
    );
    // ironic-python-agent-builder
    check(
        "-o ipa ironic-python-agent-ramdisk ubuntu -x",
        &ImageOptions {
            output: some("ipa"),
            trace: 1,
            ..options(&["ironic-python-agent-ramdisk", "ubuntu"])
        },
    );
    // Bifrost
    check(
        "-x -u -c --no-tmpfs --offline -n -a arm64 -o image -t raw --image-size 5 ubuntu",
        &ImageOptions {
            trace: 1,
            uncompressed: true,
            clear_environment: true,
            no_tmpfs: true,
            offline: true,
            no_base: true,
            arch: some("arm64"),
            output: some("image"),
            types: some("raw"),
            image_size: some("5"),
            ..options(&["ubuntu"])
        },
    );
    // StackHPC: elements before options.
    check(
        "ubuntu vm -o overcloud",
        &ImageOptions {
            output: some("overcloud"),
            ..options(&["ubuntu", "vm"])
        },
    );
    // Metal3
    check(
        "--no-tmpfs -a amd64 -o ipa.qcow2 ubuntu block-device-efi",
        &ImageOptions {
            no_tmpfs: true,
            arch: some("amd64"),
            output: some("ipa.qcow2"),
            ..options(&["ubuntu", "block-device-efi"])
        },
    );
}

#[test]
fn empty_arguments_and_many_elements_in_one_are_understood() {
    // Octavia
    let line = "||-a|amd64|-o|amphora.qcow2|-t|qcow2|--image-size|2|--image-cache|/cache||base vm ubuntu";
    let some = |text: &str| Some(text.to_owned());
    check(
        &line.split('|').collect::<Vec<_>>(),
        &ImageOptions {
            arch: some("amd64"),
            output: some("amphora.qcow2"),
            types: some("qcow2"),
            image_size: some("2"),
            image_cache: some("/cache"),
            ..options(&["", "", "", "base vm ubuntu"])
        },
    );
}

#[test]
fn options_are_written_as_getopt_has_them() {
    let some = |text: &str| Some(text.to_owned());
    check(
        &["-xxu", "a"],
        &ImageOptions {
            trace: 2,
            uncompressed: true,
            ..options(&["a"])
        },
    );
    check(
        &["-aarm64", "a"],
        &ImageOptions {
            arch: some("arm64"),
            ..options(&["a"])
        },
    );
    check(
        &["--image-size=1.5", "a"],
        &ImageOptions {
            image_size: some("1.5"),
            ..options(&["a"])
        },
    );
    check(
        &["-o", "x", "-o", "y", "a"],
        &ImageOptions {
            output: some("y"),
            ..options(&["a"])
        },
    );
    check(
        &["--checksum", "a"],
        &ImageOptions {
            checksum: some("1"),
            ..options(&["a"])
        },
    );
    check(
        &["--checksum=sha256", "a"],
        &ImageOptions {
            checksum: some("sha256"),
            ..options(&["a"])
        },
    );
    check(&["--", "a", "-x"], &options(&["a", "-x"]));
    check(
        &["-p", "vim,less", "a", "-p", "jq"],
        &ImageOptions {
            packages: vec!["vim,less".to_owned(), "jq".to_owned()],
            ..options(&["a"])
        },
    );
}

#[test]
fn upstreams_command_line_takes_beginnings_of_long_options() {
    let Ok(CommandLine::DiskImageCreate(parsed)) =
        parse(&["disk-image-create", "--image-c", "/cache", "--off", "a"])
    else {
        panic!("beginnings are refused");
    };
    assert_eq!(
        *parsed,
        ImageOptions {
            image_cache: Some("/cache".into()),
            offline: true,
            ..options(&["a"])
        }
    );
}

#[test]
fn a_ramdisk_is_built_under_its_own_name() {
    let parsed = |name: &str| match parse(&[
        name,
        "--ramdisk-element",
        "dracut-ramdisk",
        "--install-type",
        "package",
        "a",
    ]) {
        Ok(CommandLine::DiskImageCreate(parsed)) => *parsed,
        other => panic!("{other:?}"),
    };
    let expected = |product| ImageOptions {
        product,
        ramdisk_element: Some("dracut-ramdisk".into()),
        install_type: Some("package".into()),
        ..options(&["a"])
    };
    assert_eq!(parsed("/bin/ramdisk-image-create"), expected(Product::Ramdisk));
    assert_eq!(parsed("disk-image-create"), expected(Product::Image));
}

#[test]
fn the_small_programs_have_their_names() {
    let Ok(CommandLine::RunParts(parsed)) = parse(&["dib-run-parts", "--list", "/hooks/root.d"]) else {
        panic!("{:?}", parse(&["dib-run-parts", "--list", "/hooks/root.d"]));
    };
    assert_eq!((parsed.list, parsed.directory.as_str()), (true, "/hooks/root.d"));
    let Ok(CommandLine::ElementInfo(parsed)) = parse(&["element-info", "-e", "vm", "ubuntu"]) else {
        panic!("{:?}", parse(&["element-info", "-e", "vm", "ubuntu"]));
    };
    assert!(parsed.env && parsed.elements == ["vm", "ubuntu"]);
    let Ok(CommandLine::CacheUrl(parsed)) = parse(&["cache-url", "-f", "http://example.org/a", "/a"]) else {
        panic!("{:?}", parse(&["cache-url", "-f", "http://example.org/a", "/a"]));
    };
    assert!(parsed.force && parsed.url == "http://example.org/a" && parsed.destination == "/a");
    for arguments in [
        &["dib-run-parts"][..],
        &["element-info"],
        &["cache-url", "http://example.org/a"],
    ] {
        assert_eq!(
            parse(arguments).unwrap_err().kind(),
            ErrorKind::MissingRequiredArgument
        );
    }
}

#[test]
fn an_unknown_option_brings_the_nearest() {
    let error = parse(&["disk-image-create", "--ofline", "a"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownArgument);
    assert!(error.to_string().contains("--offline"), "{error}");
}

#[test]
fn help_and_version_are_no_errors() {
    for (arguments, kind) in [
        (["disk-image-create", "--version"], ErrorKind::DisplayVersion),
        (["disk-image-create", "-h"], ErrorKind::DisplayHelp),
        (["dib", "--version"], ErrorKind::DisplayVersion),
    ] {
        assert_eq!(parse(&arguments).unwrap_err().kind(), kind);
    }
    assert_eq!(
        parse(&["dib", "--version"]).unwrap_err().to_string(),
        format!("dib {}\n", env!("CARGO_PKG_VERSION"))
    );
    let help = parse(&["disk-image-create", "--help"]).unwrap_err().to_string();
    for part in [
        "DIB_NO_TIMESTAMP",
        "Exit codes:",
        "Examples:",
        "--mkfs-journal-size",
    ] {
        assert!(help.contains(part), "{part} in {help}");
    }
    let help = parse(&["ramdisk-image-create", "--help"])
        .unwrap_err()
        .to_string();
    assert!(help.contains("Usage: ramdisk-image-create [OPTIONS]"), "{help}");
}

#[test]
fn pruning_needs_to_know_what() {
    assert!(parse(&["dib", "cache", "prune"]).is_err());
    assert!(parse(&["dib", "cache", "prune", "--all", "--max-size", "1"]).is_err());
    assert!(parse(&["dib", "cache", "prune", "--older-than", "30d", "--max-size", "1"]).is_ok());
    assert!(parse(&["dib", "cache", "list", "--image-cache", "/cache"]).is_ok());
}

#[test]
fn files_of_images_stand_for_themselves() {
    let options = ImageFileOptions {
        dry_run: true,
        stop_on_failure: true,
    };
    let expected: Vec<camino::Utf8PathBuf> = vec!["a.yaml".into(), "b.yaml".into()];
    let upstream = ["diskimage-builder", "a.yaml", "--stop", "b.yaml", "--dry-run"];
    let Ok(CommandLine::ImageFiles(parsed)) = parse(&upstream) else {
        panic!("{:?}", parse(&upstream));
    };
    assert_eq!((parsed.files, parsed.options), (expected.clone(), options));
    let ours = [
        "dib",
        "build",
        "-f",
        "a.yaml",
        "--file=b.yaml",
        "--dry-run",
        "--stop-on-failure",
    ];
    let Ok(CommandLine::Dib(DibArguments {
        command: DibCommand::Build(parsed),
    })) = parse(&ours)
    else {
        panic!("{:?}", parse(&ours));
    };
    let parsed = *parsed;
    assert_eq!((parsed.files, parsed.options), (expected, options));
    assert_eq!(parsed.image, ImageOptions::default());
    assert!(parse(&["diskimage-builder"]).is_err());
}
