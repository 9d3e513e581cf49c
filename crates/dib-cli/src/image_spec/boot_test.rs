//! Whether, and how, the disk is to be booted before it is an output.

use dib_core::{BootSign, BootTest, ImageType};

use super::setting::Setting;
use crate::arguments::ImageOptions;
use crate::environment::Environment;
use crate::error::CliError;

/// How long a machine may take to come up, in seconds, where nobody says otherwise: several times what one takes that QEMU
/// runs alone.
const LIMIT: u64 = 300;

/// Reads the options and variables for a boot test; `types` are those of the outputs.
pub(super) fn read(
    options: &ImageOptions,
    environment: &Environment,
    types: &[ImageType],
) -> Result<Option<BootTest>, CliError> {
    let setting = Setting::find(
        options.boot_test.as_deref(),
        "--boot-test",
        environment,
        "DIB_BOOT_TEST",
    );
    let sign = match setting.map(|setting| (setting, setting.value)) {
        None | Some((_, "0")) => return Ok(None),
        Some((_, "1" | "login")) => BootSign::Login,
        Some((_, "cloud-init")) => BootSign::CloudInit,
        Some((setting, _)) => return Err(setting.invalid("login or cloud-init is expected")),
    };
    let has_disk = types.iter().any(|image_type| {
        matches!(
            image_type,
            ImageType::Raw | ImageType::Qcow2 | ImageType::Vhd | ImageType::Vmdk
        )
    });
    if let Some(setting) = setting.filter(|_| !has_disk) {
        return Err(setting.invalid("none of the types of output is a disk, such as qcow2"));
    }
    let limit = Setting::find(
        options.boot_timeout.as_deref(),
        "--boot-timeout",
        environment,
        "DIB_BOOT_TIMEOUT",
    );
    let limit = limit
        .map(|setting| setting.whole_number("a whole number of seconds"))
        .transpose()?;
    Ok(Some(BootTest {
        sign,
        limit: limit.unwrap_or(LIMIT),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        option: Option<&str>,
        variables: &[(&str, &str)],
        types: &[ImageType],
    ) -> Result<Option<BootTest>, String> {
        let options = ImageOptions {
            boot_test: option.map(str::to_owned),
            ..ImageOptions::default()
        };
        read(&options, &Environment::of(variables), types)
            .map_err(|error| error.render().lines().next().unwrap_or_default().to_owned())
    }

    #[test]
    fn options_and_variables() {
        let disk = [ImageType::Tar, ImageType::Qcow2];
        let test = |sign, limit| Ok(Some(BootTest { sign, limit }));
        assert_eq!(check(None, &[], &disk), Ok(None));
        assert_eq!(check(None, &[("DIB_BOOT_TEST", "0")], &disk), Ok(None));
        assert_eq!(check(Some("1"), &[], &disk), test(BootSign::Login, LIMIT));
        let variables = [("DIB_BOOT_TEST", "cloud-init"), ("DIB_BOOT_TIMEOUT", "60")];
        assert_eq!(check(None, &variables, &disk), test(BootSign::CloudInit, 60));
        assert_eq!(check(Some("login"), &variables, &disk), test(BootSign::Login, 60));
        assert!(check(Some("ssh"), &[], &disk).is_err());
        assert!(check(Some("1"), &[], &[ImageType::Tar]).is_err());
    }
}
