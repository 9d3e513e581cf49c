use proptest::prelude::*;

use super::*;

const URL: &str = "http://a.example.org/dists/x/InRelease";

#[test]
fn fields_are_read() {
    let sum = Sha256::of(b"abc");
    let text = format!(
        "Origin: Debian\nSuite: stable\nCodename: bookworm\nDate: Sat, 17 May 2025 09:05:52 UTC\n\
         Valid-Until: Mon, 2 Jun 2025 09:05:52 +0000\nAcquire-By-Hash: yes\nArchitectures: all amd64\n\
         Components: main contrib\nMD5Sum:\n 00 3 main/Packages\nSHA256:\n {sum}        3 main/Packages\n\
         \n{sum} 5 after/the/end\n"
    );
    let release = Release::parse(&text, URL).expect("a release");
    assert_eq!(release.suite.as_deref(), Some("stable"));
    assert_eq!(release.codename.as_deref(), Some("bookworm"));
    assert_eq!(release.date.map(Timestamp::as_second), Some(1_747_472_752));
    assert_eq!(release.valid_until.map(Timestamp::as_second), Some(1_748_855_152));
    assert!(release.by_hash && release.separate_all);
    assert_eq!(release.components, ["main", "contrib"]);
    assert_eq!(
        release.file("main/Packages"),
        Some(ListedFile { sha256: sum, size: 3 })
    );
    assert_eq!(release.file("after/the/end"), None);

    let text = text.replace("Origin:", "No-Support-for-Architecture-all: Packages\nOrigin:");
    assert!(!Release::parse(&text, URL).expect("a release").separate_all);
}

#[test]
fn malformed_fields_are_named() {
    for (text, expected) in [
        ("Date: yesterday\n", "Date"),
        ("Valid-Until: 2025-05-17\n", "Valid-Until"),
        ("SHA256:\n abc 3 main/Packages\n", "SHA256"),
        ("SHA256:\n main/Packages\n", "SHA256"),
    ] {
        let error = Release::parse(text, URL).expect_err(text);
        assert!(
            matches!(error, ReleaseError::BadField { field, .. } if field == expected),
            "{error}"
        );
    }
}

#[test]
fn a_release_is_of_the_suite_that_was_asked_for() {
    for (text, suite, good) in [
        ("Suite: stable\nCodename: bookworm\n", "bookworm", true),
        ("Suite: stable\nCodename: bookworm\n", "stable", true),
        (
            "Suite: stable-security\nCodename: bookworm-security\n",
            "bookworm-security",
            true,
        ),
        ("Suite: oldstable\nCodename: buster\n", "buster/updates", true),
        ("Origin: nobody\n", "bookworm", true),
        ("Suite: unstable\nCodename: sid\n", "bookworm", false),
        ("Suite: stable\nCodename: bookworm\n", "bookworm-security", false),
    ] {
        let release = Release::parse(text, URL).expect("a release");
        assert_eq!(
            release.check(URL, suite, Expiry::Ignored).is_ok(),
            good,
            "{text:?} as {suite}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_taken(text in "((Date|SHA256|Suite|Components):)?[ a-zA-Z0-9:\n]{0,60}") {
        let _ = Release::parse(&text, URL);
    }
}
