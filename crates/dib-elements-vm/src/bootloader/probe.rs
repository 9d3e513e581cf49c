//! The stand-ins for GRUB's programs that look at disks.
//!
//! `grub-mkconfig` asks `grub-probe` which device a path is on, and what that device holds. In the sandbox there is no such
//! device; the disk is made when the tree is final. What it will hold is known, though, and the script says so. The same is
//! true of `grub-mkrelpath`, which finds out where a path stands on its own file system.

use dib_core::{PlannedDisk, PlannedFileSystem};

/// Returns the programs that are replaced, each with the script that stands in for it.
pub(super) fn stand_ins(disk: &PlannedDisk) -> Vec<(&'static str, String)> {
    let mut scripts = vec![("/usr/sbin/grub-probe", grub_probe(disk))];
    if disk.file_system_at("/boot").is_some() {
        scripts.push(("/usr/bin/grub-mkrelpath", MKRELPATH_OF_BOOT.to_owned()));
    }
    scripts
}

/// Says where a path stands on its file system, where `/boot` is one of its own.
const MKRELPATH_OF_BOOT: &str = "\
#!/bin/sh
for path; do :; done
case $path in
/boot) echo / ;;
/boot/*) printf '%s\\n' \"${path#/boot}\" ;;
*) printf '%s\\n' \"$path\" ;;
esac
";

/// Returns the script that answers for `grub-probe`. What it doesn't know it refuses, as the program does.
fn grub_probe(disk: &PlannedDisk) -> String {
    let mut cases = String::new();
    if let Some(boot) = disk.file_system_at("/boot") {
        cases = format!("/boot|/boot/*|{})\n{}    ;;\n", device(boot), answers(disk, boot));
    }
    let root = disk.file_system_at("/");
    let of_root = root.map(|root| answers(disk, root)).unwrap_or_default();
    format!("{READ_ARGUMENTS}case $path in\n{cases}*)\n{of_root}    ;;\nesac\nexit 1\n")
}

/// Sets `target` to what is asked for and `path` to the path or device that it is asked of.
const READ_ARGUMENTS: &str = "\
#!/bin/sh
# Stands in for grub-probe while the image is built: the disk is not there yet.
target= path=
while [ $# -gt 0 ]; do
    case $1 in
    -t) target=$2; shift ;;
    --target=*) target=${1#--target=} ;;
    -*) ;;
    *) path=$1 ;;
    esac
    shift
done
";

/// Returns the part of the script that answers for one file system.
fn answers(disk: &PlannedDisk, file_system: &PlannedFileSystem) -> String {
    let drive = grub_device(disk, file_system, "hd0");
    let on_ahci = grub_device(disk, file_system, "ahci0");
    let table = disk.partition_table.as_deref().map(partition_module);
    let answers = [
        ("device", device(file_system)),
        ("fs", grub_module(&file_system.kind).to_owned()),
        ("fs_uuid", file_system.uuid.clone()),
        ("fs_label", file_system.label.clone()),
        ("partmap", table.unwrap_or_default().to_owned()),
        ("abstraction", String::new()),
        ("drive", format!("({drive})")),
        ("compatibility_hint", drive.clone()),
        (
            "hints_string",
            format!("--hint-bios={drive} --hint-efi={drive} --hint-baremetal={on_ahci}"),
        ),
    ];
    let lines = answers.map(|(target, answer)| match answer.as_str() {
        "" => format!("    {target}) exit 0 ;;\n"),
        _ => format!(
            "    {target}) echo '{}'; exit 0 ;;\n",
            answer.replace('\'', "'\\''")
        ),
    });
    format!("    case $target in\n{}    esac\n", lines.concat())
}

fn device(file_system: &PlannedFileSystem) -> String {
    format!("/dev/disk/by-uuid/{}", file_system.uuid)
}

/// Returns what GRUB calls the place of a file system on a disk, such as `hd0,gpt3`.
fn grub_device(disk: &PlannedDisk, file_system: &PlannedFileSystem, drive: &str) -> String {
    match (&disk.partition_table, file_system.partition) {
        (Some(table), Some(number)) => format!("{drive},{}{number}", partition_module(table)),
        _ => drive.to_owned(),
    }
}

/// Returns GRUB's name for a kind of partition table, which is also its module's.
fn partition_module(table: &str) -> &str {
    if table == "mbr" { "msdos" } else { table }
}

/// Returns the name of the module that reads a file system.
pub(super) fn grub_module(kind: &str) -> &str {
    match kind {
        "ext3" | "ext4" => "ext2",
        "vfat" => "fat",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn disk() -> PlannedDisk {
        let file_system = |mount_point: &str, kind: &str, uuid: &str, partition| PlannedFileSystem {
            mount_point: mount_point.to_owned(),
            kind: kind.to_owned(),
            label: "it's mine".to_owned(),
            uuid: uuid.to_owned(),
            partition: Some(partition),
        };
        PlannedDisk {
            partition_table: Some("gpt".to_owned()),
            file_systems: vec![
                file_system("/", "xfs", "11-22", 4),
                file_system("/boot", "ext4", "33-44", 3),
            ],
            ..PlannedDisk::default()
        }
    }

    /// Runs a script as a program and returns what it prints, or `None` when it fails.
    fn answer(script: &str, arguments: &[&str]) -> Option<String> {
        let output = Command::new("sh")
            .args(["-c", script, "sh"])
            .args(arguments)
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        output.status.success().then_some(text)
    }

    #[test]
    fn grub_probe_answers_for_the_disk_to_come() {
        let script = grub_probe(&disk());
        let check = |arguments: &[&str], expected: Option<&str>| {
            assert_eq!(answer(&script, arguments).as_deref(), expected, "{arguments:?}");
        };
        check(&["--target=device", "/"], Some("/dev/disk/by-uuid/11-22"));
        check(&["--target=device", "/boot"], Some("/dev/disk/by-uuid/33-44"));
        check(
            &["--target=device", "/usr/share/grub/unicode.pf2"],
            Some("/dev/disk/by-uuid/11-22"),
        );
        check(
            &["--device", "/dev/disk/by-uuid/33-44", "--target=fs"],
            Some("ext2"),
        );
        check(
            &["--device", "/dev/disk/by-uuid/11-22", "--target=fs"],
            Some("xfs"),
        );
        check(
            &["--device", "/dev/disk/by-uuid/33-44", "--target=fs_uuid"],
            Some("33-44"),
        );
        check(&["-t", "fs", "/boot/grub"], Some("ext2"));
        check(
            &["--device", "LABEL=root", "--target=fs_label"],
            Some("it's mine"),
        );
        check(&["--device", "LABEL=root", "--target=partmap"], Some("gpt"));
        check(&["--device", "LABEL=root", "--target=abstraction"], Some(""));
        check(
            &["--device", "LABEL=root", "--target=compatibility_hint"],
            Some("hd0,gpt4"),
        );
        check(&["--device", "LABEL=root", "--target=partuuid"], None);
    }

    #[test]
    fn a_disk_without_partitions_has_no_map_of_them() {
        let mut disk = disk();
        disk.partition_table = None;
        disk.file_systems.truncate(1);
        disk.file_systems[0].partition = None;
        let script = grub_probe(&disk);
        assert_eq!(answer(&script, &["--target=partmap", "/"]).as_deref(), Some(""));
        assert_eq!(
            answer(&script, &["--target=drive", "/boot"]).as_deref(),
            Some("(hd0)")
        );
    }

    #[test]
    fn paths_below_boot_are_told_from_its_own_root() {
        let check =
            |path, expected| assert_eq!(answer(MKRELPATH_OF_BOOT, &[path]).as_deref(), Some(expected));
        check("/boot/vmlinuz-6", "/vmlinuz-6");
        check("/boot", "/");
        check("/usr/share", "/usr/share");
    }
}
