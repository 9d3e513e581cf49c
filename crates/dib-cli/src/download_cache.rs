//! The cache of downloads as the user wants it: where it is, and how patient with the network.

use std::collections::BTreeMap;
use std::time::Duration;

use dib_cache::{Cache, Proxies, Retries, Timeouts};
use dib_core::{Freshness, ImageSpec};

use crate::image_spec::Setting;
use crate::{CliError, Console};

/// Seconds without a byte.
const TIMEOUT: &str = "DIB_DOWNLOAD_TIMEOUT";
/// How many tries follow the first.
const RETRIES: &str = "DIB_DOWNLOAD_RETRIES";

/// Opens the image cache as the spec wants it.
///
/// # Errors
/// When its directory can't be made, or a variable about the network is not understood.
pub(crate) fn open_cache(spec: &ImageSpec, console: &Console) -> Result<Cache, CliError> {
    let cache = Cache::open(&spec.image_cache)?
        .with_proxies(proxies(&spec.variables))
        .with_timeouts(timeouts(&spec.variables)?)
        .with_retries(retries(&spec.variables)?)
        .with_progress(console.cache_progress());
    Ok(match spec.freshness {
        Freshness::Checked => cache,
        Freshness::Unchecked => cache.offline(),
    })
}

fn proxies(variables: &BTreeMap<String, String>) -> Proxies {
    let proxy = |names: [&str; 2]| {
        let mut values = names.iter().filter_map(|name| variables.get(*name));
        values.find(|value| !value.is_empty()).cloned()
    };
    Proxies {
        http: proxy(["http_proxy", "HTTP_PROXY"]),
        https: proxy(["https_proxy", "HTTPS_PROXY"]),
        no_proxy: proxy(["no_proxy", "NO_PROXY"]),
    }
}

fn timeouts(variables: &BTreeMap<String, String>) -> Result<Timeouts, CliError> {
    let Some(setting) = setting(variables, TIMEOUT) else {
        return Ok(Timeouts::default());
    };
    let seconds = setting.whole_number("a number of seconds")?;
    if seconds == 0 {
        return Err(setting.invalid("nothing arrives in no time"));
    }
    let time = Duration::from_secs(seconds);
    Ok(Timeouts {
        connect: time,
        stall: time,
    })
}

fn retries(variables: &BTreeMap<String, String>) -> Result<Retries, CliError> {
    let Some(setting) = setting(variables, RETRIES) else {
        return Ok(Retries::default());
    };
    let count = setting.whole_number("a number of tries")?;
    Ok(Retries {
        count: u32::try_from(count).unwrap_or(u32::MAX),
        ..Retries::default()
    })
}

/// Returns a variable's value; an empty one is none.
fn setting<'v>(variables: &'v BTreeMap<String, String>, origin: &'static str) -> Option<Setting<'v>> {
    let value = variables.get(origin).filter(|value| !value.is_empty())?;
    Some(Setting { value, origin })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn patience_is_as_long_as_asked_for() {
        let unset = variables(&[(TIMEOUT, ""), (RETRIES, "")]);
        assert_eq!(timeouts(&unset).unwrap(), Timeouts::default());
        assert_eq!(retries(&unset).unwrap(), Retries::default());
        let set = variables(&[(TIMEOUT, "7"), (RETRIES, "0")]);
        let timeouts = timeouts(&set).unwrap();
        assert_eq!((timeouts.connect.as_secs(), timeouts.stall.as_secs()), (7, 7));
        assert_eq!(retries(&set).unwrap().count, 0);
    }

    #[test]
    fn a_value_that_is_no_number_is_told() {
        let wrong = variables(&[(TIMEOUT, "0"), (RETRIES, "many")]);
        let check = |error: CliError, expected: &str| {
            assert_eq!(error.render(), expected);
            assert_eq!(error.kind(), crate::ErrorKind::Usage);
        };
        check(
            timeouts(&wrong).unwrap_err(),
            "error: DIB_DOWNLOAD_TIMEOUT is \"0\"\n  because nothing arrives in no time\n",
        );
        check(
            retries(&wrong).unwrap_err(),
            "error: DIB_DOWNLOAD_RETRIES is \"many\"\n  because a number of tries is expected\n",
        );
    }

    #[test]
    fn proxies_have_names_in_either_case() {
        let proxies = proxies(&variables(&[
            ("http_proxy", ""),
            ("HTTP_PROXY", "http://proxy.example.org:3128"),
            ("no_proxy", "localhost"),
        ]));
        let expected = Proxies {
            http: Some("http://proxy.example.org:3128".to_owned()),
            https: None,
            no_proxy: Some("localhost".to_owned()),
        };
        assert_eq!(proxies, expected);
    }
}
