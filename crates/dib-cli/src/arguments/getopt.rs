//! Beginnings of upstream's long options, as `getopt_long` has them.

use std::ffi::OsString;

/// Upstream's long options, and whether a value follows them.
///
/// Source: the call of `getopt` in `disk-image-create` of diskimage-builder 3.43.
const OPTIONS: [(&str, bool); 16] = [
    ("--checksum", false),
    ("--docker-target", true),
    ("--help", false),
    ("--image-cache", true),
    ("--image-size", true),
    ("--install-type", true),
    ("--logfile", true),
    ("--max-online-resize", true),
    ("--min-tmpfs", true),
    ("--mkfs-options", true),
    ("--no-tmpfs", false),
    ("--offline", false),
    ("--qemu-img-options", true),
    ("--ramdisk-element", true),
    ("--root-label", true),
    ("--version", false),
];

/// Writes out what stands for one of upstream's options alone.
///
/// Options of ours that upstream has not would make some of these ambiguous. What is no such beginning stays as it is: it
/// is an option of ours, or the parser says what is wrong with it.
pub(super) fn expanded(arguments: &[OsString]) -> Vec<OsString> {
    let mut expanded: Vec<OsString> = Vec::with_capacity(arguments.len());
    let mut rest = arguments.iter();
    expanded.extend(rest.next().cloned());
    while let Some(argument) = rest.next() {
        if argument == "--" {
            expanded.push(argument.clone());
            break;
        }
        let Some((option, takes_value)) = argument.to_str().and_then(meant) else {
            expanded.push(argument.clone());
            continue;
        };
        let value = argument
            .to_str()
            .and_then(|text| text.split_once('='))
            .map(|(_, value)| value);
        if let Some(value) = value {
            expanded.push(OsString::from(format!("{option}={value}")));
        } else {
            expanded.push(OsString::from(option));
            if takes_value {
                expanded.extend(rest.next().cloned());
            }
        }
    }
    expanded.extend(rest.cloned());
    expanded
}

/// Returns the one of upstream's options that a text stands for, if it stands for one alone.
fn meant(text: &str) -> Option<(&'static str, bool)> {
    let name = text.split('=').next().unwrap_or(text);
    if !name.starts_with("--") {
        return None;
    }
    if let Some(exact) = OPTIONS.iter().find(|(option, _)| *option == name) {
        return Some(*exact);
    }
    let mut candidates = OPTIONS.iter().filter(|(option, _)| option.starts_with(name));
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Some(*only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], expected: &[&str]) {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        assert_eq!(expanded(&arguments), expected);
    }

    #[test]
    fn beginnings_are_written_out_where_upstream_knows_one_option() {
        check(
            &["d", "--off", "--no", "--c"],
            &["d", "--offline", "--no-tmpfs", "--checksum"],
        );
        check(&["d", "--image-s", "--off"], &["d", "--image-size", "--off"]);
        check(&["d", "--log=x=y", "a"], &["d", "--logfile=x=y", "a"]);
        check(&["d", "--mk", "--x"], &["d", "--mkfs-options", "--x"]);
    }

    #[test]
    fn what_is_ambiguous_or_not_upstreams_stays() {
        check(
            &["d", "--im", "--loop", "--", "--off"],
            &["d", "--im", "--loop", "--", "--off"],
        );
        check(
            &["d", "--checksum=md5", "-x", ""],
            &["d", "--checksum=md5", "-x", ""],
        );
        check(&["--off"], &["--off"]);
        check(&[], &[]);
    }
}
