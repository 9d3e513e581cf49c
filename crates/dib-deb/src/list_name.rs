//! The names that apt gives to the files of its lists.

use std::fmt::Write as _;

/// Returns a URI as it stands in the name of a list: without scheme, user and password, and with slashes replaced.
///
/// This follows apt's `URItoFileName`, which escapes what could not be told apart otherwise.
pub(crate) fn mangled(uri: &str) -> String {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let authority_end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let mut name = String::new();
    for c in host.chars().chain(path.trim_end_matches('/').chars()) {
        match c {
            '/' => name.push('_'),
            c if "\\|{}[]<>\"^~_=!@#$%^&*".contains(c) || !c.is_ascii_graphic() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    write!(name, "%{byte:02x}").expect("writing to a string");
                }
            }
            c => name.push(c),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::mangled;

    #[test]
    fn names_as_apt_makes_them() {
        for (uri, expected) in [
            (
                "http://deb.example.org/debian/dists/x/main/binary-amd64/Packages",
                "deb.example.org_debian_dists_x_main_binary-amd64_Packages",
            ),
            ("https://user:pass@a.example.org/", "a.example.org"),
            ("http://127.0.0.1:4711/d", "127.0.0.1:4711_d"),
            ("http://a.example.org/a_b/~c", "a.example.org_a%5fb_%7ec"),
            ("http://a.example.org/\u{e9}", "a.example.org_%c3%a9"),
        ] {
            assert_eq!(mangled(uri), expected, "{uri}");
        }
    }
}
