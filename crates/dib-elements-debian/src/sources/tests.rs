use camino::Utf8Path;

use super::*;

fn host() -> Vec<Source> {
    let text = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://host.example.org/debian \
                bookworm main\n\
                deb http://host.example.org/debian bookworm-updates main\n\
                deb http://security.example.org/debian-security bookworm-security main\n";
    parse_one_line(text).unwrap()
}

fn debian() -> Wanted {
    Wanted {
        distribution: "debian".to_owned(),
        release: "stable".to_owned(),
        components: "main,non-free-firmware".to_owned(),
        ..Wanted::default()
    }
}

fn check(wanted: &Wanted, expected: &[(&str, &str)]) {
    let lists = wanted.lists().unwrap();
    let found: Vec<_> = lists
        .iter()
        .map(|list| (list.path.as_str(), list.text.as_str()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn debian_has_three_lists_from_the_hosts_mirrors() {
    let wanted = Wanted {
        host: host(),
        ..debian()
    };
    check(
        &wanted,
        &[
            (
                "/etc/apt/sources.list.d/default.list",
                "deb http://host.example.org/debian stable main non-free-firmware\n",
            ),
            (
                "/etc/apt/sources.list.d/updates.list",
                "deb http://host.example.org/debian stable-updates main non-free-firmware\n",
            ),
            (
                "/etc/apt/sources.list.d/security.list",
                "deb http://security.example.org/debian-security stable-security main non-free-firmware\n",
            ),
        ],
    );
    let keys = |list: &SourceList| list.sources[0].keyring_paths().next().map(Utf8Path::to_owned);
    let lists = wanted.lists().unwrap();
    assert_eq!(
        keys(&lists[0]).unwrap(),
        "/usr/share/keyrings/debian-archive-keyring.gpg"
    );
    assert_eq!(keys(&lists[2]), None);
}

#[test]
fn what_the_user_sets_goes_before_the_host() {
    let wanted = Wanted {
        mirror: Some("http://mine.example.org/debian".to_owned()),
        security_mirror: Some("http://mine.example.org/security".to_owned()),
        security_subpath: "/updates".to_owned(),
        components: "main".to_owned(),
        keyring: Some("/keys/mine.asc".into()),
        host: host(),
        ..debian()
    };
    check(
        &wanted,
        &[
            (
                "/etc/apt/sources.list.d/default.list",
                "deb http://mine.example.org/debian stable main\n",
            ),
            (
                "/etc/apt/sources.list.d/updates.list",
                "deb http://mine.example.org/debian stable-updates main\n",
            ),
            (
                "/etc/apt/sources.list.d/security.list",
                "deb http://mine.example.org/security stable-security/updates main\n",
            ),
        ],
    );
    for list in wanted.lists().unwrap() {
        assert_eq!(
            list.sources[0].signed_by,
            Some(SignedBy::Named(vec!["/keys/mine.asc".to_owned()]))
        );
    }
}

#[test]
fn the_users_keyring_goes_before_the_hosts_but_not_before_the_users_own_source() {
    let signed_by = |wanted: Wanted| {
        let keyring = Some("/keys/mine.asc".into());
        let lists = Wanted { keyring, ..wanted }.lists().unwrap();
        let sources = lists.into_iter().flat_map(|list| list.sources);
        sources
            .map(|source| source.keyring_paths().map(ToString::to_string).collect())
            .collect::<Vec<String>>()
    };
    let of_host = signed_by(Wanted {
        host: host(),
        ..debian()
    });
    assert_eq!(of_host, ["/keys/mine.asc"; 3]);
    let conf = "a:deb [signed-by=/keys/other.gpg] http://a.example.org/ x main\n\
                b:deb http://b.example.org/ x main\n";
    let of_conf = signed_by(Wanted {
        sources_conf: Some(conf.to_owned()),
        ..debian()
    });
    assert_eq!(of_conf, ["/keys/other.gpg", "/keys/mine.asc"]);
}

#[test]
fn releases_may_have_expired_where_their_own_source_says_so() {
    let checks = |wanted: Wanted, check_valid_until| {
        let wanted = Wanted {
            check_valid_until,
            ..wanted
        };
        let lists = wanted.lists().unwrap();
        let sources = lists.into_iter().flat_map(|list| list.sources);
        sources.map(|source| source.check_valid_until).collect::<Vec<_>>()
    };
    let mut of_host = host();
    for source in &mut of_host {
        source.check_valid_until = Some(false);
    }
    let half = Wanted {
        security_mirror: Some("http://mine.example.org/security".to_owned()),
        host: of_host,
        ..debian()
    };
    assert_eq!(checks(half.clone(), None), [Some(false), Some(false), None]);
    assert_eq!(checks(half.clone(), Some(true)), [Some(true); 3]);
    assert_eq!(checks(half.clone(), Some(false)), [Some(false); 3]);
    let list = half.lists().unwrap().remove(0);
    assert!(
        !list.text.contains("valid"),
        "the image is no snapshot: {}",
        list.text
    );

    let conf = Wanted {
        sources_conf: Some("a:deb [check-valid-until=no] http://a.example.org/ x main\n".to_owned()),
        ..debian()
    };
    assert_eq!(checks(conf.clone(), None), [Some(false)]);
    assert_eq!(checks(conf, Some(true)), [Some(false)]);
}

#[test]
fn rolling_releases_have_one_list() {
    let wanted = Wanted {
        release: "unstable".to_owned(),
        mirror: Some("http://mine.example.org/debian".to_owned()),
        components: "main".to_owned(),
        ..debian()
    };
    check(
        &wanted,
        &[(
            "/etc/apt/sources.list.d/default.list",
            "deb http://mine.example.org/debian unstable main\n",
        )],
    );
}

#[test]
fn ubuntu_has_one_list_of_one_mirror() {
    let wanted = Wanted {
        distribution: "ubuntu".to_owned(),
        release: "noble".to_owned(),
        mirror: Some("http://mine.example.org/ubuntu".to_owned()),
        components: "main,universe".to_owned(),
        ubuntu_dists: Some("updates,security".to_owned()),
        ..Wanted::default()
    };
    check(
        &wanted,
        &[(
            "/etc/apt/sources.list",
            "deb http://mine.example.org/ubuntu noble main universe\n\
             deb http://mine.example.org/ubuntu noble-updates main universe\n\
             deb http://mine.example.org/ubuntu noble-security main universe\n",
        )],
    );
}

#[test]
fn the_whole_configuration_may_be_given() {
    let wanted = Wanted {
        sources_conf: Some(
            "default:deb http://a.example.org/ stable main contrib\n\
             \x20    mine:deb [signed-by=/usr/share/keyrings/mine.gpg] http://b.example.org/ x main\n"
                .to_owned(),
        ),
        ..debian()
    };
    check(
        &wanted,
        &[
            (
                "/etc/apt/sources.list.d/default.list",
                "deb http://a.example.org/ stable main contrib\n",
            ),
            (
                "/etc/apt/sources.list.d/mine.list",
                "deb [signed-by=/usr/share/keyrings/mine.gpg] http://b.example.org/ x main\n",
            ),
        ],
    );
}

#[test]
fn what_is_missing_or_malformed_is_said() {
    let check = |wanted: Wanted, message: &str, hint: Option<&str>| {
        let error = wanted.lists().unwrap_err();
        assert_eq!((&*error.to_string(), error.hint()), (message, hint));
    };
    check(
        debian(),
        "the variable DIB_DISTRIBUTION_MIRROR is not set",
        Some(
            "this host has no apt source for the packages of debian: set DIB_DISTRIBUTION_MIRROR to the URL of a mirror",
        ),
    );
    check(
        Wanted {
            mirror: Some("http://mine.example.org/debian".to_owned()),
            ..debian()
        },
        "the variable DIB_DEBIAN_SECURITY_MIRROR is not set",
        Some(
            "this host has no apt source for security updates of debian: set DIB_DEBIAN_SECURITY_MIRROR to the URL of a mirror",
        ),
    );
    let conf = |text: &str| Wanted {
        sources_conf: Some(text.to_owned()),
        ..debian()
    };
    check(
        conf("../x:deb http://a.example.org/ stable main"),
        "the variable DIB_APT_SOURCES_CONF is \"../x:deb http://a.example.org/ stable main\": each line has to be NAME:deb URI SUITE COMPONENTS",
        None,
    );
    check(
        conf(" \n"),
        "the variable DIB_APT_SOURCES_CONF is \" \\n\": a line NAME:deb URI SUITE COMPONENTS is needed",
        None,
    );
}
