//! Programs that run beside this process for a while, and end when it does.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{getpid, getppid};

/// Has the kernel kill the program once the thread that starts it ends, however it ends.
///
/// A process has its main thread until its end, so that is the thread to start the program from. Source: `PR_SET_PDEATHSIG` in
/// `prctl(2)`.
pub fn end_with_this_process(command: &mut Command) -> &mut Command {
    let parent = getpid();
    let arrange = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        // Whoever started it may have ended before the call.
        if getppid() == parent {
            Ok(())
        } else {
            Err(io::Error::from(Errno::ESRCH))
        }
    };
    // SAFETY: `arrange` makes two system calls, and takes no lock and no memory.
    unsafe { command.pre_exec(arrange) }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_companion_asks_to_be_killed_with_its_parent() {
        // The thread that starts it ends at once.
        let child = std::thread::spawn(|| {
            let mut command = Command::new("sleep");
            command.arg("1000").stdin(Stdio::null());
            end_with_this_process(&mut command).spawn().expect("sleep starts")
        });
        let mut child = child.join().expect("the thread ends well");
        let status = child.wait().expect("the child can be waited for");
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(Signal::SIGKILL as i32)
        );
    }
}
