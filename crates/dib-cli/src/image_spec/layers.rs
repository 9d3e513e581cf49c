//! Whether what was done in builds before is done again.

use dib_core::LayerUse;
use dib_core::layer_use::LayerLimits;

use super::setting::Setting;
use crate::arguments::ImageOptions;
use crate::environment::Environment;
use crate::error::CliError;
use crate::layers::LAYERS;
use crate::quantities::{age_from, size_from};

/// For how many days, or how long, layers are kept that no build uses.
const MAX_AGE: &str = "DIB_LAYERS_MAX_AGE";
/// How many GiB, or how much, all layers have at the most.
const MAX_SIZE: &str = "DIB_LAYERS_MAX_SIZE";

/// Reads the options and the variable for layers.
pub(super) fn read(options: &ImageOptions, environment: &Environment) -> Result<LayerUse, CliError> {
    if options.no_layers {
        return Ok(LayerUse::Unused);
    }
    if let Some(from) = options.from.as_deref().filter(|from| !from.is_empty()) {
        let setting = Setting {
            value: from,
            origin: "--from",
        };
        return setting.read(str::parse).map(LayerUse::UsedBefore);
    }
    Ok(match environment.get(LAYERS) {
        Some("0") => LayerUse::Unused,
        _ => LayerUse::Used,
    })
}

/// Reads the variables that say how much is kept.
pub(super) fn limits(environment: &Environment) -> Result<LayerLimits, CliError> {
    let mut limits = LayerLimits::default();
    if let Some(setting) = Setting::of_variable(environment, MAX_AGE) {
        limits.unused_for = setting.read(|text| match text.trim().parse::<u64>() {
            // Without a unit it counts days.
            Ok(_) => age_from(&format!("{text}d")),
            Err(_) => age_from(text),
        })?;
    }
    if let Some(setting) = Setting::of_variable(environment, MAX_SIZE) {
        limits.bytes = setting.read(size_from)?;
    }
    Ok(limits)
}

/// Returns a command line without the options that say how much of a build is done again.
pub(super) fn without_its_options(arguments: &[String]) -> Vec<&str> {
    let mut kept = Vec::new();
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        match argument {
            "--no-layers" | "--explain" => {}
            "--from" => drop(rest.next()),
            "--" => {
                kept.push(argument);
                kept.extend(rest.by_ref());
            }
            _ if argument.starts_with("--from=") => {}
            _ => kept.push(argument),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(no_layers: bool, from: Option<&str>, variable: &str, expected: &Result<LayerUse, &str>) {
        let options = ImageOptions {
            no_layers,
            from: from.map(str::to_owned),
            ..ImageOptions::default()
        };
        let found = read(&options, &Environment::of(&[(LAYERS, variable)])).map_err(|error| error.render());
        assert_eq!(found, expected.clone().map_err(str::to_owned));
    }

    #[test]
    fn options_and_variables() {
        check(false, None, "", &Ok(LayerUse::Used));
        check(false, None, "1", &Ok(LayerUse::Used));
        check(false, None, "0", &Ok(LayerUse::Unused));
        check(true, None, "1", &Ok(LayerUse::Unused));
        let from = |place: &str| Ok(LayerUse::UsedBefore(place.parse().unwrap()));
        check(false, Some("install/50-foo"), "", &from("install.d/50-foo"));
        check(false, Some("post-install"), "0", &from("post-install.d"));
        check(false, Some(""), "0", &Ok(LayerUse::Unused));
        check(
            false,
            Some("instal/50-foo"),
            "",
            &Err(
                "error: --from is \"instal/50-foo\"\n  because there is no phase \"instal\"; the phases are root, extra-data, \
                 pre-install, install, post-install, post-root, block-device, pre-finalise, finalise, cleanup\n",
            ),
        );
    }

    #[test]
    fn limits_have_units() {
        let check = |age: &str, size: &str, expected: Option<(u64, u64)>| {
            let environment = Environment::of(&[(MAX_AGE, age), (MAX_SIZE, size)]);
            let found = limits(&environment).ok();
            let found = found.map(|limits| (limits.unused_for.as_secs() / 3600, limits.bytes));
            assert_eq!(found, expected, "{age} {size}");
        };
        check("", "", Some((30 * 24, 20 << 30)));
        check("7", "5", Some((7 * 24, 5 << 30)));
        check("12h", "512MiB", Some((12, 512 << 20)));
        check("2w", "1G", Some((14 * 24, 1 << 30)));
        check("seven", "", None);
        check("-1", "", None);
        check("", "much", None);
    }

    #[test]
    fn the_image_does_not_know_how_it_was_built() {
        let given = "--no-layers -o x --from install vm --explain --from=root ubuntu -- --from";
        let given: Vec<String> = given.split(' ').map(str::to_owned).collect();
        assert_eq!(
            without_its_options(&given),
            ["-o", "x", "vm", "ubuntu", "--", "--from"]
        );
    }
}
