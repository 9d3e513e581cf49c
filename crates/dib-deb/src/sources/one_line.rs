//! The one-line format.

use super::{SignedBy, Source, SourceError, is_on, words};

pub(super) fn parse(text: &str) -> Result<Vec<Source>, SourceError> {
    let mut sources = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            sources.push(parse_line(line).map_err(|problem| SourceError {
                line: index + 1,
                problem,
            })?);
        }
    }
    Ok(sources)
}

fn parse_line(line: &str) -> Result<Source, &'static str> {
    let (kind, rest) = line
        .split_once([' ', '\t'])
        .filter(|(kind, _)| matches!(*kind, "deb" | "deb-src"))
        .ok_or("it begins with neither \"deb\" nor \"deb-src\"")?;
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("the options' bracket is not closed")?,
        None => ("", rest),
    };
    let option = |wanted: &str| {
        options.split_ascii_whitespace().find_map(|option| {
            let (name, value) = option.split_once('=')?;
            let values = value.split(',').filter(|value| !value.is_empty());
            name.eq_ignore_ascii_case(wanted)
                .then(|| values.map(str::to_owned).collect::<Vec<_>>())
        })
    };
    let mut rest = words(rest).into_iter();
    let (Some(uri), Some(suite)) = (rest.next(), rest.next()) else {
        return Err("no URI and suite are there");
    };
    let components: Vec<String> = rest.collect();
    if components.is_empty() != suite.ends_with('/') {
        return Err("either components must follow, or the suite must end with a slash");
    }
    Ok(Source {
        types: vec![kind.to_owned()],
        uris: vec![uri],
        suites: vec![suite],
        components,
        architectures: option("arch").unwrap_or_default(),
        signed_by: option("signed-by").map(SignedBy::Named),
        check_valid_until: option("check-valid-until").map(|values| values.iter().all(|value| is_on(value))),
    })
}
