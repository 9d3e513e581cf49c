//! `--loop`: the disk at a loop device while the last hooks run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::world::{World, run, succeed};

/// Two file systems, of which the second holds the logs.
const LAYOUT: &str = "[{local_loop: {name: image0}}, {partitioning: {base: image0, label: gpt, partitions: [\
    {name: root, size: 80%, mkfs: {type: ext4, opts: -O ^has_journal, mount: {mount_point: /, fstab: {}}}}, \
    {name: log, size: 100%, mkfs: {type: ext4, opts: -O ^has_journal, mount: {mount_point: /var/log, fstab: {}}}}]}}]";

/// Makes a world with an element whose one hook is this script.
fn world_with(hook: &str, script: &str) -> World {
    let world = World::new();
    let path = world.path("home/elements/my-boot-loader").join(hook);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    world
}

/// Returns whether a loop device shows a file below a directory.
fn is_attached(world: &World) -> bool {
    let devices = fs::read_dir("/sys/block").unwrap();
    devices.flatten().any(|device| {
        fs::read_to_string(device.path().join("loop/backing_file"))
            .is_ok_and(|file| file.starts_with(world.path("tmp").as_str()))
    })
}

#[test]
fn a_hook_that_insists_on_a_device_is_told_of_the_way() {
    let world = world_with(
        "pre-finalise.d/50-install",
        "#!/bin/sh\nset -u\necho $IMAGE_BLOCK_DEVICE\n",
    );
    let ran = run(world
        .tiny_build(&["my-boot-loader", "-t", "tar"])
        .env("ELEMENTS_PATH", world.path("home/elements")));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("--loop attaches it"), "{}", ran.stderr);
    world.assert_nothing_is_left();
}

#[test]
fn what_hooks_do_to_the_device_and_its_file_systems_is_in_the_images() {
    let world = world_with(
        "pre-finalise.d/50-install",
        "#!/bin/sh\nset -eu\nprintf 'loader' > $IMAGE_BLOCK_DEVICE\n\
         echo $IMAGE_BLOCK_DEVICES > $TMP_MOUNT_PATH/etc/devices\n\
         test -b $TMP_MOUNT_PATH$IMAGE_BLOCK_DEVICE\nmountpoint $TMP_MOUNT_PATH/var/log\n",
    );
    let mut command = world.tiny_build(&[
        "my-boot-loader",
        "--loop",
        "-t",
        "raw,tar",
        "--image-size",
        "64MiB",
    ]);
    command
        .env("ELEMENTS_PATH", world.path("home/elements"))
        .env("DIB_BLOCK_DEVICE_CONFIG", LAYOUT);
    if !nix::unistd::Uid::effective().is_root() {
        let ran = run(&mut command);
        assert_eq!(ran.code, Some(69), "{}", ran.stderr);
        assert!(ran.stderr.contains("only root"), "{}", ran.stderr);
        return;
    }
    succeed(&mut command);
    let disk = fs::read(world.path("out/image.raw")).unwrap();
    assert_eq!(&disk[..6], b"loader");
    let archive = fs::read(world.path("out/image.tar")).unwrap();
    let archive = String::from_utf8_lossy(&archive);
    assert!(
        archive.contains("[image0]=/dev/loop"),
        "the archive holds what the hook wrote"
    );
    assert!(!is_attached(&world));
    world.assert_nothing_is_left();
}

#[test]
fn a_killed_build_leaves_no_device() {
    let world = world_with(
        "pre-finalise.d/50-install",
        "#!/bin/sh\ntouch $HOME/here\nsleep 1000\n",
    );
    let mut command = world.tiny_build(&["my-boot-loader", "--loop", "-t", "tar", "--image-size", "64MiB"]);
    command
        .env("ELEMENTS_PATH", world.path("home/elements"))
        .env("DIB_BLOCK_DEVICE_CONFIG", LAYOUT)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if !nix::unistd::Uid::effective().is_root() {
        assert_eq!(run(&mut command).code, Some(69));
        return;
    }
    let mut build = command.spawn().unwrap();
    let wait_for = |what: &dyn Fn() -> bool| {
        let end = Instant::now() + Duration::from_secs(60);
        while !what() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    wait_for(&|| world.path("home/here").exists());
    assert!(is_attached(&world));
    build.kill().unwrap();
    build.wait().unwrap();
    wait_for(&|| !is_attached(&world));
    assert!(!is_attached(&world), "the device outlives its build");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(world.path("tmp").as_str()), "{mounts}");
}
