//! What needs no sandbox: commands on the host. `tests/sandbox.rs` runs those in a target.

use std::time::{Duration, Instant};

use super::*;

fn shell(script: &str) -> HostCommand {
    HostCommand {
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        environment: [("PATH".to_owned(), "/usr/sbin:/usr/bin:/sbin:/bin".to_owned())].into(),
        working_directory: "/".into(),
        stdin: Stdin::Nothing,
    }
}

fn run(command: &HostCommand) -> (CommandOutcome, Vec<(Stream, String)>) {
    let mut lines = Vec::new();
    let outcome = run_on_host(command, &mut |stream, line| lines.push((stream, line.to_owned()))).unwrap();
    (outcome, lines)
}

#[test]
fn lines_come_from_both_outputs() {
    let (outcome, mut lines) = run(&shell("echo out; echo err >&2"));
    assert_eq!(outcome.status, CommandStatus::Exited(0));
    lines.sort_by_key(|(_, line)| line.clone());
    assert_eq!(
        lines,
        [
            (Stream::Stderr, "err".to_owned()),
            (Stream::Stdout, "out".to_owned())
        ]
    );
}

#[test]
fn the_environment_is_what_is_given() {
    let mut command = shell("env");
    command.environment.insert("ONLY".to_owned(), "this".to_owned());
    let (_, lines) = run(&command);
    // A shell adds PWD, and some add SHLVL and _.
    let added = ["PWD=", "OLDPWD=", "SHLVL=", "_="];
    let given = lines
        .iter()
        .map(|(_, line)| line)
        .filter(|line| !added.iter().any(|name| line.starts_with(name)));
    let mut given: Vec<_> = given.map(String::as_str).collect();
    given.sort_unstable();
    assert_eq!(given, ["ONLY=this", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
}

#[test]
fn bytes_go_to_standard_input() {
    let mut command = shell("cat; pwd");
    command.stdin = Stdin::Bytes(b"one\ntwo\n".to_vec());
    command.working_directory = "/usr".into();
    let (outcome, _) = run(&command);
    assert_eq!(outcome.last_lines, ["one", "two", "/usr"]);
    let (outcome, _) = run(&shell("cat"));
    assert_eq!(outcome.last_lines, [""; 0]);
}

#[test]
fn a_failure_shows_what_ran_and_what_it_said() {
    let command = shell("echo broken; exit 3");
    let (outcome, _) = run(&command);
    let error = outcome.require_success(&command).unwrap_err();
    assert_eq!(
        error.to_string(),
        "sh -c echo broken; exit 3 exited with status 3\n  | broken\nto run it again: env -i \
         PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c 'echo broken; exit 3'"
    );
    let (outcome, _) = run(&shell("kill -9 $$"));
    assert_eq!(outcome.status, CommandStatus::Killed(9));
    assert_eq!(outcome.status.to_string(), "was killed by SIGKILL");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let error = |argv: &[&str], directory: &str| {
        let mut command = shell("");
        command.argv = argv.iter().map(|&word| word.to_owned()).collect();
        command.working_directory = directory.into();
        run_on_host(&command, &mut |_, _| {}).unwrap_err().to_string()
    };
    assert_eq!(
        error(&["no-such-program"], "/"),
        "there is no program no-such-program on the host"
    );
    assert_eq!(
        error(&["/no/such"], "/"),
        "there is no program /no/such on the host"
    );
    assert_eq!(error(&[], "/"), "the command is empty");
    assert_eq!(
        error(&["sh"], "/no/such"),
        "failed to start sh in /no/such on the host"
    );

    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    std::fs::write(&script, "#!/no/such/shell\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = script.to_str().unwrap();
    assert_eq!(
        error(&[script], "/"),
        format!("failed to start {script} on the host: its interpreter /no/such/shell is missing")
    );
}

#[test]
fn what_stays_in_the_group_is_ended() {
    // The sleeper keeps the shell's output open and prints its number, by which its end is seen.
    let started = Instant::now();
    let (outcome, lines) = run(&shell("sleep 1000 & echo $!; exit 5"));
    assert_eq!(outcome.status, CommandStatus::Exited(5));
    let sleeper: i32 = lines[0].1.parse().unwrap();
    let gone =
        || std::fs::read_to_string(format!("/proc/{sleeper}/cmdline")).is_ok_and(|line| !line.is_empty());
    while gone() {
        assert!(started.elapsed() < Duration::from_secs(60), "the sleeper lives");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_last_words_of_the_group_are_heard() {
    let (outcome, _) = run(&shell("(sleep 0.1; echo late) & exit 0"));
    assert_eq!(outcome.last_lines, ["late"]);
    let (_, lines) = run(&shell(
        "(trap 'echo told; exit' TERM; while :; do sleep 0.01; done) 2>/dev/null & exit 0",
    ));
    assert_eq!(lines, [(Stream::Stdout, "told".to_owned())]);
}

#[test]
fn what_left_the_group_is_not_waited_for() {
    let started = Instant::now();
    let (outcome, lines) = run(&shell(
        "setsid sh -c 'echo $$; exec sleep 1000' & sleep 0.2; exit 0",
    ));
    assert_eq!(outcome.status, CommandStatus::Exited(0));
    assert!(
        started.elapsed() < Duration::from_secs(500),
        "it waited for the daemon"
    );
    let daemon = nix::unistd::Pid::from_raw(lines[0].1.parse().unwrap());
    nix::sys::signal::kill(daemon, Signal::SIGKILL).unwrap();
}
