//! Variables that count for a script where it mentions them.

use std::collections::BTreeSet;

/// Variables that say who builds, where the result goes and how much is told meanwhile. They count where a file of the hooks
/// mentions them, and else they would have each build and each log-in make everything anew.
pub(super) const COUNT_WHERE_MENTIONED: [&str; 34] = [
    "COLUMNS",
    "COMP_WORDBREAKS",
    "DBUS_SESSION_BUS_ADDRESS",
    "DIB_ARGS",
    "DIB_CHECKSUM",
    "DIB_DEBUG_TRACE",
    "DIB_LAYERS",
    "DIB_QEMU_IMG_OPTIONS",
    "DIB_SHOW_IMAGE_USAGE",
    "DISPLAY",
    "IMAGE_NAME",
    "IMAGE_TYPE",
    "IMAGE_TYPES",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LINES",
    "LOGNAME",
    "LS_COLORS",
    "MAIL",
    "OLDPWD",
    "PWD",
    "SHELL",
    "SHLVL",
    "SSH_AGENT_PID",
    "SSH_AUTH_SOCK",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "TERM",
    "TMPDIR",
    "USER",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_ID",
    "_",
];

/// What reads all variables, whatever they are called.
const READ_ALL: [&str; 11] = [
    "$(env",
    "`env",
    "compgen -e",
    "compgen -v",
    "declare -p",
    "declare -x",
    "env |",
    "env >",
    "export -p",
    "os.environ",
    "printenv",
];

/// Returns which of them a text mentions; all where it reads all variables there are.
pub(super) fn mentioned_in(text: &str) -> BTreeSet<&'static str> {
    if READ_ALL.iter().any(|reader| text.contains(reader)) {
        return COUNT_WHERE_MENTIONED.into();
    }
    let words: BTreeSet<&str> = text
        .split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
        .collect();
    // A lone underscore is a word of too many languages.
    COUNT_WHERE_MENTIONED
        .into_iter()
        .filter(|name| *name != "_" && words.contains(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mentioned_or_all_are() {
        let names = |text| mentioned_in(text).into_iter().collect::<Vec<_>>();
        assert_eq!(
            names("#!/usr/bin/env bash\nset -e\necho $IMAGE_NAME ${USER:-x} MY_USER"),
            ["IMAGE_NAME", "USER"]
        );
        assert_eq!(names("ls | grep -v _\n"), [""; 0]);
        for text in [
            "declare -p > /etc/who",
            "env | sort",
            "x=$(env)",
            "python3 -c 'import os; os.environ'",
        ] {
            assert_eq!(names(text).len(), COUNT_WHERE_MENTIONED.len(), "{text}");
        }
    }
}
