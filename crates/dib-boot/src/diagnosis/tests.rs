use super::*;

/// Reads a console's lines, the last of which is not complete, to the first verdict.
fn verdict(sign: Sign, console: &str) -> Option<Verdict> {
    let mut watcher = Watcher::awaiting(sign);
    let (lines, current) = console.rsplit_once('\n').unwrap_or(("", console));
    lines
        .lines()
        .find_map(|line| watcher.line(line))
        .or_else(|| watcher.unfinished_line(current))
}

fn check(console: &str, expected: Cause, expected_evidence: &str) {
    match verdict(Sign::LoginPrompt, console) {
        Some(Verdict::Failed(Failure { cause, evidence, .. })) => {
            assert_eq!(cause, expected, "{console}");
            assert!(
                evidence
                    .as_deref()
                    .is_some_and(|line| line.contains(expected_evidence)),
                "{evidence:?}"
            );
        }
        other => panic!("{console}\ngave {other:?}"),
    }
}

#[test]
fn a_login_prompt_is_a_hosts_name_and_a_word() {
    for (line, expected) in [
        ("debian login:", true),
        (
            "my-host.example.org login: [   12.0] random: crng init done",
            true,
        ),
        ("[    1.0] systemd-logind: new login: x", false),
        ("Last login: Tue Nov 24", false),
        ("Cloud image login: ", false),
        (" login:", false),
    ] {
        assert_eq!(is_login_prompt(line), expected, "{line}");
        let verdict = verdict(Sign::LoginPrompt, &format!("Welcome to Debian\n{line}"));
        assert_eq!(verdict == Some(Verdict::Up), expected, "{line}");
    }
}

#[test]
fn the_end_of_cloud_init_is_awaited_beyond_the_prompt() {
    let console = "debian login:\n[   30.1] cloud-init[512]: Cloud-init v. 22.4.2 finished at Tue, 24 Nov 2026. Datasource None.  Up 30 s\n";
    assert_eq!(verdict(Sign::CloudInitFinished, console), Some(Verdict::Up));
    assert_eq!(verdict(Sign::CloudInitFinished, "debian login: "), None);
    let mut watcher = Watcher::awaiting(Sign::CloudInitFinished);
    assert_eq!(watcher.unfinished_line("debian login:"), None);
    assert_eq!(watcher.timed_out().cause, Cause::CloudInitNotFinished);
}

#[test]
fn failures_before_the_kernel() {
    check(
        "SeaBIOS (version 1.16.2)\nBooting from Hard Disk...\nBoot failed: not a bootable disk\n\nNo bootable device.\n",
        Cause::NoBootDevice,
        "not a bootable disk",
    );
    check(
        "BdsDxe: failed to load Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x2,0x0): Not Found\nShell>",
        Cause::NoUefiLoader,
        "Not Found",
    );
    check(
        "GRUB loading.\nerror: no such device: cloudimg-rootfs.\nerror: unknown filesystem.\nEntering rescue mode...\ngrub rescue>",
        Cause::GrubNoRoot,
        "cloudimg-rootfs",
    );
    check("Welcome to GRUB!\ngrub>", Cause::GrubNoConfiguration, "grub>");
    check(
        "  Booting `Debian GNU/Linux'\nerror: file `/boot/vmlinuz-6.1.0-41-amd64' not found.\n",
        Cause::NoKernel,
        "vmlinuz-6.1.0",
    );
    check(
        "Loading initial ramdisk ...\nerror: ../../grub-core/fs/fshelp.c:257:file `/boot/initrd.img-6.1.0-41-amd64' not found.\n",
        Cause::NoInitramfs,
        "initrd.img",
    );
}

#[test]
fn failures_of_the_kernel() {
    check(
        "[    1.3] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n",
        Cause::RootNotMounted,
        "unknown-block",
    );
    check(
        "[    0.9] Initramfs unpacking failed: junk within compressed archive\n[    1.3] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n",
        Cause::InitramfsDamaged,
        "junk",
    );
    check(
        "[    1.0] Trying to unpack rootfs image as initramfs...\n[    2.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n",
        Cause::InitramfsDamaged,
        "unknown-block",
    );
    check(
        "Begin: Running /scripts/local-block ... done.\nALERT!  LABEL=cloudimg-rootfs does not exist.  Dropping to a shell!\n\n(initramfs)",
        Cause::RootNotFound,
        "LABEL=cloudimg-rootfs",
    );
    check(
        "Target filesystem doesn't have requested /sbin/init.\nNo init found. Try passing init= bootarg.\n(initramfs)",
        Cause::NoInit,
        "/sbin/init",
    );
    check(
        "/bin/sh: 0: can't access tty; job control turned off\n",
        Cause::NoInit,
        "job control",
    );
    check(
        "[    9.1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\n",
        Cause::KernelPanic,
        "kill init",
    );
}

#[test]
fn failures_of_the_system() {
    check(
        "[ TIME ] Timed out waiting for device /dev/disk/by-uuid/1234-ABCD.\n[DEPEND] Dependency failed for /boot/efi.\nYou are in emergency mode. After logging in, type\n",
        Cause::FileSystemNotFound,
        "1234-ABCD",
    );
    check(
        "Cannot open access to console, the root account is locked.\n",
        Cause::EmergencyMode,
        "locked",
    );
}

#[test]
fn a_clue_is_no_failure_by_itself_nor_of_another_stage() {
    let console = "error: file `/boot/grub/fonts/unicode.pf2' not found.\nerror: no such device: other.\ndebian login: ";
    assert_eq!(verdict(Sign::LoginPrompt, console), Some(Verdict::Up));
    check(
        "error: no such device: other.\n[    9.1] Kernel panic - not syncing: Attempted to kill init!\n",
        Cause::KernelPanic,
        "kill init",
    );
}

#[test]
fn the_end_of_the_time_names_the_stage() {
    for (console, expected) in [
        (vec![], "has not said a word"),
        (
            vec!["SeaBIOS (version 1.16.2)", "Booting from Hard Disk..."],
            "core image",
        ),
        (vec!["GRUB loading.", "Welcome to", "GRUB!"], "kernel's file"),
        (vec!["[    0.000000] Linux version 6.1.0"], "initramfs"),
        (vec!["Welcome to Debian GNU/Linux 12"], "its units"),
        (
            vec![
                "Welcome to Debian",
                "[ TIME ] Timed out waiting for device /dev/vdb.",
            ],
            "/dev/vdb",
        ),
    ] {
        let mut watcher = Watcher::awaiting(Sign::LoginPrompt);
        for line in &console {
            assert_eq!(watcher.line(line), None);
        }
        let said = watcher.timed_out().to_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_machine_that_ended_was_reset_or_switched_off() {
    let mut watcher = Watcher::awaiting(Sign::LoginPrompt);
    assert_eq!(watcher.ended().cause, Cause::Reset);
    assert_eq!(watcher.line("[   20.0] reboot: Power down"), None);
    assert_eq!(watcher.ended().cause, Cause::SwitchedOff);
}
