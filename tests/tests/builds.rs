//! Whole builds of a tiny operating system.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::world::{World, run, succeed};

/// An archive's entries: mode, owner and what they hold or point to, by name.
fn entries(path: &camino::Utf8Path) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(fs::File::open(path).unwrap());
    archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut contents = String::new();
            std::io::Read::read_to_string(&mut entry, &mut contents).unwrap();
            let link = entry
                .link_name()
                .unwrap()
                .map(|link| format!(" -> {}", link.display()));
            let header = entry.header();
            let text = format!(
                "{:04o} {}:{}{}{}",
                header.mode().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap(),
                link.unwrap_or_default(),
                if contents.is_empty() {
                    String::new()
                } else {
                    format!(" {contents:?}")
                }
            );
            (entry.path().unwrap().display().to_string(), text)
        })
        .collect()
}

#[test]
fn the_tree_in_the_archive_is_what_the_hooks_made() {
    let world = World::new();
    succeed(&mut world.tiny_build(&["-t", "tar", "-o", "tiny", "-n", "-a", "amd64"]));
    let list: Vec<_> = entries(&world.path("out/tiny.tar"))
        .iter()
        .map(|(path, text)| format!("{path} {text}"))
        .collect();
    let list = list.join("\n");
    insta::assert_snapshot!(list, @r#"
    ./ 0755 0:0
    ./dev/ 0755 0:0
    ./etc/ 0755 0:0
    ./etc/fstab 0644 0:0 "LABEL=cloudimg-rootfs / ext4 defaults 0 1\n"
    ./etc/hostname 0644 0:0 "tiny\n"
    ./etc/resolv.conf 0777 0:0 -> /run/systemd/resolve/stub-resolv.conf
    ./etc/tiny-report 0644 0:0 "ARCH=amd64\nIMAGE_NAME=tiny\nIMAGE_ELEMENT=myorg-tiny\nDIB_ROOT_LABEL=cloudimg-rootfs\n"
    ./proc/ 0755 0:0
    ./root/ 0755 0:0
    ./sys/ 0755 0:0
    ./tmp/ 0755 0:0
    ./usr/ 0755 0:0
    ./usr/bin/ 0755 0:0
    ./usr/bin/passwd 4755 0:0 "no program\n"
    ./var/ 0755 0:0
    ./var/log/ 0755 0:0
    ./var/log/install.log 0640 0:0
    "#);
    world.assert_nothing_is_left();
}

#[test]
fn the_disk_is_sound_and_the_same_in_every_format() {
    let world = World::new();
    succeed(&mut world.tiny_build(&[
        "-t",
        "raw,qcow2",
        "-o",
        "tiny",
        "--checksum",
        "--root-label",
        "tiny-root",
    ]));
    let (raw, qcow2) = (world.path("out/tiny.raw"), world.path("out/tiny.qcow2"));
    succeed(tool("qemu-img").args(["check", qcow2.as_str()]));
    succeed(tool("qemu-img").args(["compare", raw.as_str(), qcow2.as_str()]));
    succeed(tool("e2fsck").args(["-fn", raw.as_str()]));
    let label = succeed(tool("dumpe2fs").args(["-h", raw.as_str()])).stdout;
    assert!(label.contains("tiny-root"), "{label}");
    for sums in ["md5", "sha256"] {
        succeed(
            tool(&format!("{sums}sum"))
                .args(["-c", &format!("tiny.raw.{sums}"), &format!("tiny.qcow2.{sums}")])
                .current_dir(world.path("out")),
        );
    }
    world.assert_nothing_is_left();
}

fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .env("LC_ALL", "C");
    command
}

#[test]
fn commands_run_in_the_target_as_its_root() {
    let world = World::new();
    let command = "id -u; cat /proc/1/comm /etc/hostname; echo $HOME $ARCH; test -c /dev/null; test -e /sys/kernel; \
                   test ! -w /sys/kernel; cat /etc/resolv.conf > /dev/null; echo to-stderr >&2";
    let ran = succeed(
        world
            .tiny_build(&["-t", "tar", "-a", "arm64"])
            .env("MYORG_COMMAND", command),
    );
    for expected in ["\n0\n", "\ntiny\n", "\n/root arm64\n", "\nto-stderr\n"] {
        assert!(ran.stderr.contains(expected), "{expected:?} in {}", ran.stderr);
    }
}

#[test]
fn a_failing_command_shows_its_last_lines_and_leaves_nothing() {
    let world = World::new();
    for place in [&["--no-tmpfs"][..], &[]] {
        let arguments = [&["-t", "tar"][..], place].concat();
        let ran = run(world
            .tiny_build(&arguments)
            .env("MYORG_COMMAND", "echo about to fail; exit 7"));
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        for expected in [
            "install.d/50-tiny-command",
            "myorg-tiny",
            "status 7",
            "about to fail",
            "to run it again: chroot \"$TARGET_ROOT\" env -i ",
        ] {
            assert!(ran.stderr.contains(expected), "{expected:?} in {}", ran.stderr);
        }
        assert!(world.names("out").is_empty(), "{:?}", world.names("out"));
        world.assert_nothing_is_left();
    }
}

#[test]
fn a_daemon_that_keeps_the_output_does_not_hold_the_build() {
    let world = World::new();
    let ran = succeed(world.tiny_build(&["-t", "tar"]).env(
        "MYORG_COMMAND",
        "(trap '' HUP TERM; setsid sleep 600) & echo started",
    ));
    assert!(ran.stderr.contains("started"), "{}", ran.stderr);
    world.assert_nothing_is_left();
}

#[test]
fn an_older_image_is_renamed_or_replaced() {
    let world = World::new();
    succeed(&mut world.tiny_build(&["-t", "tar", "-o", "tiny.tar", "--checksum"]));
    succeed(&mut world.tiny_build(&["-t", "tar", "-o", "tiny.tar", "--checksum"]));
    let names = world.names("out");
    let images: Vec<_> = names
        .iter()
        .filter(|name| name.rsplit('.').next() == Some("tar"))
        .collect();
    assert_eq!(images.len(), 2, "{names:?}");
    assert!(
        images[0].starts_with("tiny-20") && images[1] == "tiny.tar",
        "{names:?}"
    );
    assert!(names.contains(&format!("{}.sha256", images[0])), "{names:?}");
    succeed(
        world
            .tiny_build(&["-t", "tar", "-o", "tiny.tar", "--checksum"])
            .env("OVERWRITE_OLD_IMAGE", "1"),
    );
    assert_eq!(world.names("out"), names);
}

#[test]
fn the_report_and_the_manifests_are_beside_the_image() {
    let world = World::new();
    succeed(&mut world.tiny_build(&["-t", "tar", "-o", "tiny"]));
    let report = fs::read(world.path("out/tiny.d/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["phases"][0]["hooks"][1]["hook"], "10-tiny-root");
    assert_eq!(report["images"][0]["path"], "tiny.tar");
    let journal = report["journal"].as_array().unwrap();
    assert!(
        journal
            .iter()
            .any(|entry| entry["path"] == "/etc/hostname" && entry["effect"] == "write")
    );
    let arguments = fs::read_to_string(world.path("out/tiny.d/dib-manifests/dib_arguments")).unwrap();
    assert_eq!(arguments.trim(), "myorg-tiny -t tar -o tiny");
}

#[test]
fn the_trace_shows_every_effect() {
    let world = World::new();
    let ran = succeed(&mut world.tiny_build(&["-t", "tar", "-x"]));
    assert!(
        ran.stderr
            .contains("+ root/10-tiny-root: write /etc/hostname 0644 (5 bytes)"),
        "{}",
        ran.stderr
    );
}

#[test]
fn disk_image_create_logs_to_its_stdout_or_to_its_log_file() {
    let world = World::new();
    std::os::unix::fs::symlink(
        std::env::current_exe()
            .unwrap()
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .join("myorg-dib"),
        world.path("home/disk-image-create"),
    )
    .unwrap();
    let build = |arguments: &[&str]| {
        let mut command = Command::new(world.path("home/disk-image-create"));
        command
            .env("TMPDIR", world.path("tmp"))
            .env("HOME", world.path("home"))
            .current_dir(world.path("out"))
            .args(arguments);
        succeed(&mut command)
    };
    let ran = build(&["myorg-tiny", "-o", "one", "-t", "tar", ""]);
    assert!(ran.stdout.contains("10-tiny-root"), "{}", ran.stdout);
    let ran = build(&["--logfile", "build.log", "-o", "two", "-t", "tar", "myorg-tiny"]);
    assert!(!ran.stdout.contains("10-tiny-root"), "{}", ran.stdout);
    assert!(
        fs::read_to_string(world.path("out/build.log"))
            .unwrap()
            .contains("10-tiny-root")
    );
}

#[test]
fn too_small_a_disk_says_how_large_it_has_to_be_and_leaves_nothing() {
    let world = World::new();
    let ran = run(&mut world.tiny_build(&["-t", "raw,tar", "--image-size", "0.01"]));
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("--image-size"), "{}", ran.stderr);
    assert!(world.names("out").is_empty(), "{:?}", world.names("out"));
    world.assert_nothing_is_left();
}

/// What a killed build leaves goes with the next build.
#[test]
fn leftovers_of_killed_builds_are_removed() {
    let world = World::new();
    fs::create_dir_all(world.path("tmp/dib_build.00000000/mnt/etc")).unwrap();
    fs::write(world.path("tmp/dib_build.00000000/mnt/etc/passwd"), "x").unwrap();
    succeed(&mut world.tiny_build(&["-t", "tar"]));
    world.assert_nothing_is_left();
}

/// A directory of the user's that is bound into the target is not the archive's to change.
#[test]
fn an_archive_cannot_reach_through_a_mount() {
    let world = World::new();
    let cache = world.path("home/ccache");
    fs::create_dir(&cache).unwrap();
    fs::write(cache.join("keep"), "mine").unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o755)).unwrap();
    let mut archive = tar::Builder::new(fs::File::create(world.path("home/evil.tar")).unwrap());
    for (name, kind, mode, contents) in [
        ("usr/sbin/", tar::EntryType::Directory, 0o755, ""),
        ("tmp/", tar::EntryType::Directory, 0o777, ""),
        ("tmp/ccache/", tar::EntryType::Directory, 0o777, ""),
        ("tmp/ccache/keep", tar::EntryType::Regular, 0o4755, "evil"),
        ("tmp/ccache/new/file", tar::EntryType::Regular, 0o755, "evil"),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(contents.len() as u64);
        archive
            .append_data(&mut header, name, contents.as_bytes())
            .unwrap();
    }
    archive.into_inner().unwrap();
    // It fails where apt-get would have to run: the archive holds none.
    let ran = run(world
        .program("dib")
        .args(["build", "-x", "-t", "tar", "ubuntu"])
        .env("DIB_CCACHE_DIR", &cache)
        .env("DIB_LOCAL_IMAGE", world.path("home/evil.tar")));
    assert!(
        ran.stderr.contains("2 entries below mounts left out"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("apt-get"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(cache.join("keep")).unwrap(), "mine");
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 1);
    for path in [&cache, &cache.join("keep")] {
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o7022,
            0,
            "{path}"
        );
    }
    world.assert_nothing_is_left();
}

/// Names that are no UTF-8 are in nobody's way, the tidying of the tree included.
#[test]
fn odd_names_do_not_stop_a_build() {
    let world = World::new();
    let command = r"printf x > /tmp/$(printf 'a\377b'); printf x > /var/log/$(printf 'a\377b'); printf x > /root/$(printf 'a\377b')";
    succeed(world.tiny_build(&["-t", "tar"]).env("MYORG_COMMAND", command));
}
