//! Which names of licences in copyright files are surely a licence of SPDX's list.
//!
//! DEP-5 has its own short names, and files use more. Taken are those that DEP-5 defines as one certain text (so not `MIT`,
//! `BSD`, `Artistic` or `public-domain`), and names of SPDX's list that nobody uses for something else.

/// Names that are on SPDX's list but for their case.
const SAME: [&str; 63] = [
    "0BSD",
    "AFL-2.1",
    "AFL-3.0",
    "Apache-1.0",
    "Apache-1.1",
    "Apache-2.0",
    "Artistic-2.0",
    "Bitstream-Vera",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD-4-Clause",
    "BSD-4-Clause-UC",
    "BSL-1.0",
    "bzip2-1.0.6",
    "CC-BY-1.0",
    "CC-BY-2.0",
    "CC-BY-2.5",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-1.0",
    "CC-BY-SA-2.0",
    "CC-BY-SA-2.5",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "CDDL-1.1",
    "CPL-1.0",
    "curl",
    "ECL-2.0",
    "EFL-1.0",
    "EFL-2.0",
    "EPL-1.0",
    "EPL-2.0",
    "EUPL-1.1",
    "EUPL-1.2",
    "FSFAP",
    "FSFUL",
    "FSFULLR",
    "FTL",
    "HPND",
    "IJG",
    "IPL-1.0",
    "ISC",
    "LPPL-1.2",
    "LPPL-1.3a",
    "LPPL-1.3c",
    "MIT-0",
    "MPL-1.0",
    "MPL-1.1",
    "MPL-2.0",
    "NCSA",
    "OFL-1.0",
    "OFL-1.1",
    "PostgreSQL",
    "PSF-2.0",
    "Python-2.0",
    "QPL-1.0",
    "Sleepycat",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
    "ZPL-2.1",
];

/// Names that have another one on SPDX's list, in lower case.
const OTHER: [(&str, &str); 6] = [
    ("apache-1", "Apache-1.0"),
    ("apache-2", "Apache-2.0"),
    ("artistic-2", "Artistic-2.0"),
    ("expat", "MIT"),
    ("boost-1.0", "BSL-1.0"),
    ("cc0", "CC0-1.0"),
];

/// The licences of GNU, of which a version or any later one is chosen: the name in lower case, SPDX's name, and the
/// versions on its list.
const GNU: [(&str, &str, &str, &[&str]); 5] = [
    ("agpl", "AGPL", "", &["1.0", "3.0"]),
    ("gfdl-niv", "GFDL", "-no-invariants", &["1.1", "1.2", "1.3"]),
    ("gfdl", "GFDL", "", &["1.1", "1.2", "1.3"]),
    ("lgpl", "LGPL", "", &["2.0", "2.1", "3.0"]),
    ("gpl", "GPL", "", &["1.0", "2.0", "3.0"]),
];

/// Returns the identifier on SPDX's list; `None` where that is not sure.
pub(super) fn spdx_identifier(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    SAME.iter()
        .find(|same| same.eq_ignore_ascii_case(name))
        .map(|same| (*same).to_owned())
        .or_else(|| {
            let other = OTHER.iter().find(|(other, _)| *other == lower);
            other.map(|(_, identifier)| (*identifier).to_owned())
        })
        .or_else(|| gnu_identifier(&lower))
}

/// Reads names such as `gpl-2+`, `lgplv2.1` and `gpl-3.0-or-later`.
fn gnu_identifier(lower: &str) -> Option<String> {
    let (rest, family, kind, versions) = GNU.iter().find_map(|(name, family, kind, versions)| {
        Some((lower.strip_prefix(name)?, family, kind, versions))
    })?;
    let rest = rest.strip_prefix(['-', 'v']).unwrap_or(rest);
    let (version, range) = if let Some(version) = rest.strip_suffix('+').or(rest.strip_suffix("-or-later")) {
        (version, "or-later")
    } else {
        (rest.strip_suffix("-only").unwrap_or(rest), "only")
    };
    let version = versions
        .iter()
        .find(|listed| **listed == version || listed.strip_suffix(".0") == Some(version))?;
    Some(format!("{family}-{version}{kind}-{range}"))
}

#[cfg(test)]
mod tests {
    use super::spdx_identifier;

    #[test]
    fn only_what_is_sure_is_on_the_list() {
        for (name, expected) in [
            ("Expat", Some("MIT")),
            ("BSD-3-clause", Some("BSD-3-Clause")),
            ("ZLIB", Some("Zlib")),
            ("Apache-2", Some("Apache-2.0")),
            ("GPL-1", Some("GPL-1.0-only")),
            ("GPL-2+", Some("GPL-2.0-or-later")),
            ("GPL-2.0+", Some("GPL-2.0-or-later")),
            ("GPLv3+", Some("GPL-3.0-or-later")),
            ("GPL-3.0-only", Some("GPL-3.0-only")),
            ("LGPL-2", Some("LGPL-2.0-only")),
            ("LGPL-2.1+", Some("LGPL-2.1-or-later")),
            ("AGPL-3+", Some("AGPL-3.0-or-later")),
            ("GFDL-1.3", Some("GFDL-1.3-only")),
            ("GFDL-NIV-1.3+", Some("GFDL-1.3-no-invariants-or-later")),
            ("GPL", None),
            ("GPL-4", None),
            ("GPL-2+ with OpenSSL exception", None),
            ("LGPL-2.1.0", None),
            ("GFDL-1.3+-no-invariant", None),
            ("MIT", None),
            ("BSD", None),
            ("Artistic", None),
            ("public-domain", None),
            ("", None),
        ] {
            assert_eq!(spdx_identifier(name).as_deref(), expected, "{name}");
        }
    }
}
