//! What a build would download and how large its image would be, as far as builds before tell.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dib_layers::LayerDownload;
use dib_layers::layered_build::{Forecast, Outcome, Variables};
use indicatif::BinaryBytes;

/// Says it in lines; `cached` has the sizes of the files in the image cache by their names.
pub(super) fn told(forecasts: &[Forecast], cached: &BTreeMap<String, u64>) -> String {
    let mut text = String::new();
    add(&mut text, "downloads", &downloads(forecasts, cached));
    add(&mut text, "tree", &tree(forecasts));
    text
}

/// Adds a line that tells what something costs.
pub(super) fn add(text: &mut String, what: &str, cost: &str) {
    writeln!(text, "  {what}: {cost}").expect("writing to a string");
}

/// Tells of the downloads of the units that would run.
fn downloads(forecasts: &[Forecast], cached: &BTreeMap<String, u64>) -> String {
    let to_do: Vec<_> = forecasts
        .iter()
        .filter(|forecast| forecast.decision.outcome != Outcome::Reused)
        .collect();
    if to_do.is_empty() {
        return "nothing: all is known".to_owned();
    }
    let mut files: BTreeMap<&str, u64> = BTreeMap::new();
    for LayerDownload { name, bytes } in to_do
        .iter()
        .filter_map(|forecast| forecast.last_time.as_ref())
        .flat_map(|last_time| &last_time.downloads)
    {
        files.insert(name, *bytes);
    }
    let all: u64 = files.values().sum();
    let missing: u64 = files
        .iter()
        .filter(|(name, _)| !cached.contains_key(**name))
        .map(|(_, bytes)| bytes)
        .sum();
    let unknown = to_do
        .iter()
        .filter(|forecast| forecast.last_time.is_none())
        .count();
    if unknown == to_do.len() {
        return "not known: no build has kept what is to do".to_owned();
    }
    let besides = match unknown {
        0 => String::new(),
        unknown => format!("{}, ", never_kept(unknown)),
    };
    format!(
        "{}{}, of which {} is not in the cache; {besides}newer versions, and what commands fetch themselves, come on top",
        BinaryBytes(all),
        last_time(to_do.iter().copied()),
        BinaryBytes(missing)
    )
}

/// Tells of the files that all units leave.
fn tree(forecasts: &[Forecast]) -> String {
    let sizes = forecasts.iter().filter_map(|forecast| {
        let last_time = forecast.last_time.as_ref()?;
        Some(last_time.sizes.bytes)
    });
    let unknown = forecasts
        .iter()
        .filter(|forecast| forecast.last_time.is_none())
        .count();
    if unknown == forecasts.len() {
        return "not known: no build has kept anything of it".to_owned();
    }
    let mut text = format!("about {}", BinaryBytes(sizes.sum::<u64>()));
    if forecasts
        .iter()
        .any(|forecast| forecast.decision.outcome != Outcome::Reused)
    {
        text.push_str(last_time(forecasts));
    }
    if unknown > 0 {
        write!(text, ", without {}", never_kept(unknown)).expect("writing to a string");
    }
    text
}

/// Says of which builds figures are.
fn last_time<'f>(forecasts: impl IntoIterator<Item = &'f Forecast>) -> &'static str {
    let mut forecasts = forecasts.into_iter();
    if forecasts.any(|forecast| forecast.variables == Variables::Other) {
        " last time, with other variables"
    } else {
        " last time"
    }
}

fn never_kept(count: usize) -> String {
    match count {
        1 => "a piece of work that no build has kept".to_owned(),
        count => format!("{count} pieces of work that no build has kept"),
    }
}

#[cfg(test)]
mod tests {
    use dib_layers::layered_build::Decision;
    use dib_layers::{LayerDescription, LayerSizes};

    use super::*;

    /// A unit that took these files last time and left so many bytes.
    fn forecast(outcome: Outcome, last_time: Option<(&[(&str, u64)], u64)>) -> Forecast {
        Forecast {
            decision: Decision {
                unit: "root.d/08-debootstrap".to_owned(),
                outcome,
            },
            last_time: last_time.map(|(files, bytes)| LayerDescription {
                downloads: files
                    .iter()
                    .map(|(name, bytes)| LayerDownload {
                        name: (*name).to_owned(),
                        bytes: *bytes,
                    })
                    .collect(),
                sizes: LayerSizes { entries: 1, bytes },
                ..LayerDescription::default()
            }),
            variables: Variables::Same,
        }
    }

    fn check(forecasts: &[Forecast], expected: &str) {
        let cached = BTreeMap::from([("packages/a.deb".to_owned(), 2048)]);
        assert_eq!(told(forecasts, &cached), expected);
    }

    #[test]
    fn costs_are_those_of_last_time() {
        let files: &[(&str, u64)] = &[("packages/a.deb", 2048), ("packages/b.deb", 1024)];
        let run = || Outcome::Ran("--from asks for it".to_owned());
        let known = forecast(Outcome::Reused, Some((files, 4096)));
        check(
            std::slice::from_ref(&known),
            "  downloads: nothing: all is known\n  tree: about 4.00 KiB\n",
        );
        let mut to_do = forecast(run(), Some((files, 1024)));
        check(
            &[known.clone(), to_do.clone()],
            "  downloads: 3.00 KiB last time, of which 1.00 KiB is not in the cache; newer versions, and what commands fetch \
             themselves, come on top\n  tree: about 5.00 KiB last time\n",
        );
        to_do.variables = Variables::Other;
        check(
            &[known.clone(), to_do, forecast(run(), None)],
            "  downloads: 3.00 KiB last time, with other variables, of which 1.00 KiB is not in the cache; a piece of work \
             that no build has kept, newer versions, and what commands fetch themselves, come on top\n  tree: about 5.00 KiB \
             last time, with other variables, without a piece of work that no build has kept\n",
        );
        check(
            &[known, forecast(run(), None)],
            "  downloads: not known: no build has kept what is to do\n  tree: about 4.00 KiB last time, without a piece of \
             work that no build has kept\n",
        );
        check(
            &[forecast(run(), None)],
            "  downloads: not known: no build has kept what is to do\n  tree: not known: no build has kept anything of it\n",
        );
    }
}
