//! The deb822 format.

use super::{SignedBy, Source, SourceError, is_on, words};

/// A stanza: its first line's number, and its fields with continued lines kept apart by line feeds.
struct Stanza {
    line: usize,
    fields: Vec<(String, String)>,
}

pub(super) fn parse(text: &str) -> Result<Vec<Source>, SourceError> {
    let mut sources = Vec::new();
    for stanza in stanzas(text)? {
        let problem = |problem| SourceError {
            line: stanza.line,
            problem,
        };
        if !stanza.field("Enabled").is_none_or(is_on) {
            continue;
        }
        let required = |name, missing| match stanza.field(name).map(words) {
            Some(values) if !values.is_empty() => Ok(values),
            _ => Err(problem(missing)),
        };
        let source = Source {
            types: required("Types", "the stanza has no Types")?,
            uris: required("URIs", "the stanza has no URIs")?,
            suites: required("Suites", "the stanza has no Suites")?,
            components: stanza.field("Components").map(words).unwrap_or_default(),
            architectures: stanza.field("Architectures").map(words).unwrap_or_default(),
            signed_by: stanza.field("Signed-By").and_then(signed_by),
            check_valid_until: stanza.field("Check-Valid-Until").map(is_on),
        };
        if source.types.iter().any(|kind| kind != "deb" && kind != "deb-src") {
            return Err(problem("the stanza has another type than deb and deb-src"));
        }
        if source
            .suites
            .iter()
            .any(|suite| suite.ends_with('/') != source.components.is_empty())
        {
            return Err(problem(
                "either the stanza must have Components, or every suite must end with a slash",
            ));
        }
        sources.push(source);
    }
    Ok(sources)
}

fn stanzas(text: &str) -> Result<Vec<Stanza>, SourceError> {
    let mut stanzas: Vec<Stanza> = Vec::new();
    let mut goes_on = false;
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            goes_on = false;
            continue;
        }
        let problem = |problem| SourceError {
            line: line_number,
            problem,
        };
        if !goes_on {
            stanzas.push(Stanza {
                line: line_number,
                fields: Vec::new(),
            });
            goes_on = true;
        }
        let fields = &mut stanzas
            .last_mut()
            .expect("one was pushed, at the latest now")
            .fields;
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields
                .last_mut()
                .ok_or_else(|| problem("it continues no field"))?;
            value.push('\n');
            value.push_str(line.trim());
        } else {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| problem("it is neither a field nor the continuation of one"))?;
            fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Ok(stanzas)
}

impl Stanza {
    fn field(&self, wanted: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.as_str())
    }
}

fn signed_by(value: &str) -> Option<SignedBy> {
    if value.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
        let lines = value
            .trim()
            .lines()
            .map(|line| if line == "." { "" } else { line });
        let mut certificate = lines.collect::<Vec<_>>().join("\n");
        certificate.push('\n');
        return Some(SignedBy::Embedded(certificate));
    }
    let names: Vec<String> = value
        .split(|c: char| c.is_ascii_whitespace() || c == ',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    (!names.is_empty()).then_some(SignedBy::Named(names))
}
