//! Builds that go on from what others did.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use camino::Utf8PathBuf;

use crate::world::{Ran, World, run, succeed};

/// What the console says of a hook whose work was done before.
const KNOWN: &str = "known from a build before: ";

/// A build of the tiny operating system with layers, whose last hook of `install` runs this command.
fn build(world: &World, command: &str) -> Command {
    let mut build = world.tiny_build(&["-t", "tar"]);
    build
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .env("OVERWRITE_OLD_IMAGE", "1")
        .env("MYORG_COMMAND", command);
    build
}

/// Returns whether this machine can have layers; where it can't, the build that found so went without.
fn has_layers(ran: &Ran) -> bool {
    !ran.stderr.contains("this build goes without layers")
}

/// Returns the hooks that the last build's journal has.
fn hooks_in_journal(world: &World) -> BTreeSet<String> {
    let report = fs::read(world.path("out/image.d/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let entries = report["journal"].as_array().unwrap();
    entries
        .iter()
        .filter_map(|entry| Some(entry["hook"].as_str()?.to_owned()))
        .collect()
}

fn image(world: &World) -> Vec<u8> {
    fs::read(world.path("out/image.tar")).unwrap()
}

/// Returns the image that the same build makes without any layer.
fn image_without_layers(world: &World, command: &str) -> Vec<u8> {
    succeed(build(world, command).env("DIB_LAYERS", "0"));
    image(world)
}

fn packs(world: &World) -> Vec<Utf8PathBuf> {
    let mut packs = Vec::new();
    let mut open = vec![world.path("home/.cache/image-create/layers/packs")];
    while let Some(directory) = open.pop() {
        for entry in directory.read_dir_utf8().unwrap() {
            let path = entry.unwrap().path().to_owned();
            if path.is_dir() {
                open.push(path);
            } else if fs::metadata(&path).unwrap().len() > 0 {
                packs.push(path);
            }
        }
    }
    packs
}

#[test]
fn a_build_goes_on_where_it_failed() {
    let world = World::new();
    let ran = run(&mut build(&world, "echo half > /etc/half; exit 7"));
    assert_ne!(ran.code, Some(0));
    if !has_layers(&ran) {
        return;
    }
    let mended = "echo done > /etc/done";
    let ran = succeed(&mut build(&world, mended));
    assert!(
        ran.stderr.contains(&format!("{KNOWN}root.d/10-tiny-root")),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("running install.d/50-tiny-command"),
        "{}",
        ran.stderr
    );
    let hooks = hooks_in_journal(&world);
    assert!(hooks.contains("50-tiny-command"), "{hooks:?}");
    for earlier in ["10-tiny-root", "01-ccache", "90-base-dib-run-parts"] {
        assert!(!hooks.contains(earlier), "{earlier} ran again: {hooks:?}");
    }
    let of_layers = image(&world);
    assert!(
        of_layers == image_without_layers(&world, mended),
        "the images differ"
    );
    let text = String::from_utf8_lossy(&of_layers).into_owned();
    assert!(text.contains("etc/done") && !text.contains("etc/half"));
    world.assert_nothing_is_left();
}

#[test]
fn a_build_in_which_nothing_changed_runs_nothing() {
    let world = World::new();
    let ran = succeed(&mut build(&world, "echo a > /etc/a"));
    if !has_layers(&ran) {
        return;
    }
    let first = image(&world);
    let ran = succeed(&mut build(&world, "echo a > /etc/a"));
    assert!(!ran.stderr.contains("running root.d/"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("running install.d/"), "{}", ran.stderr);
    assert!(first == image(&world), "the images differ");

    let why = |path: &str| {
        let mut why = world.program("dib");
        why.args(["why", "image.tar", path]);
        run(&mut why)
    };
    for (path, said) in [
        (
            "/etc/a",
            "/etc/a: install.d/50-tiny-command of myorg-tiny wrote it\n",
        ),
        (
            "/etc/hostname",
            "/etc/hostname: root.d/10-tiny-root of myorg-tiny wrote it\n",
        ),
        (
            "/etc/tiny-report",
            "/etc/tiny-report: cleanup.d/50-tiny-report of myorg-tiny (write",
        ),
    ] {
        let ran = why(path);
        assert!(ran.stdout.starts_with(said), "{}{}", ran.stdout, ran.stderr);
    }
    assert_eq!(why("/etc/nobody").code, Some(66));

    let mut plan = world.program("myorg-dib");
    plan.args(["plan", "myorg-tiny"])
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .env("MYORG_COMMAND", "echo b > /etc/a");
    let planned = succeed(&mut plan).stdout;
    for line in [
        "  known   root.d/10-tiny-root\n",
        "  to do   install.d/50-tiny-command  (the variable MYORG_COMMAND is \"echo b > /etc/a\" and was \"echo a > /etc/a\")\n",
    ] {
        assert!(planned.contains(line), "{planned}");
    }

    let ran = succeed(&mut build(&world, "echo b > /etc/a"));
    assert!(
        ran.stderr
            .contains("the variable MYORG_COMMAND is \"echo b > /etc/a\" and was \"echo a > /etc/a\""),
        "{}",
        ran.stderr
    );
}

/// The tree of a base image is that of its bytes, whatever its name: a build that fails for want of an apt in it has it by then.
#[test]
fn a_base_image_counts_by_its_bytes() {
    let world = World::new();
    let base = world.path("home/base.tar");
    let write = |hostname: &str| {
        let mut archive = tar::Builder::new(fs::File::create(&base).unwrap());
        for (name, kind, text) in [
            ("etc/", tar::EntryType::Directory, ""),
            ("etc/hostname", tar::EntryType::Regular, hostname),
        ] {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_mode(0o755);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_size(text.len() as u64);
            archive.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap();
    };
    let build = || {
        let mut build = world.program("dib");
        build
            .args(["build", "-n", "-t", "tar", "ubuntu"])
            .env("DIB_LOCAL_IMAGE", &base);
        let ran = run(&mut build);
        assert_ne!(ran.code, Some(0), "{}", ran.stderr);
        ran
    };
    let hook = "root.d/10-cache-ubuntu-tarball of ubuntu\n";
    write("one");
    if !has_layers(&build()) {
        return;
    }
    for (hostname, is_known) in [("one", true), ("two", false), ("two", true), ("one", true)] {
        write(hostname);
        let ran = build();
        let said = if is_known { KNOWN } else { "running " };
        assert!(ran.stderr.contains(&format!("{said}{hook}")), "{}", ran.stderr);
    }
}

#[test]
fn a_damaged_layer_is_made_again() {
    let world = World::new();
    let command = "echo a > /etc/a";
    let ran = succeed(&mut build(&world, command));
    if !has_layers(&ran) {
        return;
    }
    let first = image(&world);
    let packs = packs(&world);
    assert!(!packs.is_empty());
    for path in &packs {
        let mut bytes = Vec::new();
        fs::File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        fs::write(path, bytes).unwrap();
    }
    let ran = succeed(&mut build(&world, command));
    assert!(!ran.stderr.contains(KNOWN), "{}", ran.stderr);
    assert!(first == image(&world), "the images differ");
    let ran = succeed(&mut build(&world, command));
    assert!(!ran.stderr.contains("running root.d/"), "{}", ran.stderr);
}

/// Builds at once on one store, one in three killed at some moment, over and over.
#[test]
fn builds_share_a_store_and_are_killed_on_it() {
    const AT_ONCE: usize = 8;
    // Less than the layers and images of both commands take together.
    const LIMIT: u64 = 100_000;
    let rounds = std::env::var("DIB_TEST_ROUNDS").map_or(4, |rounds| rounds.parse().unwrap());
    let world = World::new();
    let commands = ["echo a > /etc/a", "echo b > /etc/b"];
    let expected = commands.map(|command| image_without_layers(&world, command));
    let mut largest = 0;
    let mut state: u32 = 7;
    let mut next = |bound: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % bound
    };
    for round in 0..rounds {
        let mut builds = Vec::new();
        for at in 0..AT_ONCE {
            let which = next(2) as usize;
            let name = format!("of{at}");
            let mut command = build(&world, commands[which]);
            command
                .args(["-o", &name])
                .env("DIB_LAYERS_MAX_SIZE", format!("{LIMIT}B"))
                .stdout(Stdio::null())
                .stderr(Stdio::piped());
            let is_killed = next(3) == 0;
            builds.push((command.spawn().unwrap(), which, name, is_killed));
        }
        std::thread::sleep(Duration::from_millis(u64::from(next(250))));
        for (child, _, _, is_killed) in &mut builds {
            if *is_killed {
                child.kill().unwrap();
            }
        }
        for (child, which, name, is_killed) in builds {
            let output = child.wait_with_output().unwrap();
            if is_killed {
                continue;
            }
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "round {round}: {said}");
            let image = fs::read(world.path(&format!("out/{name}.tar"))).unwrap();
            assert!(
                without_name(&image) == without_name(&expected[which]),
                "round {round}: the image of {name} differs\n{said}"
            );
        }
        let sizes = packs(&world)
            .into_iter()
            .map(|pack| fs::metadata(pack).map_or(0, |found| found.len()));
        let size = sizes.sum::<u64>();
        assert!(size <= LIMIT, "round {round}: the store has {size} bytes");
        largest = largest.max(size);
    }
    assert!(
        largest > LIMIT / 2,
        "the store has never had more than {largest} bytes"
    );
    let mut verify = world.program("dib");
    verify.args(["cache", "verify"]);
    let verified = succeed(&mut verify).stdout;
    assert!(!verified.contains("removed"), "{verified}");
    // What the killed ones have left is the next build's to remove.
    succeed(&mut build(&world, commands[0]));
    world.assert_nothing_is_left();
}

/// Returns the members of an image's archive but for the report that names the output.
fn without_name(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(archive);
    let members = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (path, bytes)
    });
    members
        .filter(|(path, _)| !path.ends_with("tiny-report"))
        .collect()
}
