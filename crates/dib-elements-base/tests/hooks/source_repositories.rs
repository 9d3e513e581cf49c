//! Snapshots of what the hook of `source-repositories` does, with the host's own `git`, `tar` and `bash`.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::Phase;
use dib_elements_base::source_repositories;
use dib_testing::{Fixture, Recording, Server};

const HOOK: &str = "98-source-repositories";

/// A fixture whose elements have these files, in which `REPOSITORY` stands for a git repository and `SERVER` for a server.
struct World {
    fixture: Fixture,
    repository: Utf8PathBuf,
    server: Server,
    directory: tempfile::TempDir,
}

impl World {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| Utf8Path::from_path(directory.path()).unwrap().join(name);
        let (hooks, repository, server) = (path("hooks"), path("repository"), Server::start());
        fs::create_dir(&hooks).unwrap();
        for (name, contents) in files {
            let contents = contents
                .replace("REPOSITORY", repository.as_str())
                .replace("SERVER", &server.url());
            fs::write(hooks.join(name), contents).unwrap();
        }
        let fixture = Fixture::new(|registry| registry.add(source_repositories::element()))
            .variable("TMP_HOOKS_PATH", hooks.as_str())
            .variable("DIB_MANIFEST_IMAGE_DIR", "/etc/dib-manifests")
            .shown_as(hooks.as_str(), "hooks")
            .shown_as(repository.as_str(), "repository")
            .shown_as(&server.url(), "server")
            .running_on_host();
        Self {
            fixture,
            repository,
            server,
            directory,
        }
    }

    /// Makes the repository, with a commit on `master`, one on `stable/1` and one that only `refs/changes/72/1/8` leads to.
    fn with_repository(self) -> Self {
        fs::create_dir(&self.repository).unwrap();
        self.git(&["init", "-q", "-b", "master"]);
        for (contents, branch) in [
            ("first", "master"),
            ("second", "stable/1"),
            ("third", "refs/changes/72/1/8"),
        ] {
            fs::write(self.repository.join("file"), format!("{contents}\n")).unwrap();
            self.git(&["add", "file"]);
            self.git(&["commit", "-q", "-m", contents]);
            if branch != "master" {
                let name = if branch.starts_with("refs/") {
                    branch.to_owned()
                } else {
                    format!("refs/heads/{branch}")
                };
                self.git(&["update-ref", &name, "HEAD"]);
                self.git(&["reset", "-q", "--hard", "HEAD^"]);
            }
        }
        self
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.current_dir(&self.repository).args(arguments);
        // Whatever the tester's own git is told.
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "nobody")
                .env(format!("GIT_{who}_EMAIL"), "nobody@example.org")
                .env(format!("GIT_{who}_DATE"), "1000000000 +0000");
        }
        assert!(command.status().unwrap().success(), "git {arguments:?}");
    }

    /// Has the server hand out an archive, of these files.
    fn with_archive(self, path: &str, files: &[&str]) -> Self {
        let tree = self.directory.path().join("tree");
        for file in files {
            let file = tree.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "x\n").unwrap();
        }
        let archive = self.directory.path().join("archive");
        let status = Command::new("tar")
            .args(["--mode=u=rwX,go=rX", "-czf"])
            .arg(&archive)
            .arg("-C")
            .arg(&tree)
            .arg(".")
            .status();
        assert!(status.unwrap().success());
        self.server.serve(path, fs::read(archive).unwrap());
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        let value = value.replace("REPOSITORY", self.repository.as_str());
        self.fixture = self.fixture.variable(name, &value);
        self
    }

    fn record(&self) -> String {
        shown(&self.fixture.record(Phase::ExtraData, HOOK))
    }
}

/// Shows a recording without what git keeps in `.git`, and the sums in names of the cache as `[sum]`.
fn shown(recording: &Recording) -> String {
    let mut text = String::new();
    let mut is_left_out = false;
    for line in recording.to_string().lines() {
        if !line.starts_with("    ") {
            is_left_out = line.contains("/.git/");
        }
        if !is_left_out {
            // The manifest names the fixture's directory, whose path is as long as the machine has it.
            let line = match line.split_once(" (") {
                Some((start, _)) if start.contains("dib-manifest-git-image 0644") => start,
                _ => line,
            };
            text.push_str(line);
            text.push('\n');
        }
    }
    let is_sum = |word: &str| word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split('_')
        .map(|part| match part.split_at_checked(40) {
            Some((sum, rest)) if is_sum(sum) => format!("[sum]{rest}"),
            _ => part.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("_")
}

#[test]
fn a_git_repository_is_cloned_and_written_down() {
    let world = World::new(&[(
        "source-repository-a-b",
        "# sources\n\na-b git /opt/a REPOSITORY\n",
    )])
    .with_repository();
    insta::assert_snapshot!(world.record(), @r#"
    journal
      create directory [cache]/source-repositories of the host
      run git clone -q -- [repository] [cache]/source-repositories/a_b_[sum].tmp beside the target (exited with status 0)
      run git -C [cache]/source-repositories/a_b_[sum] fetch -q --prune --update-head-ok -- [repository] +master:master beside the target (exited with status 0)
      run git -C [cache]/source-repositories/a_b_[sum] rev-parse -q --verify master^{commit} beside the target (exited with status 0)
      create directory /opt
      run sh -c umask 022; exec git "$@" git clone -q --no-hardlinks -- [cache]/source-repositories/a_b_[sum] [target]/.dib-source-repository beside the target (exited with status 0)
      run sh -c umask 022; exec git "$@" git -C [target]/.dib-source-repository fetch -q [cache]/source-repositories/a_b_[sum] master:fetch_master beside the target (exited with status 0)
      run sh -c umask 022; exec git "$@" git -C [target]/.dib-source-repository reset -q --hard FETCH_HEAD beside the target (exited with status 0)
      run git -C [target]/.dib-source-repository rev-parse -q --verify FETCH_HEAD^{commit} beside the target (exited with status 0)
      rename /.dib-source-repository to /opt/a
      create directory /etc
      write /etc/dib-source-repositories 0644 (7 bytes)
      create directory /etc/dib-manifests
      write /etc/dib-manifests/dib-manifest-git-image 0644
    target
      + /etc/ 0755
      + /etc/dib-manifests/ 0755
      + /etc/dib-manifests/dib-manifest-git-image 0644
        | a-b git /opt/a [repository] a756a9f06bf8e8529a9f9f8b441bfad5126fe451
      + /etc/dib-source-repositories 0644
        | /opt/a
      + /opt/ 0755
      + /opt/a/ 0755
      + /opt/a/file 0644
        | first
    "#);
    // Once more, as from the shell of a break point.
    insta::assert_snapshot!(world.record(), @"
    journal
      run git -C [cache]/source-repositories/a_b_[sum] fetch -q --prune --update-head-ok -- [repository] +master:master beside the target (exited with status 0)
      run git -C [cache]/source-repositories/a_b_[sum] rev-parse -q --verify master^{commit} beside the target (exited with status 0)
      write /etc/dib-source-repositories 0644 (14 bytes)
    target
      ~ /etc/dib-source-repositories 0644
        | /opt/a
        | /opt/a
    ");
}

#[test]
fn branches_changes_and_commits_are_references() {
    let file = "a git /opt/a REPOSITORY stable/1\nb git /opt/b REPOSITORY refs/changes/72/1/8\nc git /opt/c REPOSITORY *\n";
    let world = World::new(&[("source-repository-a", file)]).with_repository();
    insta::assert_snapshot!(world.record(), @r#"
    journal
      create directory [cache]/source-repositories of the host
      run git clone -q -- [repository] [cache]/source-repositories/a_[sum].tmp beside the target (exited with status 0)
      run git -C [cache]/source-repositories/a_[sum] fetch -q --prune --update-head-ok -- [repository] +stable/1:stable/1 beside the target (exited with status 0)
      run git -C [cache]/source-repositories/a_[sum] rev-parse -q --verify stable/1^{commit} beside the target (exited with status 0)
      create directory /opt
      run sh -c umask 022; exec git "$@" git clone -q --no-hardlinks -- [cache]/source-repositories/a_[sum] [target]/.dib-source-repository beside the target (exited with status 0)
      run sh -c umask 022; exec git "$@" git -C [target]/.dib-source-repository fetch -q [cache]/source-repositories/a_[sum] stable/1:fetch_stable/1 beside the target (exited with status 0)
      run sh -c umask 022; exec git "$@" git -C [target]/.dib-source-repository reset -q --hard FETCH_HEAD beside the target (exited with status 0)
      run git -C [target]/.dib-source-repository rev-parse -q --verify FETCH_HEAD^{commit} beside the target (exited with status 0)
      rename /.dib-source-repository to /opt/a
      create directory /etc
      write /etc/dib-source-repositories 0644 (7 bytes)
      run git clone -q -- [repository] [cache]/source-repositories/b_[sum].tmp beside the target (exited with status 0)
      run git -C [cache]/source-repositories/b_[sum] fetch -q --prune --update-head-ok -- [repository] +refs/changes/72/1/8:refs/changes/72/1/8 beside the target (exited with status 0)
      run git -C [cache]/source-repositories/b_[sum] rev-parse -q --verify refs/changes/72/1/8^{commit} beside the target (exited with status 0)
      run sh -c umask 022; exec git "$@" git clone -q --no-hardlinks -- [cache]/source-repositories/b_[sum] [target]/.dib-source-repository beside the target (exited with status 0)
      run sh -c umask 022; exec git "$@" git -C [target]/.dib-source-repository fetch -q [cache]/source-repositories/b_[sum] refs/changes/72/1/8:fetch_refs/changes/72/1/8 beside the target (exited with status 0)
      run sh -c umask 022; exec git "$@" git -C [target]/.dib-source-repository reset -q --hard FETCH_HEAD beside the target (exited with status 0)
      run git -C [target]/.dib-source-repository rev-parse -q --verify FETCH_HEAD^{commit} beside the target (exited with status 0)
      rename /.dib-source-repository to /opt/b
      write /etc/dib-source-repositories 0644 (14 bytes)
      run git clone -q -- [repository] [cache]/source-repositories/c_[sum].tmp beside the target (exited with status 0)
      run git -C [cache]/source-repositories/c_[sum] fetch -q --prune --update-head-ok -- [repository] +refs/heads/*:refs/heads/* +refs/tags/*:refs/tags/* beside the target (exited with status 0)
      run sh -c umask 022; exec git "$@" git clone -q --no-hardlinks -- [cache]/source-repositories/c_[sum] [target]/.dib-source-repository beside the target (exited with status 0)
      run sh -c umask 022; exec git "$@" git -C [target]/.dib-source-repository fetch -q --prune --update-head-ok [cache]/source-repositories/c_[sum] +refs/heads/*:refs/heads/* +refs/tags/*:refs/tags/* beside the target (exited with status 0)
      run git -C [target]/.dib-source-repository rev-parse -q --verify HEAD^{commit} beside the target (exited with status 0)
      rename /.dib-source-repository to /opt/c
      write /etc/dib-source-repositories 0644 (21 bytes)
      create directory /etc/dib-manifests
      write /etc/dib-manifests/dib-manifest-git-image 0644
    target
      + /etc/ 0755
      + /etc/dib-manifests/ 0755
      + /etc/dib-manifests/dib-manifest-git-image 0644
        | a git /opt/a [repository] 836d1f66c79bcb52c77f1869187e47613cc3d20f
        | b git /opt/b [repository] b0e258bf731ea4daaacfb0fcbaf439f5b16bce6a
        | c git /opt/c [repository] a756a9f06bf8e8529a9f9f8b441bfad5126fe451
      + /etc/dib-source-repositories 0644
        | /opt/a
        | /opt/b
        | /opt/c
      + /opt/ 0755
      + /opt/a/ 0755
      + /opt/a/file 0644
        | second
      + /opt/b/ 0755
      + /opt/b/file 0644
        | third
      + /opt/c/ 0755
      + /opt/c/file 0644
        | first
    "#);
    let commit = Command::new("git")
        .args(["-C", world.repository.as_str(), "rev-parse", "stable/1"])
        .output();
    let commit = String::from_utf8(commit.unwrap().stdout).unwrap();
    let world = World::new(&[("source-repository-a", "a git /opt/a REPOSITORY\n")]).with_repository();
    let recording = world.variable("DIB_REPOREF_a", commit.trim()).record();
    assert!(recording.contains("| second"), "{recording}");
}

#[test]
fn a_reference_that_is_not_there_is_an_error() {
    let world = World::new(&[("source-repository-a", "a git /opt/a REPOSITORY main\n")]).with_repository();
    let recording = world.record();
    insta::assert_snapshot!(&recording[recording.find("error").unwrap()..], @"
    error
      [repository] has no commit by the name main
      hint: set DIB_REPOREF_a, or name the reference in the last word of the line of a
    ");
}

#[test]
fn another_repository_in_its_place_is_an_error() {
    for (file, expected) in [
        (
            "a git /opt/a REPOSITORY\na git /opt/a REPOSITORY stable/1\n",
            "/opt/a has the repository a already, at another reference than stable/1",
        ),
        (
            "b git /opt REPOSITORY\n",
            "/opt can't get the repository b: something else stands there",
        ),
    ] {
        let mut world = World::new(&[("source-repository-a", file)]).with_repository();
        world.fixture = world.fixture.directory("/opt");
        let recording = world.record();
        assert!(recording.contains(expected), "{recording}");
    }
}

#[test]
fn what_is_cached_does_offline() {
    let world = World::new(&[("source-repository-a", "a git $WHERE REPOSITORY\n")]).with_repository();
    let world = world.variable("WHERE", "/opt/a");
    assert!(world.record().contains("+ /opt/a/file"));
    fs::rename(&world.repository, world.repository.with_file_name("away")).unwrap();
    let mut world = world.variable("WHERE", "/opt/b");
    world.fixture = world.fixture.offline();
    let recording = world.record();
    assert!(recording.contains("+ /opt/b/file"), "{recording}");
    // What the cache lacks is asked for all the same.
    let recording = world.variable("DIB_REPOREF_a", "stable/2").record();
    assert!(
        recording.contains("[repository] +stable/2:stable/2 beside the target (exited with status"),
        "{recording}"
    );
}

#[test]
fn archives_are_extracted_and_files_copied() {
    let world = World::new(&[(
        "source-repository-a",
        "a tar /opt/a SERVER/a.tar.gz\nb tar /opt/b SERVER/a.tar.gz .\nc tar /opt/b/x SERVER/a.tar.gz a-*/sub\nd file /opt/d SERVER/a\n",
    )])
    .with_archive("/a.tar.gz", &["a-1/file", "a-1/sub/file", "top"]);
    world.server.serve("/a", "hello\n");
    insta::assert_snapshot!(world.record(), @"
    journal
      create directory [cache]/source-repositories of the host
      fetch [server]/a.tar.gz (downloaded, sha256 [sha256])
      create directory /.dib-source-repository
      run tar --extract --no-same-owner --same-permissions --directory [target]/.dib-source-repository --file [cache]/source-repositories/a_[sum] beside the target (exited with status 0)
      create directory /opt
      rename /.dib-source-repository/a-1 to /opt/a
      create directory /etc
      write /etc/dib-source-repositories 0644 (7 bytes)
      fetch [server]/a.tar.gz (downloaded, sha256 [sha256])
      create directory /.dib-source-repository
      run tar --extract --no-same-owner --same-permissions --directory [target]/.dib-source-repository --file [cache]/source-repositories/b_[sum] beside the target (exited with status 0)
      rename /.dib-source-repository to /opt/b
      write /etc/dib-source-repositories 0644 (14 bytes)
      fetch [server]/a.tar.gz (downloaded, sha256 [sha256])
      create directory /.dib-source-repository
      run tar --extract --no-same-owner --same-permissions --directory [target]/.dib-source-repository --file [cache]/source-repositories/c_[sum] beside the target (exited with status 0)
      rename /.dib-source-repository/a-1/sub to /opt/b/x
      write /etc/dib-source-repositories 0644 (23 bytes)
      fetch [server]/a (downloaded, sha256 [sha256])
      rename /.dib-source-repository to /opt/d
      write /etc/dib-source-repositories 0644 (30 bytes)
    target
      + /etc/ 0755
      + /etc/dib-source-repositories 0644
        | /opt/a
        | /opt/b
        | /opt/b/x
        | /opt/d
      + /opt/ 0755
      + /opt/a/ 0755
      + /opt/a/file 0644
        | x
      + /opt/a/sub/ 0755
      + /opt/a/sub/file 0644
        | x
      + /opt/b/ 0755
      + /opt/b/a-1/ 0755
      + /opt/b/a-1/file 0644
        | x
      + /opt/b/a-1/sub/ 0755
      + /opt/b/a-1/sub/file 0644
        | x
      + /opt/b/top 0644
        | x
      + /opt/b/x/ 0755
      + /opt/b/x/file 0644
        | x
      + /opt/d 0644
        | hello
    ");
}

#[test]
fn a_directory_that_no_archive_has_is_an_error() {
    let world = World::new(&[("source-repository-a", "a tar /opt/a SERVER/a.tar.gz b\n")])
        .with_archive("/a.tar.gz", &["a-1/file", "top"]);
    let recording = world.record();
    insta::assert_snapshot!(&recording[recording.find("error").unwrap()..], @"
    error
      [server]/a.tar.gz has no directory b; it has a-1, top
      hint: set DIB_REPOREF_a to . for all of it
    ");
}

#[test]
fn sources_go_nowhere_but_into_the_target() {
    let world = World::new(&[("source-repository-a", "a file /opt/a SERVER/a\n")]);
    world.server.serve("/a", "hello\n");
    let host = world.fixture.host();
    let world = World {
        fixture: world.fixture.symlink(host.as_str(), "/opt"),
        ..world
    };
    let recording = world.record();
    insta::assert_snapshot!(&recording[recording.find("error").unwrap()..], @"
    error
      failed to create the directory /opt in the target
      File exists (os error 17)
    ");
}

#[test]
fn the_user_changes_what_elements_want() {
    let world = World::new(&[(
        "source-repository-a",
        "a.b git /opt/a https://example.org/a\nskipped git /opt/skipped https://example.org/b\nc package\n",
    )])
    .with_repository()
    .variable("DIB_REPOLOCATION_a_b", "REPOSITORY")
    .variable("DIB_REPOREF_a_b", "stable/1")
    .variable("DIB_INSTALLTYPE_skipped", "package")
    .variable("DIB_INSTALLTYPE_c", "package");
    let recording = world.record();
    assert!(recording.contains("| second"), "{recording}");
    assert!(
        recording.contains("nothing to do: skipped is not installed from source"),
        "{recording}"
    );
    assert!(
        recording.contains("nothing to do: c is not installed from source"),
        "{recording}"
    );
    let recording = world.variable("DIB_REPOTYPE_a_b", "svn").record();
    insta::assert_snapshot!(&recording[recording.find("error").unwrap()..], @r#"
    error
      the variable DIB_REPOTYPE_a_b is "svn": git, tar, file or package is needed
    "#);
}

#[test]
fn bash_expands_lines() {
    let world = World::new(&[(
        "source-repository-a",
        "a git /opt/$(echo there) ${LOCATION:-nowhere} '*' # all\n$EMPTY\n",
    )])
    .with_repository()
    .variable("LOCATION", "REPOSITORY")
    .variable("EMPTY", "");
    let recording = world.record();
    assert!(
        recording.contains("| first") && recording.contains("+ /opt/there/file"),
        "{recording}"
    );
    let recording = World::new(&[("source-repository-a", "a git /opt/a $UNSET_ANYWHERE\n")]).record();
    assert!(
        recording.contains("UNSET_ANYWHERE: unbound variable"),
        "{recording}"
    );
}

#[test]
fn lines_that_say_nothing_known_are_errors() {
    let recording = World::new(&[("source-repository-a", "a svn /opt/a https://example.org/a\n")]).record();
    insta::assert_snapshot!(&recording[recording.find("error").unwrap()..], @r#"
    error
      [hooks]/source-repository-a has "a svn /opt/a https://example.org/a", which is no source repository
      hint: a line is NAME TYPE DESTINATION LOCATION [REF], and TYPE git, tar, file or package
    "#);
    let recording = World::new(&[("source-repository-a", "a package\n")]).record();
    insta::assert_snapshot!(&recording[recording.find("error").unwrap()..], @"
    error
      a is to be installed from source, but is known as a package only
      hint: set DIB_INSTALLTYPE_a=package
    ");
}

#[test]
fn no_sources_are_no_error() {
    let world = World::new(&[
        ("source-repository-a~", "nothing"),
        ("source-repositoryless", "nothing"),
    ]);
    insta::assert_snapshot!(world.record(), @"
    journal
      nothing to do: no element names a source repository
    ");
    let world = World::new(&[("source-repository-a", "nothing\n")]).variable("NO_SOURCE_REPOSITORIES", "1");
    insta::assert_snapshot!(world.record(), @"
    journal
      nothing to do: NO_SOURCE_REPOSITORIES is set
    ");
}
