//! The faults, and what a build has to say to each.

use super::archive::{FaultyArchive, PlannedFault, in_suite};
use super::made_packages::{JEALOUS, LAST_WORDS, LONELY, MISSING, RIVAL, UNFINISHED, UNWILLING};
use super::outcome::Expected;
use crate::signing_key::SigningKey;
use crate::static_server::Fault;
use crate::task_error::TaskError;
use crate::ubuntu_archive::RELEASE;

/// A package of those without which no script runs.
const BASIC: &str = "base-passwd";
/// A date as archives write it.
const PAST: &str = "Sat, 01 Jan 2000 00:00:00 UTC";
/// What names a better mirror.
const OTHER_MIRROR: &str = "DIB_DISTRIBUTION_MIRROR";
/// What gives a mirror more time.
const PATIENCE: &str = "DIB_DOWNLOAD_TIMEOUT";
/// A build that waits for nothing longer than it must.
const IMPATIENT: [(&str, &str); 2] = [(PATIENCE, "1"), ("DIB_DOWNLOAD_RETRIES", "1")];

/// A build and how it has to end.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) faults: Vec<PlannedFault>,
    pub(super) packages: Vec<&'static str>,
    pub(super) variables: Vec<(&'static str, &'static str)>,
    pub(super) expected: Expected,
}

impl Case {
    /// A build that ends with this code and says all this.
    fn new(name: &'static str, code: i32, says: &[&str]) -> Self {
        Self {
            name,
            faults: Vec::new(),
            packages: Vec::new(),
            variables: Vec::new(),
            expected: Expected {
                code,
                says: says.iter().map(|&text| text.to_owned()).collect(),
                prints: Vec::new(),
            },
        }
    }

    fn fault(mut self, path: &str, fault: Fault) -> Self {
        self.faults.push(PlannedFault {
            path: path.to_owned(),
            fault,
            once: false,
        });
        self
    }

    fn first_time(mut self, path: &str, fault: Fault) -> Self {
        self = self.fault(path, fault);
        if let Some(planned) = self.faults.last_mut() {
            planned.once = true;
        }
        self
    }

    /// What the build prints, beside its message.
    fn prints(mut self, texts: &[&'static str]) -> Self {
        self.expected.prints = texts.to_vec();
        self
    }

    fn packages(mut self, packages: &[&'static str]) -> Self {
        self.packages = packages.to_vec();
        self
    }

    fn variables(mut self, variables: &[(&'static str, &'static str)]) -> Self {
        self.variables = variables.to_vec();
        self
    }
}

/// Makes what is served in the cases, and lists them.
pub(super) fn all(archive: &FaultyArchive) -> Result<Vec<Case>, TaskError> {
    let mut cases = of_releases(archive)?;
    cases.extend(of_files(archive)?);
    cases.extend(of_connections(archive)?);
    cases.extend(of_packages());
    Ok(cases)
}

fn of_releases(archive: &FaultyArchive) -> Result<Vec<Case>, TaskError> {
    let (in_release, signature) = (in_suite("InRelease"), in_suite("Release.gpg"));
    let url = archive.url_of(&in_release);
    let release = archive.release()?;
    let expired = archive.signed("expired", &format!("Valid-Until: {PAST}\n{release}"))?;
    let stranger = SigningKey::make("dib test of strangers")?;
    let by_stranger = archive.signed_by(&stranger, "by-stranger", &release)?;
    Ok(vec![
        Case::new(
            "an expired release",
            65,
            &[
                &url,
                "expired",
                "2000-01-01",
                OTHER_MIRROR,
                "DIB_APT_CHECK_VALID_UNTIL=0",
            ],
        )
        .fault(&in_release, Fault::Other(expired)),
        Case::new(
            "a release without a signature",
            65,
            &[&archive.url_of(&in_suite("Release")), "not signed", OTHER_MIRROR],
        )
        .fault(&in_release, Fault::Absent)
        .fault(&signature, Fault::Absent),
        Case::new(
            "a release that a stranger signed",
            65,
            &[&url, RELEASE, "DIB_APT_KEYRING"],
        )
        .fault(&in_release, Fault::Other(by_stranger)),
        Case::new(
            "a release with a changed byte",
            65,
            &[&url, RELEASE, OTHER_MIRROR],
        )
        .fault(&in_release, Fault::Other(archive.damaged(&in_release)?)),
    ])
}

fn of_files(archive: &FaultyArchive) -> Result<Vec<Case>, TaskError> {
    let (index, package) = (archive.index()?, archive.package(BASIC)?);
    let (index_url, package_url) = (archive.url_of(&index), archive.url_of(&package));
    Ok(vec![
        Case::new(
            "an index with a changed byte",
            65,
            &[&index_url, "sum", OTHER_MIRROR],
        )
        .fault(&index, Fault::Other(archive.damaged(&index)?)),
        Case::new(
            "a package with a changed byte",
            65,
            &[BASIC, &package_url, "sum", OTHER_MIRROR],
        )
        .fault(&package, Fault::Other(archive.damaged(&package)?)),
        Case::new(
            "a package that is not there",
            66,
            &[BASIC, &package_url, "404", OTHER_MIRROR],
        )
        .fault(&package, Fault::Absent),
    ])
}

fn of_connections(archive: &FaultyArchive) -> Result<Vec<Case>, TaskError> {
    let (in_release, package) = (in_suite("InRelease"), archive.package(BASIC)?);
    let (release_url, package_url) = (archive.url_of(&in_release), archive.url_of(&package));
    let expired = archive.signed(
        "expired-too",
        &format!("Valid-Until: {PAST}\n{}", archive.release()?),
    )?;
    Ok(vec![
        Case::new(
            "a server that never answers",
            75,
            &[&release_url, "2 tries", PATIENCE],
        )
        .fault(&in_release, Fault::Silent)
        .variables(&IMPATIENT),
        Case::new(
            "a connection that is always cut",
            75,
            &[BASIC, &package_url, "2 tries", PATIENCE],
        )
        .fault(&package, Fault::Cut(100))
        .variables(&IMPATIENT),
        Case::new(
            "a connection that is cut once, and a release that may have expired",
            0,
            &[],
        )
        .first_time(&package, Fault::Cut(100))
        .fault(&in_release, Fault::Other(expired))
        .variables(&[("DIB_APT_CHECK_VALID_UNTIL", "0")]),
    ])
}

fn of_packages() -> Vec<Case> {
    // What a person would look at in the shell that the message speaks of.
    const SHELL: [(&str, &str); 2] = [
        ("break", "after-error"),
        ("break_cmd", "chroot \"$TARGET_ROOT\" dpkg --audit"),
    ];
    let in_shell = "break=after-error";
    vec![
        Case::new(
            "an unknown package",
            78,
            &["dib-test-nobody", RELEASE, "dib plan"],
        )
        .packages(&["dib-test-nobody"]),
        Case::new(
            "a dependency that nobody has",
            78,
            &[LONELY, MISSING, "Depends", "dib plan"],
        )
        .packages(&[LONELY]),
        Case::new(
            "packages in conflict",
            78,
            &[JEALOUS, RIVAL, "Conflicts", "dib plan"],
        )
        .packages(&[JEALOUS, RIVAL]),
        Case::new("a preinst that fails", 1, &[UNWILLING, LAST_WORDS, in_shell]).packages(&[UNWILLING]),
        Case::new("a postinst that fails", 1, &[UNFINISHED, LAST_WORDS, in_shell])
            .packages(&[UNFINISHED])
            .variables(&SHELL)
            .prints(&["only half configured"]),
    ]
}
