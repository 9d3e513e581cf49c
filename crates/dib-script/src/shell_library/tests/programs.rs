//! `rm`, `mknod` and `dib-block-device`. What `mount`, `umount` and `mknod` do where the kernel refuses needs a sandbox:
//! builds by an ordinary user show it.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;

use super::{Build, printed, stderr};

#[test]
fn rm_forgets_nodes_that_go_and_no_others() {
    let build = Build::new();
    for path in ["dev/null", "dev/zero", "device/zero"] {
        build.write(&format!("mnt/{path}"), "", 0o644);
    }
    let mnt = build.path("mnt");
    let line = |path: &str| format!("{} c 1 3 666\n", mnt.join(path).display());
    let nodes = || fs::read_to_string(build.path("device-nodes")).unwrap();
    let all = [line("dev/null"), line("dev/zero"), line("device/zero")].concat();
    build.write("device-nodes", &all, 0o644);

    printed(&build.bash("cd mnt; rm -f dev/null"));
    let two = [line("dev/zero"), line("device/zero")].concat();
    assert_eq!(nodes(), two);
    // A link goes itself.
    printed(&build.bash("ln -s mnt/dev link; rm link"));
    assert_eq!(nodes(), two);
    printed(&build.bash("rm -rf mnt/dev/"));
    assert_eq!(nodes(), line("device/zero"));
    assert!(!build.path("mnt/dev").exists());
    assert_eq!(build.bash("rm mnt/nothing").status.code(), Some(1));
    assert_eq!(nodes(), line("device/zero"));
}

#[test]
fn pipes_are_made_as_ever() {
    let build = Build::new();
    printed(&build.bash("mknod -m 600 pipe p"));
    let metadata = fs::metadata(build.path("pipe")).unwrap();
    assert!(metadata.file_type().is_fifo());
    assert!(!build.path("device-nodes").exists());
}

#[test]
fn block_devices_are_answered_from_the_builds_variables() {
    let build = Build::new();
    let asked =
        |variables: &str, symbol: &str| build.bash(&format!("{variables} dib-block-device getval {symbol}"));
    for (variables, symbol, expected) in [
        ("DIB_ROOT_LABEL=root", "root-label", "root\n"),
        ("DIB_ROOT_FSTYPE=xfs", "root-fstype", "xfs\n"),
        ("DIB_MOUNTPOINTS='/|/boot'", "mount-points", "/|/boot\n"),
        (
            "IMAGE_BLOCK_DEVICE=/dev/loop5",
            "image-block-device",
            "/dev/loop5\n",
        ),
    ] {
        assert_eq!(printed(&asked(variables, symbol)), expected);
    }
    let output = asked("", "image-block-device");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--loop"), "{}", stderr(&output));
    assert!(build.bash("dib-block-device --params x umount").status.success());
    assert_eq!(build.bash("dib-block-device create").status.code(), Some(1));
}
