//! The program under the names that upstream's callers know.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::thread;

use camino::Utf8Path;

use crate::world::{World, run, succeed};

/// Returns the organisation's own `dib` under another name.
fn called(world: &World, name: &str) -> Command {
    let program = world.program("myorg-dib");
    let link = world.path("home").join(name);
    if !link.exists() {
        symlink(program.get_program(), &link).unwrap();
    }
    let mut command = Command::new(link);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", world.path("home"))
        .env("TMPDIR", world.path("tmp"))
        .env("DIB_NO_TIMESTAMP", "1")
        .env("DIB_UPSTREAM_ELEMENTS", "")
        .env("ELEMENTS_PATH", world.path("home/elements"))
        .current_dir(world.path("out"));
    command
}

/// Writes an executable script.
fn write_script(path: &Utf8Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn world_with_elements(names: &[&str]) -> World {
    let world = World::new();
    for name in names {
        fs::create_dir_all(world.path("home/elements").join(name)).unwrap();
    }
    world
}

/// Octavia's `diskimage-create.sh` calls it like this: some arguments are empty, and one holds all elements.
#[test]
fn disk_image_create_takes_the_arguments_of_octavia() {
    let world = world_with_elements(&["my-empty"]);
    let cache = world.path("home/cache");
    let arguments = [
        "",
        "-x",
        "-a",
        "amd64",
        "-o",
        "amphora.tar",
        "-t",
        "tar",
        "--image-size",
        "2",
        "--image-cache",
        cache.as_str(),
        "",
        "base myorg-tiny my-empty",
    ];
    // The name base is met by an element of nothing: the tiny system has no package manager.
    fs::create_dir(world.path("home/elements/base")).unwrap();
    let ran = succeed(called(&world, "disk-image-create").args(arguments));
    assert!(ran.stdout.contains("10-tiny-root"), "{}", ran.stdout);
    assert_eq!(world.names("out"), ["amphora.d", "amphora.tar"]);
    succeed(called(&world, "disk-image-create").arg("--version"));
    let ran = run(called(&world, "disk-image-create").args(["", ""]));
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    world.assert_nothing_is_left();
}

#[test]
fn a_log_file_is_named_on_stdout_and_takes_the_log() {
    let world = world_with_elements(&["base"]);
    let build = |quiet: Option<&str>| {
        let mut command = called(&world, "disk-image-create");
        command.args(["--logfile", "log", "-t", "tar", "-o", "tiny", "myorg-tiny"]);
        command.envs(quiet.map(|quiet| ("DIB_QUIET", quiet)));
        succeed(&mut command).stdout
    };
    let named = format!("Output logs going to: {}\n", world.path("out/log"));
    assert_eq!(build(None), named);
    let both = build(Some("0"));
    assert!(
        both.starts_with(&named) && both.contains("image tiny.tar"),
        "{both}"
    );
    assert!(fs::read_to_string(world.path("out/log")).unwrap().contains(" | "));
}

#[test]
fn no_final_image_leaves_the_reports_and_archives_alone() {
    let world = world_with_elements(&["base", "no-final-image"]);
    let build = |output: &str, types: &str| {
        succeed(called(&world, "disk-image-create").args([
            "-o",
            output,
            "-t",
            types,
            "no-final-image",
            "myorg-tiny",
        ]));
    };
    build("one", "qcow2,raw");
    build("two", "qcow2,tar");
    assert_eq!(world.names("out"), ["one.d", "two.d", "two.tar"]);
    assert!(world.path("out/one.d/dib-manifests/dib_arguments").exists());
    world.assert_nothing_is_left();
}

#[test]
fn ramdisk_image_create_leaves_what_the_ramdisks_hooks_leave() {
    let world = world_with_elements(&["base"]);
    write_script(
        &world.path("home/elements/ramdisk/cleanup.d/99-extract"),
        "#!/bin/sh\ncp \"$TARGET_ROOT/etc/hostname\" \"$IMAGE_NAME.kernel\"\n",
    );
    succeed(called(&world, "ramdisk-image-create").args(["-o", "deploy", "-t", "raw", "myorg-tiny"]));
    assert_eq!(world.names("out"), ["deploy.d", "deploy.kernel"]);
    let ran =
        run(called(&world, "ramdisk-image-create").args(["--ramdisk-element", "my-ramdisk", "myorg-tiny"]));
    assert!(ran.stderr.contains("my-ramdisk"), "{}", ran.stderr);
    world.assert_nothing_is_left();
}

#[test]
fn what_takes_room_in_an_image_is_told() {
    let world = world_with_elements(&["base"]);
    let ran = succeed(
        called(&world, "disk-image-create")
            .args(["-t", "tar", "myorg-tiny"])
            .envs([("DIB_SHOW_IMAGE_USAGE", "1"), ("DIB_SHOW_IMAGE_USAGE_FULL", "1")]),
    );
    assert!(ran.stdout.contains("  /etc/hostname\n"), "{}", ran.stdout);
}

#[test]
fn dib_run_parts_runs_what_counts_in_its_order_until_one_fails() {
    let world = World::new();
    let scripts = world.path("home/test.d");
    for (name, text) in [
        ("10-second", "#!/bin/sh\necho second $SET_BEFORE\n"),
        ("9-first", "echo first without a first line\n"),
        ("20-fails", "#!/bin/sh\nexit 7\n"),
        ("30-never", "#!/bin/sh\necho never\n"),
        ("40-no.sh", "#!/bin/sh\necho never\n"),
    ] {
        write_script(&scripts.join(name), text);
    }
    fs::create_dir(world.path("home/environment.d")).unwrap();
    fs::write(
        world.path("home/environment.d/10-set.bash"),
        "export SET_BEFORE=yes\n",
    )
    .unwrap();
    let ran = run(world.program("dib-run-parts").arg(&scripts));
    assert_eq!(ran.code, Some(7), "{}", ran.stderr);
    assert_eq!(ran.stdout, "first without a first line\nsecond yes\n");
    assert!(!ran.stderr.contains("PROFILING"), "{}", ran.stderr);

    let list = succeed(world.program("dib-run-parts").arg("--list").arg(&scripts)).stdout;
    let names = ["9-first", "10-second", "20-fails", "30-never"];
    let expected = names.map(|name| scripts.join(name).into_string());
    assert_eq!(list.lines().collect::<Vec<_>>(), expected);

    let ran = succeed(
        world
            .program("dib-run-parts")
            .arg(&scripts)
            .env("RUN_PARTS_REGEX", "^10-"),
    );
    assert_eq!(ran.stdout, "second yes\n");
    for expected in ["Target: test.d", "10-second completed", "END PROFILING"] {
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    }

    fs::write(world.path("home/environment.d/20-fails"), "false\n").unwrap();
    let ran = run(world.program("dib-run-parts").arg(&scripts));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    assert_eq!(run(&mut world.program("dib-run-parts")).code, Some(1));
    assert_eq!(run(world.program("dib-run-parts").arg("missing")).code, Some(1));
}

#[test]
fn element_info_tells_people_and_shells() {
    let world = world_with_elements(&["my-app"]);
    fs::write(world.path("home/elements/my-app/element-deps"), "vm\n").unwrap();
    let info = |arguments: &[&str]| {
        succeed(
            world
                .program("element-info")
                .env("ELEMENTS_PATH", world.path("home/elements"))
                .env("DIB_UPSTREAM_ELEMENTS", "")
                .args(arguments),
        )
        .stdout
    };
    let names = info(&["my-app", "debian-minimal"]);
    assert!(
        names.starts_with("block-device-") && names.contains(" my-app "),
        "{names}"
    );
    let script = format!(
        "{}eval declare -A elements=($(get_image_element_array))\necho \"${{elements[my-app]}}\"",
        info(&["--env", "my-app", "debian-minimal"])
    );
    let ran = succeed(Command::new("bash").args(["-euc", &script]));
    assert_eq!(ran.stdout, format!("{}\n", world.path("home/elements/my-app")));
    let ran = run(world.program("element-info").arg("nothing-like-it"));
    assert_eq!(ran.code, Some(78), "{}", ran.stderr);
}

/// Serves one file: as a whole, or by a status that says it is unchanged.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().unwrap().unwrap();
            let headers: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .map(|line| line.to_ascii_lowercase())
                .collect();
            let has = |header: &str| headers.iter().any(|line| line.starts_with(header));
            let answer = if !request.contains(" /file ") {
                "404 Not Found\r\nContent-Length: 0"
            } else if has("if-none-match: \"v1\"") && !has("cache-control:") {
                "304 Not Modified\r\nETag: \"v1\""
            } else {
                "200 OK\r\nETag: \"v1\"\r\nContent-Length: 8"
            };
            let body = if answer.starts_with("200") { "contents" } else { "" };
            write!(stream, "HTTP/1.1 {answer}\r\nConnection: close\r\n\r\n{body}").unwrap();
        }
    });
    format!("http://{address}")
}

#[test]
fn cache_url_asks_whether_a_file_has_changed() {
    let world = World::new();
    let server = serve();
    let fetch = |arguments: &[&str], variables: &[(&str, &str)]| {
        run(world
            .program("cache-url")
            .env("DIB_IMAGE_CACHE", world.path("home/cache"))
            .env("no_proxy", "127.0.0.1")
            .envs(variables.iter().copied())
            .args(arguments))
    };
    let url = format!("{server}/file");
    // In the cache, where it is a file of the cache's own; and elsewhere.
    for destination in [world.path("home/cache/sub/file"), world.path("out/new/file")] {
        let to = |options: &[&str], variables: &[(&str, &str)]| {
            let ran = fetch(&[options, &[&url, destination.as_str()]].concat(), variables);
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            assert_eq!(fs::read_to_string(&destination).unwrap(), "contents");
            ran.stdout
        };
        assert_eq!(to(&[], &[]), format!("downloaded {url}\n"));
        assert!(to(&[], &[]).contains("has not changed"));
        assert_eq!(to(&["-f"], &[]), format!("downloaded {url}\n"));
        assert!(to(&[], &[("DIB_OFFLINE", "1")]).contains("in the cache is taken"));
    }
    assert_eq!(world.names("out/new"), ["file"]);
    let missing = fetch(&[&format!("{server}/missing"), "file"], &[]);
    assert_eq!(missing.code, Some(44), "{}", missing.stderr);
    let offline = fetch(&[&format!("{server}/other"), "file"], &[("DIB_OFFLINE", "1")]);
    assert_eq!(offline.code, Some(66), "{}", offline.stderr);
    assert!(!world.path("out/file").exists());
}
