use proptest::prelude::*;

use super::*;
use crate::test_archive::stanza;

fn location() -> Arc<ArchiveLocation> {
    Arc::new(ArchiveLocation {
        base_uri: "http://a.example.org/d/".to_owned(),
        suite: "x".to_owned(),
        component: "main".to_owned(),
    })
}

fn parse(stanza: &str) -> Result<PackageRecord, PackageError> {
    PackageRecord::parse(stanza, &location())
}

#[test]
fn fields_are_found() {
    let more = "multi-arch: SAME\nEssential: yes\nDescription: short\n long\n .\n longer\nDepends: b,\n c\n";
    let package = parse(&stanza("a", "1:2-3", more)).expect("a package");
    assert_eq!(package.to_string(), "a:amd64 (1:2-3)");
    assert_eq!(package.url(), "http://a.example.org/d/pool/a_1:2-3.deb");
    assert_eq!((package.size(), package.sha256()), (1, Sha256::of(b"a")));
    assert!(package.is_essential());
    assert_eq!(package.multi_arch(), MultiArch::Same);
    assert_eq!(package.field("description"), Some("short\n long\n .\n longer"));
    assert_eq!(package.field("Depends"), Some("b,\n c"));
    assert_eq!(package.field("Desc"), None);
    assert_eq!(package.field("long"), None);
}

#[test]
fn an_index_is_its_stanzas() {
    let (one, two) = (stanza("a", "1", ""), stanza("b", "2", ""));
    for text in [
        format!("{one}{two}"),
        format!("\n\n{one}\n \n{two}\n"),
        format!("{one}{}", two.trim_end()),
    ] {
        let packages = PackageRecord::parse_index(&text.as_str().into(), &location()).expect("an index");
        let names: Vec<&str> = packages.iter().map(PackageRecord::name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(
            packages[0].stanza(),
            one.strip_suffix('\n').expect("a blank line")
        );
    }
    assert_eq!(
        PackageRecord::parse_index(&"".into(), &location()).map(|packages| packages.len()),
        Ok(0)
    );
}

#[test]
fn what_cannot_be_used_is_named() {
    let good = stanza("a", "1", "");
    for (from, to, field) in [
        ("Package: a", "Package: -a", "Package"),
        ("Package: a", "Package: a/b", "Package"),
        ("Version: 1", "Version: 1 2", "Version"),
        ("Version: 1", "Version:", "Version"),
        ("Architecture: amd64", "Architecture: amd/64", "Architecture"),
        ("pool/", "/pool/", "Filename"),
        ("pool/", "pool/./", "Filename"),
        ("pool/", "../pool/", "Filename"),
        ("Size: 1", "Size: -1", "Size"),
        ("SHA256: ", "SHA256: 0", "SHA256"),
        ("Size: 1", "Size: 1\nMulti-Arch: perhaps", "Multi-Arch"),
    ] {
        let error = parse(&good.replacen(from, to, 1)).expect_err(to);
        assert!(
            matches!(error, PackageError::BadField { field: found, line: 1, .. } if found == field),
            "{to}: {error}"
        );
    }
    for field in ["Package", "Version", "Architecture", "Filename", "Size", "SHA256"] {
        let error = parse(&good.replacen(&format!("{field}:"), "Other:", 1)).expect_err(field);
        assert!(
            matches!(error, PackageError::NoField { field: found, .. } if found == field),
            "{field}: {error}"
        );
    }
    assert!(matches!(
        parse(" continued\n"),
        Err(PackageError::BadLine { line: 1, .. })
    ));
    assert!(parse("").is_err());
}

proptest! {
    #[test]
    fn any_text_is_taken(text in "((Package|Version|Size|SHA256)?:? ?[a-z0-9\u{e9}]{0,5}\n? ?){0,8}") {
        let _ = PackageRecord::parse_index(&text.as_str().into(), &location());
    }
}
