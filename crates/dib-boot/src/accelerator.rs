//! Whether KVM really runs a guest here. That `/dev/kvm` can be opened says little: in a virtual machine without nested
//! virtualisation a guest may be made and then stand still for ever.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use dib_sys::companion::end_with_this_process;

use crate::programs::{Arch, Programs};

/// What makes a machine run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The kernel and the processor.
    Kvm,
    /// QEMU alone, some ten times slower.
    Tcg,
}

/// How long the probe's guest may take for its two instructions.
const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// What the guest says, and the status that QEMU makes of it. Source: QEMU's device `isa-debug-exit`, 2·value + 1.
const SAID: u8 = 0x2a;
const STATUS: i32 = 2 * SAID as i32 + 1;

impl Accelerator {
    /// Tries whether a guest runs under KVM, within a few seconds and anew each time. `scratch` is a directory for the probe's file.
    ///
    /// The probe is written for this host's own processor being an amd64 one; elsewhere, and for other guests, it is TCG.
    #[must_use]
    pub fn probe(programs: &Programs, scratch: &Utf8Path) -> Self {
        let is_native = programs.arch == Arch::Amd64 && Arch::of_host() == Some(Arch::Amd64);
        if is_native && Utf8Path::new("/dev/kvm").exists() && guest_runs(programs, scratch) {
            Self::Kvm
        } else {
            Self::Tcg
        }
    }
}

/// A boot sector that says a byte and stops: `mov dx, 0xf4; mov al, SAID; out dx, al; hlt; jmp $-1`.
fn boot_sector() -> [u8; 512] {
    let mut sector = [0; 512];
    let code = [0xba, 0xf4, 0x00, 0xb0, SAID, 0xee, 0xf4, 0xeb, 0xfd];
    sector[..code.len()].copy_from_slice(&code);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

fn guest_runs(programs: &Programs, scratch: &Utf8Path) -> bool {
    let disk = scratch.join("probe.raw");
    if fs::write(&disk, boot_sector()).is_err() {
        return false;
    }
    let mut command = Command::new(&programs.qemu);
    command
        .args(["-machine", "pc", "-accel", "kvm", "-cpu", "host", "-m", "64"])
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"])
        .arg("-drive")
        .arg(format!(
            "if=ide,format=raw,readonly=off,snapshot=on,file={}",
            disk.as_str().replace(',', ",,")
        ))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let runs = end_with_this_process(&mut command)
        .spawn()
        .is_ok_and(|child| status_within(child, PROBE_LIMIT) == Some(STATUS));
    // It is in a directory of ours that goes away as a whole.
    let _ = fs::remove_file(&disk);
    runs
}

/// Waits for a process to exit and returns its status; what is still there at the end is killed.
fn status_within(mut child: Child, limit: Duration) -> Option<i32> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return status.code(),
            Ok(None) => thread::sleep(Duration::from_millis(20)),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}
