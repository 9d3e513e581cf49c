use super::*;

#[track_caller]
fn check(sources: &[AptSource], expected: &[&str]) {
    let lines: Vec<String> = sources.iter().map(ToString::to_string).collect();
    assert_eq!(lines, expected);
}

#[test]
fn one_line_sources() {
    for (text, expected) in [
        ("", &[][..]),
        ("# deb http://a.example.org x main\n", &[]),
        ("deb-src http://a.example.org/d x main", &[]),
        ("debian http://a.example.org/d x main", &[]),
        ("deb http://a.example.org/d", &[]),
        ("deb [signed-by=/k http://a.example.org/d x main", &[]),
        (
            "deb http://a.example.org/d x main contrib # why",
            &["deb http://a.example.org/d x main contrib"],
        ),
        (
            "\tdeb\thttp://a.example.org/d\tx  main",
            &["deb http://a.example.org/d x main"],
        ),
        (
            "deb [ arch=amd64,i386 Signed-By=/k.gpg ] http://a.example.org/d x main",
            &["deb [signed-by=/k.gpg] http://a.example.org/d x main"],
        ),
    ] {
        check(&parse_one_line(text), expected);
    }
}

#[test]
fn deb822_sources() {
    for (text, expected) in [
        ("", &[][..]),
        (
            "Types: deb-src\nURIs: http://a.example.org/d\nSuites: x\nComponents: main\n",
            &[],
        ),
        (
            "Enabled: no\nTypes: deb\nURIs: http://a.example.org/d\nSuites: x\nComponents: main\n",
            &[],
        ),
        (
            "# c\nTypes: deb deb-src\n# snapshot\nURIs: http://a.example.org/d\nsuites: x x-updates\nComponents: main\n",
            &[
                "deb http://a.example.org/d x main",
                "deb http://a.example.org/d x-updates main",
            ],
        ),
        (
            "Types: deb\nURIs: http://a.example.org/d\nSuites: x\nComponents: main\nSigned-By: /k.gpg\n\n\n\
             Enabled: yes\nTypes: deb\nURIs: http://b.example.org\nSuites:\n y\n z\nComponents: main extra",
            &[
                "deb [signed-by=/k.gpg] http://a.example.org/d x main",
                "deb http://b.example.org y main extra",
                "deb http://b.example.org z main extra",
            ],
        ),
    ] {
        check(&parse_deb822(text), expected);
    }
}

fn debian() -> HostRelease {
    HostRelease {
        id: "debian".into(),
        codename: "bookworm".into(),
    }
}

const MIXED: &str = "\
    deb http://a.example.org/debian bookworm main\n\
    deb http://a.example.org/debian bookworm main\n\
    deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://a.example.org/debian bookworm-updates main\n\
    deb http://a.example.org/security bookworm-security main\n\
    deb http://a.example.org/debian bookworm-backports main\n\
    deb http://a.example.org/debian trixie main\n\
    deb [arch=arm64] http://a.example.org/ports bookworm main\n\
    deb http://docker.example.org bookworm stable\n\
    deb [signed-by=/usr/share/keyrings/other-archive-keyring.gpg] http://other.example.org bookworm main\n";

#[test]
fn only_the_distributions_own_release_is_chosen() {
    check(
        &choose(&parse_one_line(MIXED), &debian(), "bookworm", "amd64"),
        &[
            "deb http://a.example.org/debian bookworm main",
            "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://a.example.org/debian bookworm-updates main",
            "deb http://a.example.org/security bookworm-security main",
        ],
    );
}

#[test]
fn another_suite_takes_the_same_archives() {
    check(
        &choose(&parse_one_line(MIXED), &debian(), "trixie", "arm64"),
        &[
            "deb http://a.example.org/debian trixie main",
            "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://a.example.org/debian trixie-updates main",
            "deb http://a.example.org/security trixie-security main",
            "deb http://a.example.org/ports trixie main",
        ],
    );
}

#[test]
fn os_release_values_may_be_quoted() {
    let text = "NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_CODENAME=\"bookworm\"\n";
    assert_eq!(parse_os_release(text), Some(debian()));
    assert_eq!(parse_os_release("ID=arch\n"), None);
}
