//! `99-harden-sshd-config`: the SSH server offers no weak algorithm.

use dib_core::{HookContext, HookError};

const CONFIGURATION: &str = "/etc/ssh/sshd_config";

/// Below which line of the configuration settings of this kind stand, as OpenSSH ships it.
const PLACE: &str = "# Ciphers and keying";

/// The algorithms that are left: those of Mozilla's guidelines for modern servers, as upstream has them.
/// Source: <https://infosec.mozilla.org/guidelines/openssh>.
const SETTINGS: [(&str, &str); 3] = [
    (
        "KexAlgorithms",
        "curve25519-sha256@libssh.org,ecdh-sha2-nistp521,ecdh-sha2-nistp384,ecdh-sha2-nistp256,\
         diffie-hellman-group-exchange-sha256",
    ),
    (
        "Ciphers",
        "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr",
    ),
    (
        "MACs",
        "hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-512,\
         hmac-sha2-256,umac-128@openssh.com",
    ),
];

/// Sets the server's algorithms, unless `DIB_OPENSSH_SERVER_HARDENING` is other than 1.
///
/// # Errors
/// When the configuration can't be read or written, or is not UTF-8.
pub fn harden_sshd_config(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if ctx
        .variable("DIB_OPENSSH_SERVER_HARDENING")
        .is_some_and(|value| value != "1")
    {
        ctx.nothing("DIB_OPENSSH_SERVER_HARDENING is not 1");
        return Ok(());
    }
    let text = String::from_utf8(ctx.read(CONFIGURATION)?)
        .map_err(|_| HookError::other(format!("{CONFIGURATION} is not UTF-8")))?;
    let hardened = hardened(&text);
    if hardened == text {
        ctx.nothing(format!("{CONFIGURATION} has these algorithms already"));
        return Ok(());
    }
    let mode = ctx
        .metadata(CONFIGURATION)?
        .map_or(0o644, |metadata| metadata.mode);
    ctx.write(CONFIGURATION, hardened, mode)
}

/// Returns a configuration with our settings: in the place of its own, else where settings of this kind belong.
fn hardened(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // A setting that is new comes at the very beginning where there is no better place: what is below `Match` holds for some
    // connections only, and the first value of a keyword is the one that counts.
    let place = lines
        .iter()
        .position(|line| line.starts_with(PLACE))
        .map_or(0, |line| line + 1);
    let mut new = Vec::new();
    for (keyword, algorithms) in SETTINGS {
        let ours = format!("{keyword} {algorithms}");
        let mut found = false;
        for line in lines.iter_mut().filter(|line| sets(line, keyword)) {
            line.clone_from(&ours);
            found = true;
        }
        if !found {
            new.push(ours);
        }
    }
    lines.splice(place..place, new);
    lines.push(String::new());
    lines.join("\n")
}

/// Returns whether a line sets that keyword, in whatever case, with or without `=`: `sshd_config(5)`.
fn sets(line: &str, keyword: &str) -> bool {
    let line = line.trim_start();
    let (start, rest) = line.split_at_checked(keyword.len()).unwrap_or((line, ""));
    start.eq_ignore_ascii_case(keyword) && rest.starts_with(|next: char| next == '=' || next.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shortened(text: &str) -> String {
        let lines: Vec<_> = hardened(text)
            .lines()
            .map(|line| {
                let ours = SETTINGS
                    .iter()
                    .any(|(keyword, value)| line == format!("{keyword} {value}"));
                if ours {
                    line.split(' ').next().unwrap_or_default().to_owned() + " ours"
                } else {
                    line.to_owned()
                }
            })
            .collect();
        lines.join("|")
    }

    #[test]
    fn settings_stand_where_they_belong_and_only_once() {
        let all = "KexAlgorithms ours|Ciphers ours|MACs ours";
        for (text, expected) in [
            ("", all.to_owned()),
            (
                "Port 22\n\n# Ciphers and keying\n#RekeyLimit none\n",
                format!("Port 22||# Ciphers and keying|{all}|#RekeyLimit none"),
            ),
            (
                "Port 22\nMatch User x\n  X11Forwarding no",
                format!("{all}|Port 22|Match User x|  X11Forwarding no"),
            ),
            (
                "  macs=hmac-md5\n#Ciphers none\nCiphers\t3des-cbc\n",
                "KexAlgorithms ours|MACs ours|#Ciphers none|Ciphers ours".to_owned(),
            ),
            ("MACsimum 3\n", format!("{all}|MACsimum 3")),
        ] {
            assert_eq!(shortened(text), expected);
            assert_eq!(hardened(&hardened(text)), hardened(text));
        }
    }
}
