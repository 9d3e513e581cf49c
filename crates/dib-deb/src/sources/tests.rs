use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(parsed: Result<Vec<Source>, SourceError>, expected: &[&str]) {
    let sources = parsed.expect("good sources");
    let lines: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            source
                .to_one_line()
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(lines, expected);
    let stanzas: Vec<String> = sources.iter().map(Source::to_deb822).collect();
    assert_eq!(parse_deb822(&stanzas.join("\n")), Ok(sources));
}

#[test]
fn one_line_sources() {
    for (text, expected) in [
        ("", &[][..]),
        ("# deb http://a.example.org x main\n", &[]),
        (
            "deb-src http://a.example.org/d x main",
            &["deb-src http://a.example.org/d x main"],
        ),
        (
            "deb http://a.example.org/d x main contrib # why",
            &["deb http://a.example.org/d x main contrib"],
        ),
        (
            "\tdeb\thttp://a.example.org/d\tx  main",
            &["deb http://a.example.org/d x main"],
        ),
        (
            "deb http://a.example.org/d ./",
            &["deb http://a.example.org/d ./"],
        ),
        (
            "deb [ arch=amd64,i386 Signed-By=/k.gpg trusted=yes ] http://a.example.org/d x main",
            &["deb [arch=amd64,i386 signed-by=/k.gpg] http://a.example.org/d x main"],
        ),
        (
            "deb [check-valid-until=No] http://a.example.org/d x main\n\
             deb [Check-Valid-Until=1] http://b.example.org/d x main",
            &[
                "deb [check-valid-until=no] http://a.example.org/d x main",
                "deb [check-valid-until=yes] http://b.example.org/d x main",
            ],
        ),
    ] {
        check(parse_one_line(text), expected);
    }
}

#[test]
fn deb822_sources() {
    for (text, expected) in [
        ("", &[][..]),
        (
            "Enabled: no\nTypes: deb\nURIs: http://a.example.org/d\nSuites: x\nComponents: main\n",
            &[],
        ),
        (
            "# c\nTypes: deb\n# snapshot\nURIs: http://a.example.org/d\nsuites: x x-updates\nComponents: main\n",
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
        check(parse_deb822(text), expected);
    }
}

#[test]
fn malformed_sources_are_refused_with_the_line() {
    for (parsed, line) in [
        (parse_one_line("\ndebian http://a.example.org/d x main"), 2),
        (parse_one_line("deb http://a.example.org/d"), 1),
        (parse_one_line("deb http://a.example.org/d x"), 1),
        (parse_one_line("deb http://a.example.org/d x/ main"), 1),
        (
            parse_one_line("deb [signed-by=/k http://a.example.org/d x main"),
            1,
        ),
        (parse_deb822("\nTypes: deb\nSuites: x\nComponents: main"), 2),
        (
            parse_deb822("Types: deb\nURIs: http://a.example.org\nSuites: x"),
            1,
        ),
        (
            parse_deb822("Types: rpm\nURIs: http://a.example.org\nSuites: x\nComponents: main"),
            1,
        ),
        (parse_deb822(" continued"), 1),
        (parse_deb822("Types: deb\nrubbish"), 2),
    ] {
        assert_eq!(parsed.map_err(|error| error.line), Err(line));
    }
}

#[test]
fn an_embedded_certificate_keeps_its_lines() {
    let text = "Types: deb\nURIs: http://a.example.org\nSuites: x\nComponents: main\nSigned-By:\n \
                -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n AAAA\n -----END PGP PUBLIC KEY BLOCK-----\n";
    let sources = parse_deb822(text).expect("a source");
    let certificate = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n";
    assert_eq!(
        sources[0].signed_by,
        Some(SignedBy::Embedded(certificate.to_owned()))
    );
    assert_eq!(sources[0].to_deb822(), text);
}

#[test]
fn only_the_distributions_own_release_is_chosen() {
    let mixed = "\
        deb http://a.example.org/debian bookworm main\n\
        deb http://a.example.org/debian bookworm main\n\
        deb-src http://a.example.org/debian bookworm main\n\
        deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://a.example.org/debian bookworm-updates main\n\
        deb http://a.example.org/security bookworm-security main\n\
        deb http://a.example.org/debian bookworm-backports main\n\
        deb http://a.example.org/debian trixie main\n\
        deb http://docker.example.org bookworm stable\n\
        deb [signed-by=/usr/share/keyrings/other-archive-keyring.gpg] http://other.example.org bookworm main\n";
    let host = HostRelease {
        id: "debian".into(),
        codename: "bookworm".into(),
    };
    let sources = parse_one_line(mixed).expect("good sources");
    check(
        Ok(distribution_sources(&sources, &host)),
        &[
            "deb http://a.example.org/debian bookworm main",
            "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://a.example.org/debian bookworm-updates main",
            "deb http://a.example.org/security bookworm-security main",
        ],
    );
}

#[test]
fn files_are_read_as_apt_reads_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let etc = Utf8Path::from_path(directory.path()).expect("a UTF-8 path");
    assert_eq!(host_sources(etc).expect("no sources"), []);
    fs::create_dir(etc.join("sources.list.d")).expect("a directory");
    for (name, text) in [
        ("sources.list", "deb http://a.example.org x main\n"),
        ("sources.list.d/b.list", "deb http://c.example.org x main\n"),
        (
            "sources.list.d/a.sources",
            "Types: deb\nURIs: http://b.example.org\nSuites: x\nComponents: main\n",
        ),
        ("sources.list.d/c.list.old", "rubbish"),
    ] {
        fs::write(etc.join(name), text).expect("a file");
    }
    check(
        host_sources(etc).map_err(|error| panic!("{error}")),
        &[
            "deb http://a.example.org x main",
            "deb http://b.example.org x main",
            "deb http://c.example.org x main",
        ],
    );
    fs::write(etc.join("sources.list.d/z.list"), "rubbish\n").expect("a file");
    let error = host_sources(etc).expect_err("a malformed file");
    assert!(error.to_string().contains("z.list"), "{error}");

    let os_release = etc.join("os-release");
    fs::write(
        &os_release,
        "NAME=\"X\"\nID=debian\nVERSION_CODENAME=\"bookworm\"\n",
    )
    .expect("a file");
    let host = host_release(&os_release).expect("a release");
    assert_eq!((host.id.as_str(), host.codename.as_str()), ("debian", "bookworm"));
    fs::write(&os_release, "ID=arch\n").expect("a file");
    assert!(host_release(&os_release).is_err());
}

proptest! {
    #[test]
    fn any_text_is_taken(text in "[a-zA-Z:\\[\\]=,# \n/.-]{0,60}") {
        let _ = parse_one_line(&text);
        let _ = parse_deb822(&text);
    }
}
