//! Whether what was done in builds before is done again.

use dib_core::LayerUse;

use super::setting::Setting;
use crate::arguments::ImageOptions;
use crate::environment::Environment;
use crate::error::CliError;
use crate::layers::LAYERS;

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
        assert_eq!(
            &found.as_ref().map(Clone::clone).map_err(String::as_str),
            expected
        );
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
                "error: --from is \"instal/50-foo\"\n  caused by: \"instal/50-foo\" is neither a phase nor PHASE/HOOK\n  \
                 caused by: there is no phase \"instal\"; the phases are root, extra-data, pre-install, install, \
                 post-install, post-root, block-device, pre-finalise, finalise, cleanup\n",
            ),
        );
    }
}
