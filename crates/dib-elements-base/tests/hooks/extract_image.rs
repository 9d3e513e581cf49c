//! The program `extract-image`, run as it is on a small disk.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sysprep/extract-image.sh");

/// Two partitions of 8 MiB: one for `/boot`, and one for the rest.
const LAYOUT: &str = "printf 'label: gpt\nstart=2048, size=16384, type=bc13c2ff-59e6-4262-a352-b275fd6f7172\nsize=16384\n' \
    | /sbin/sfdisk -q disk";

/// Runs a line for a shell in a directory.
fn shell(directory: &Path, line: &str) {
    let status = Command::new("sh")
        .args(["-ec", line])
        .env("PATH", path())
        .current_dir(directory)
        .status();
    assert!(status.unwrap().success(), "{line}");
}

/// Where programs are that only root has on its path.
fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap())
}

/// Makes an image whose root file system holds the file `name`.
fn make_image(directory: &Path, name: &str) {
    let owner = fs::metadata(directory).unwrap();
    let owner = format!("root_owner={}:{}", owner.uid(), owner.gid());
    shell(
        directory,
        &format!(
            "rm -rf root boot disk; mkdir -p root/boot boot; echo x >root/{name}; echo kernel >boot/vmlinuz; truncate -s 20M disk"
        ),
    );
    shell(directory, LAYOUT);
    for (tree, sector) in [("boot", 2048), ("root", 2048 + 16384)] {
        shell(
            directory,
            &format!(
                "mke2fs -q -t ext4 -d {tree} -E offset=$(({sector} * 512)),{owner} disk 8192k 2>/dev/null"
            ),
        );
    }
    shell(directory, "qemu-img convert -c -O qcow2 disk image.qcow2");
}

fn extract(directory: &Path, more: &[(&str, &str)]) -> Output {
    let image = directory.join("image.qcow2");
    Command::new("bash")
        .args([
            SCRIPT,
            "image.qcow2",
            "image.tgz",
            "http://example.org/image.qcow2",
        ])
        .arg(&image)
        .env("PATH", path())
        .env("DIB_IMAGE_CACHE", directory.join("cache"))
        .env("TARGET_ROOT", directory.join("target"))
        .env("TMP_HOOKS_PATH", directory.join("hooks"))
        .env("TMP_DIR", directory)
        .envs(more.iter().copied())
        .output()
        .unwrap()
}

fn check(output: &Output) {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_files_of_an_image_are_in_the_target() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    shell(directory, "mkdir target hooks hooks/bin");
    make_image(directory, "first");
    let local = [("DIB_LOCAL_IMAGE", "image.qcow2")];
    check(&extract(directory, &local));
    assert_eq!(fs::read_to_string(directory.join("target/first")).unwrap(), "x\n");
    assert_eq!(
        fs::read_to_string(directory.join("target/boot/vmlinuz")).unwrap(),
        "kernel\n"
    );

    // What is newer is extracted again, unless the build is offline.
    shell(directory, "rm -rf target/*; touch -d 2001-01-01 cache/image.tgz");
    make_image(directory, "second");
    check(&extract(directory, &[("DIB_OFFLINE", "1")]));
    assert!(directory.join("target/first").exists());
    check(&extract(directory, &local));
    assert!(directory.join("target/second").exists());
    let left = fs::read_dir(directory).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("extract-image")
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn an_image_that_cant_be_had_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    shell(
        directory,
        "mkdir -p target hooks/bin; printf '#!/bin/sh\necho \"$@\" >>asked\nexit 44\n' >hooks/bin/cache-url",
    );
    shell(
        directory,
        "sed -i \"s,asked,$PWD/asked,\" hooks/bin/cache-url; chmod 755 hooks/bin/cache-url",
    );
    assert!(!extract(directory, &[]).status.success());
    let asked = fs::read_to_string(directory.join("asked")).unwrap();
    assert_eq!(asked.lines().count(), 2, "another mirror may have it: {asked}");
}
