//! What a process finds in the sandbox.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::process::Command;
use std::sync::mpsc;

use camino::Utf8Path;
use dib_sys::mounts::tmpfs;
use dib_sys::sandbox::{ExitReport, SandboxError, SandboxOptions, has_own_proc, run_in_sandbox};

use crate::fake_root::temporary_directory;
use crate::{Test, in_sandbox};

pub(crate) const TESTS: &[Test] = &[
    (
        "namespaces::the_worker_is_root_with_a_whole_range",
        the_worker_is_root_with_a_whole_range,
    ),
    (
        "namespaces::it_has_its_own_processes_and_name",
        it_has_its_own_processes_and_name,
    ),
    ("namespaces::mounts_stay_inside", mounts_stay_inside),
    ("namespaces::a_status_comes_out", a_status_comes_out),
    ("namespaces::a_panic_is_status_101", a_panic_is_status_101),
    ("namespaces::a_signal_comes_out", a_signal_comes_out),
    (
        "namespaces::what_is_captured_lives_as_long_as_the_sandbox",
        what_is_captured_lives_as_long_as_the_sandbox,
    ),
    ("namespaces::orphans_are_reaped", orphans_are_reaped),
    (
        "namespaces::a_caller_with_threads_is_refused",
        a_caller_with_threads_is_refused,
    ),
    (
        "namespaces::the_mask_of_signals_is_what_it_was",
        the_mask_of_signals_is_what_it_was,
    ),
];

fn the_worker_is_root_with_a_whole_range() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        assert!(nix::unistd::geteuid().is_root() && nix::unistd::getegid().as_raw() == 0);
        tmpfs(&directory, Some("1m")).unwrap();
        for id in [0, 1, 1234, 65_534] {
            let file = directory.join(id.to_string());
            fs::write(&file, "").unwrap();
            chown(&file, Some(id), Some(id)).unwrap();
            let metadata = fs::metadata(&file).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (id, id));
        }
    });
}

fn it_has_its_own_processes_and_name() {
    let options = SandboxOptions {
        hostname: "inside".to_owned(),
    };
    let outside = nix::unistd::gethostname().unwrap();
    let report = run_in_sandbox(&options, || {
        assert_eq!(std::process::id(), 2);
        assert_eq!(nix::unistd::gethostname().unwrap(), "inside");
        if has_own_proc() {
            assert_eq!(fs::read_link("/proc/self").unwrap(), Utf8Path::new("2"));
            assert!(!Utf8Path::new("/proc/100000").exists());
        }
        0
    });
    assert_eq!(report.unwrap(), ExitReport::Exited(0));
    assert_eq!(nix::unistd::gethostname().unwrap(), outside);
}

fn mounts_stay_inside() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        tmpfs(&directory, None).unwrap();
        fs::write(directory.join("file"), "").unwrap();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(mounts.contains(directory.as_str()));
        // Neither shared nor slave: optional fields of mountinfo.
        assert!(
            !mounts.contains(" shared:") && !mounts.contains(" master:"),
            "{mounts}"
        );
    });
    assert!(!directory.join("file").exists());
    assert!(
        !fs::read_to_string("/proc/self/mountinfo")
            .unwrap()
            .contains(directory.as_str())
    );
}

fn a_status_comes_out() {
    for status in [0, 7, 255] {
        let report = run_in_sandbox(&SandboxOptions::default(), || status);
        assert_eq!(report.unwrap(), ExitReport::Exited(status));
    }
}

fn a_panic_is_status_101() {
    let report = run_in_sandbox(&SandboxOptions::default(), || {
        panic!("this message belongs to the test")
    });
    assert_eq!(report.unwrap(), ExitReport::Exited(101));
}

fn a_signal_comes_out() {
    let report = run_in_sandbox(&SandboxOptions::default(), || {
        nix::sys::signal::raise(nix::sys::signal::SIGKILL).unwrap();
        0
    });
    assert_eq!(report.unwrap(), ExitReport::Killed(9));
}

fn what_is_captured_lives_as_long_as_the_sandbox() {
    // Were the caller's copy dropped at once, the directory would be gone before the worker looked.
    let (guard, directory) = temporary_directory();
    in_sandbox(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(directory.exists());
        std::mem::forget(guard);
    });
}

fn orphans_are_reaped() {
    in_sandbox(|| {
        let output = Command::new("sh")
            .args(["-c", "(exec sleep 0.01) >/dev/null & echo $!"])
            .output()
            .unwrap();
        let orphan = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        // A zombie can still be signalled, a reaped process cannot.
        while nix::sys::signal::kill(nix::unistd::Pid::from_raw(orphan), None).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    });
    // An orphan killed by a signal without a name must not end the sandbox.
    in_sandbox(|| {
        Command::new("sh")
            .args(["-c", "sleep 100 >/dev/null 2>&1 & kill -40 $!"])
            .status()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
    });
}

fn a_caller_with_threads_is_refused() {
    let (release, end) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || end.recv());
    let error = run_in_sandbox(&SandboxOptions::default(), || 0).unwrap_err();
    assert!(matches!(error, SandboxError::Threads { count: 2 }), "{error}");
    drop(release);
    thread.join().unwrap().unwrap_err();
}

fn the_mask_of_signals_is_what_it_was() {
    use nix::sys::signal::{SigSet, Signal};
    let before = SigSet::thread_get_mask().unwrap();
    in_sandbox(|| {
        let mask = SigSet::thread_get_mask().unwrap();
        assert!(!mask.contains(Signal::SIGINT) && !mask.contains(Signal::SIGCHLD));
    });
    assert_eq!(SigSet::thread_get_mask().unwrap(), before);
}
