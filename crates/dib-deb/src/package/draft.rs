//! Reading a stanza line by line, and what is demanded of its fields.

use std::sync::Arc;

use super::{ArchiveLocation, MultiArch, PackageError, PackageRecord, Span, beginning};

/// What has been seen of a stanza so far.
#[derive(Default)]
pub(super) struct Draft {
    name: Option<Span>,
    version: Option<Span>,
    architecture: Option<Span>,
    filename: Option<Span>,
    size: Option<Span>,
    sha256: Option<Span>,
    essential: Option<Span>,
    multi_arch: Option<Span>,
}

impl Draft {
    pub(super) fn note(&mut self, name: &str, value: Span) {
        let slots: [(&str, &mut Option<Span>); 8] = [
            ("Package", &mut self.name),
            ("Version", &mut self.version),
            ("Architecture", &mut self.architecture),
            ("Filename", &mut self.filename),
            ("Size", &mut self.size),
            ("SHA256", &mut self.sha256),
            ("Essential", &mut self.essential),
            ("Multi-Arch", &mut self.multi_arch),
        ];
        for (wanted, slot) in slots {
            if name.eq_ignore_ascii_case(wanted) {
                slot.get_or_insert(value);
                return;
            }
        }
    }

    pub(super) fn finish(
        self,
        text: &Arc<str>,
        stanza: Span,
        line: usize,
        archive: &Arc<ArchiveLocation>,
    ) -> Result<PackageRecord, PackageError> {
        let package = || {
            self.name
                .map_or_else(String::new, |span| beginning(span.of(text)))
        };
        let present = |span: Option<Span>, field| {
            span.ok_or_else(|| PackageError::NoField {
                line,
                name: package(),
                field,
            })
        };
        let bad = |span: Span, field| PackageError::BadField {
            line,
            name: package(),
            field,
            value: beginning(span.of(text)),
        };
        let checked = |span, field, is_good: fn(&str) -> bool| {
            let span = present(span, field)?;
            if is_good(span.of(text)) {
                Ok(span)
            } else {
                Err(bad(span, field))
            }
        };
        let name = checked(self.name, "Package", is_package_name)?;
        let size = present(self.size, "Size")?;
        let sha256 = present(self.sha256, "SHA256")?;
        Ok(PackageRecord {
            text: Arc::clone(text),
            archive: Arc::clone(archive),
            stanza,
            name,
            version: checked(self.version, "Version", is_version)?,
            architecture: checked(self.architecture, "Architecture", is_architecture)?,
            filename: checked(self.filename, "Filename", is_relative_path)?,
            size: size.of(text).parse().map_err(|_| bad(size, "Size"))?,
            sha256: sha256.of(text).parse().map_err(|_| bad(sha256, "SHA256"))?,
            essential: self
                .essential
                .is_some_and(|span| span.of(text).eq_ignore_ascii_case("yes")),
            multi_arch: match self.multi_arch {
                None => MultiArch::No,
                Some(span) => MultiArch::of(span.of(text)).ok_or_else(|| bad(span, "Multi-Arch"))?,
            },
        })
    }
}

/// Names become names of files in dpkg's database, so nothing but dpkg's own characters is taken.
fn is_package_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-+._".contains(&byte))
}

fn is_version(version: &str) -> bool {
    !version.is_empty()
        && version
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte))
}

fn is_architecture(arch: &str) -> bool {
    arch.starts_with(|first: char| first.is_ascii_alphanumeric())
        && arch
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_relative_path(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_graphic())
        && path
            .strip_prefix("./")
            .unwrap_or(path)
            .split('/')
            .all(|component| !matches!(component, "" | "." | ".."))
}
