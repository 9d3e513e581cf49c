//! What one line of a file `source-repository-*` says, and what the user says to it.

use camino::Utf8Path;
use dib_core::{HookContext, HookError};
use sha1::{Digest as _, Sha1};

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A git repository.
    Git,
    /// An archive, whose contents are meant.
    Tar,
    /// A file.
    File,
    /// Nothing that is fetched: packages are installed in its place.
    Package,
}

/// A source that an element wants in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repository {
    /// By what the user's variables name it.
    pub(super) name: String,
    /// What it is.
    pub(super) kind: Kind,
    /// Where it goes in the image.
    pub(super) destination: String,
    /// Where it comes from.
    pub(super) location: String,
    /// Which state or part of it is wanted; `*` for all.
    pub(super) reference: String,
}

impl Kind {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "git" => Some(Self::Git),
            "tar" => Some(Self::Tar),
            "file" => Some(Self::File),
            "package" => Some(Self::Package),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Tar => "tar",
            Self::File => "file",
            Self::Package => "package",
        }
    }

    fn usual_reference(self) -> &'static str {
        match self {
            Self::Git => "master",
            Self::Tar => "*",
            Self::File | Self::Package => "",
        }
    }
}

impl Repository {
    /// Reads a line whose words are separated by single blanks; `None` where it is none of this kind.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (name, kind) = (words.next()?, Kind::parse(words.next()?)?);
        let (destination, location) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let reference = words.next().unwrap_or_else(|| kind.usual_reference());
        let is_whole = destination.starts_with('/') && destination.len() > 1 && !location.is_empty();
        if words.next().is_some() || !(is_whole || kind == Kind::Package) {
            return None;
        }
        Some(Self {
            name: name.to_owned(),
            kind,
            destination: destination.to_owned(),
            location: location.to_owned(),
            reference: reference.to_owned(),
        })
    }

    /// Returns the name of a variable that is meant for this source.
    pub(super) fn variable(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.plain_name())
    }

    fn plain_name(&self) -> String {
        let plain = |character: char| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '_'
            }
        };
        self.name.chars().map(plain).collect()
    }

    /// Returns the source as the user's variables have it.
    ///
    /// # Errors
    /// When they ask for a type that there is not.
    pub(super) fn changed_by_user(mut self, ctx: &HookContext<'_>) -> Result<Self, HookError> {
        let name = self.variable("DIB_REPOTYPE");
        if let Some(value) = ctx.variable(&name) {
            self.kind = Kind::parse(value).ok_or_else(|| HookError::Variable {
                value: value.to_owned(),
                expected: "git, tar, file or package is needed".to_owned(),
                name,
            })?;
        }
        if let Some(reference) = ctx.variable(&self.variable("DIB_REPOREF")) {
            reference.clone_into(&mut self.reference);
        }
        match ctx.variable(&self.variable("DIB_REPOLOCATION")) {
            Some(location) => location.clone_into(&mut self.location),
            None if self.kind == Kind::Git => {
                if let Some(base) = ctx.variable("DIB_GITREPOBASE") {
                    self.location = on_other_server(&self.location, base);
                }
            }
            None => {}
        }
        Ok(self)
    }

    /// Returns its install type, which is that of the user's choice.
    pub(super) fn install_type<'c>(&self, ctx: &'c HookContext<'_>) -> &'c str {
        ctx.variable(&self.variable("DIB_INSTALLTYPE"))
            .or_else(|| ctx.variable("DIB_DEFAULT_INSTALLTYPE"))
            .unwrap_or("source")
    }

    /// Returns its name in the cache, which is upstream's, so that what was fetched for one is there for the other.
    pub(super) fn cached_as(&self) -> String {
        let key = format!("{}_{}\n", self.kind.name(), self.location);
        let digits = format!("{:x}", Sha1::digest(key.as_bytes()));
        format!("{}_{digits}", self.plain_name())
    }
}

/// Returns an address with another beginning in place of its protocol, its server and the user's directory there.
fn on_other_server(location: &str, base: &str) -> String {
    let rest = location
        .split_once("://")
        .filter(|(protocol, _)| !protocol.is_empty() && !protocol.contains(':'))
        .and_then(|(_, rest)| rest.split_once('/'))
        .filter(|(server, _)| !server.is_empty());
    let Some((_, path)) = rest else {
        return location.to_owned();
    };
    let of_user = path
        .strip_prefix('~')
        .map(|path| path.find('/').map_or("", |end| &path[end..]));
    format!("{base}{}", of_user.unwrap_or(path))
}

/// Returns the lines of a file that say something. As upstream has it, bash expands what they refer to.
///
/// # Errors
/// When the file can't be read or bash fails.
pub(super) fn lines(ctx: &HookContext<'_>, file: &Utf8Path) -> Result<Vec<String>, HookError> {
    let contents = ctx.read_host(file)?;
    let text = String::from_utf8(contents).map_err(|_| HookError::other(format!("{file} is not UTF-8")))?;
    let mut lines = Vec::new();
    for line in text.lines() {
        let is_comment = line.trim_start().starts_with('#');
        if is_comment || line.trim().is_empty() {
            continue;
        }
        let line = if is_plain(line) {
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        } else {
            expanded(ctx, line)?
        };
        if !line.is_empty() {
            lines.push(line);
        }
    }
    Ok(lines)
}

/// Returns whether no character of a line means anything to a shell.
fn is_plain(line: &str) -> bool {
    line.chars()
        .all(|character| character.is_ascii_alphanumeric() || " \t/:.,_-+@=%*?".contains(character))
}

/// Has bash expand a line.
fn expanded(ctx: &HookContext<'_>, line: &str) -> Result<String, HookError> {
    /// Tells what bash prints from what it or a command complains of.
    const MARK: &str = "line: ";
    const SCRIPT: &str =
        r#"set -f; read line <<<"$1"; line=$(eval "echo $line"); printf 'line: %s\n' "$line""#;
    let argv = ["bash", "-eu", "-o", "pipefail", "-c", SCRIPT, "bash", line].map(str::to_owned);
    let mut found = String::new();
    ctx.run_on_host_with(
        argv.to_vec(),
        ctx.environment(),
        &mut |output| match output.strip_prefix(MARK) {
            Some(line) => line.clone_into(&mut found),
            None => ctx.observer().output(output),
        },
    )?;
    Ok(found.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let parsed = |line| Repository::parse(line).map(|repository| (repository.kind, repository.reference));
        let check = |line, kind, reference: &str| {
            assert_eq!(parsed(line), Some((kind, reference.to_owned())), "{line}");
        };
        check("a git /opt/a https://example.org/a", Kind::Git, "master");
        check("a git /opt/a https://example.org/a *", Kind::Git, "*");
        check("a tar /opt/a https://example.org/a.tar.gz", Kind::Tar, "*");
        check("a tar /opt/a https://example.org/a.tar.gz .", Kind::Tar, ".");
        check("a file /opt/a https://example.org/a", Kind::File, "");
        check("a package", Kind::Package, "");
        for line in [
            "a",
            "a svn /opt/a x",
            "a git",
            "a git /opt/a",
            "a git opt/a x",
            "a git /opt/a x y z",
            "",
        ] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }

    #[test]
    fn names_in_the_cache_are_upstreams() {
        let line = "diskimage-builder git /opt/dib https://example.org/dib.git";
        // What `echo git_https://example.org/dib.git | sha1sum` prints.
        assert_eq!(
            Repository::parse(line).unwrap().cached_as(),
            "diskimage_builder_c5157c9de5c416833a454085cfbab2c8aa47918b"
        );
    }

    #[test]
    fn servers_are_replaced() {
        let check = |location, expected| assert_eq!(on_other_server(location, "git://mirror/"), expected);
        check("https://example.org/a/b.git", "git://mirror/a/b.git");
        check("ssh://me@example.org:29418/~me/b.git", "git://mirror//b.git");
        check("https://example.org", "https://example.org");
        check("/srv/b.git", "/srv/b.git");
        check("me@example.org:b.git", "me@example.org:b.git");
    }

    #[test]
    fn what_a_shell_changes_is_not_plain() {
        assert!(is_plain(
            "a-b git /opt/a\thttps://me@example.org:1/a_b.git?x=%20 *"
        ));
        for line in ["$A", "a # b", "'a'", "a;b", "~/a", "a\\b", "`a`", "a&b"] {
            assert!(!is_plain(line), "{line}");
        }
    }
}
