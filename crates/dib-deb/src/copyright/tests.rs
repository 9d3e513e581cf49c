use proptest::prelude::*;

use super::*;

/// Writes an expression with all its brackets.
fn shown(expression: &Expression) -> String {
    let list = |parts: &[Expression], joint: &str| {
        let parts: Vec<_> = parts.iter().map(shown).collect();
        format!("({})", parts.join(joint))
    };
    match expression {
        Expression::License(name) => format!("<{name}>"),
        Expression::And(parts) => list(parts, " & "),
        Expression::Or(parts) => list(parts, " | "),
    }
}

#[test]
fn expressions() {
    for (line, expected) in [
        ("Expat", "<Expat>"),
        ("GPL-1+ or Artistic", "(<GPL-1+> | <Artistic>)"),
        ("a or b and c", "(<a> | (<b> & <c>))"),
        ("a or b, and c", "((<a> | <b>) & <c>)"),
        (
            "REGCOMP, and GPL-1+ or Artistic",
            "(<REGCOMP> & (<GPL-1+> | <Artistic>))",
        ),
        ("a, or b and c", "(<a> | (<b> & <c>))"),
        ("a OR b AND c", "(<a> | (<b> & <c>))"),
        (
            "GPL-2+ with OpenSSL exception and Expat",
            "(<GPL-2+ with OpenSSL exception> & <Expat>)",
        ),
        ("GPL-2+ with Foo Bar", "<GPL-2+ with Foo Bar>"),
        ("BSD 3 clause", "<BSD 3 clause>"),
        (
            "Permission to use, copy, and sell",
            "<Permission to use, copy, and sell>",
        ),
        ("a and", "<a and>"),
        ("a, or", "<a, or>"),
        ("", "<>"),
        (",", "<,>"),
    ] {
        assert_eq!(shown(&Expression::parse(line)), expected, "{line:?}");
    }
}

const FILE: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: tool

Files: *
Copyright: 2020 Somebody
License: GPL-2+

Files: a
Copyright: 2020 Somebody
License: BSD-like
 Do what you want,
 .
   but keep this.

Files: b
Copyright: 2020 Somebody
License: gpl-2+ or BSD-like

Files: debian/*
Copyright: 2020 Somebody
License: GPL-2+

License: GPL-2+
 The text.
";

fn synopses(declaration: &Declaration) -> Vec<&str> {
    declaration
        .licenses
        .iter()
        .map(|license| license.synopsis.as_str())
        .collect()
}

#[test]
fn files_declare_licences_and_texts_stand_apart_or_beside() {
    let declaration = parse_copyright(FILE).unwrap();
    assert_eq!(
        synopses(&declaration),
        ["GPL-2+", "BSD-like", "gpl-2+ or BSD-like"]
    );
    let text = |name, index: usize| declaration.text_of(name, &declaration.licenses[index]);
    assert_eq!(text("GPL-2+", 0), Some("The text."));
    let bsd_like = "Do what you want,\n\n  but keep this.";
    assert_eq!(text("BSD-like", 1), Some(bsd_like));
    assert_eq!(text("BSD-like", 2), Some(bsd_like));
    assert_eq!(text("gpl-2+", 2), Some("The text."));
    assert_eq!(text("gpl-2+ with X exception", 2), Some("The text."));
    assert_eq!(text("Other", 2), None);
}

#[test]
fn a_header_speaks_for_all_files() {
    let text = FILE.replace("Upstream-Name: tool", "License: Expat");
    assert_eq!(synopses(&parse_copyright(&text).unwrap()), ["Expat"]);
    let text = FILE.replace("Upstream-Name: tool", "License: Each file\n has its own.");
    assert_eq!(synopses(&parse_copyright(&text).unwrap()).len(), 3);
}

#[test]
fn a_text_may_have_no_name() {
    let file = "Format: dep5\n\nFiles: *\nLicense: Permission to use, copy\n and sell.\n";
    let declaration = parse_copyright(file).unwrap();
    let license = &declaration.licenses[0];
    assert_eq!(
        declaration.text_of(&license.synopsis, license),
        Some("Permission to use, copy\nand sell.")
    );
}

#[test]
fn other_files_are_not_machine_readable() {
    for text in [
        "",
        "This package was made by\n\nLicense: GPL\n",
        "Format: prose\n\nFiles: *\nLicense: GPL\n",
    ] {
        assert_eq!(parse_copyright(text), None);
    }
    let draft = "Format-Specification: http://svn.example.org/dep/web/deps/dep5.mdwn?op=file&rev=135\n\nFiles: *\nLicense: ISC\n";
    assert_eq!(synopses(&parse_copyright(draft).unwrap()), ["ISC"]);
}

proptest! {
    #[test]
    fn any_text_is_taken(text in "(Format: copyright-format\n|Files: a\n|License: |a|,| or | and | with | exception|\n|\n .\n|\\PC){0,20}") {
        if let Some(declaration) = parse_copyright(&format!("Format: dep5\n\n{text}")) {
            for license in &declaration.licenses {
                let _ = declaration.text_of("a", license);
            }
        }
    }
}
