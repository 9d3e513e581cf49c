//! Options of formats, written as `qemu-img` has them after `-o`.

use crate::ImageFormat;

/// An option of a format is none, or has a value that it can't have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatOptionError {
    /// No wanted format has such an option.
    #[error("{}", unknown(name, known))]
    Unknown {
        /// The option.
        name: String,
        /// The options that the wanted formats have.
        known: Vec<&'static str>,
    },
    /// The option can't have that value.
    #[error("the option {name} can't be {value:?}; {expected} is expected")]
    Value {
        /// The option.
        name: &'static str,
        /// The value.
        value: String,
        /// What is expected.
        expected: String,
    },
    /// Two options exclude one another.
    #[error("{one} does not go with {other}")]
    Conflict {
        /// One of them.
        one: &'static str,
        /// The other one.
        other: &'static str,
    },
}

impl FormatOptionError {
    pub(crate) fn invalid(name: &'static str, value: &str, expected: &str) -> Self {
        Self::Value {
            name,
            value: value.to_owned(),
            expected: expected.to_owned(),
        }
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    if known.is_empty() {
        format!("there is no option {name:?}: the formats that are wanted have none")
    } else {
        format!("there is no option {name:?}; there are {}", known.join(", "))
    }
}

/// Applies options, `name=value` and separated by commas, to each of the formats that has them.
///
/// A name without a value means `name=on`.
///
/// ```
/// use dib_image::{ImageFormat, Qcow2Options, Qcow2Version, apply_options};
///
/// let mut formats = [ImageFormat::Raw, ImageFormat::Qcow2(Qcow2Options::default())];
/// apply_options(&mut formats, "compat=0.10")?;
/// assert_eq!(formats[1], ImageFormat::Qcow2(Qcow2Options { version: Qcow2Version::V2, ..Qcow2Options::default() }));
/// assert!(apply_options(&mut formats, "speed=high").is_err());
/// # Ok::<(), dib_image::FormatOptionError>(())
/// ```
///
/// # Errors
/// When none of the formats has an option, a value is none of its option's, or options don't go together.
pub fn apply_options(formats: &mut [ImageFormat], options: &str) -> Result<(), FormatOptionError> {
    for option in options
        .split(',')
        .map(str::trim)
        .filter(|option| !option.is_empty())
    {
        let (name, value) = option.split_once('=').unwrap_or((option, "on"));
        let mut known = false;
        for format in &mut *formats {
            let names = format.option_names();
            if let Some(name) = names.iter().find(|known| **known == name) {
                format.set_option(name, value)?;
                known = true;
            }
        }
        if !known {
            let mut known: Vec<&str> = formats
                .iter()
                .flat_map(ImageFormat::option_names)
                .copied()
                .collect();
            known.sort_unstable();
            known.dedup();
            return Err(FormatOptionError::Unknown {
                name: name.to_owned(),
                known,
            });
        }
    }
    formats.iter().try_for_each(ImageFormat::check_options)
}

/// Returns what a value stands for.
pub(crate) fn known_value<T: Copy>(
    name: &'static str,
    value: &str,
    known: &[(&str, T)],
) -> Result<T, FormatOptionError> {
    let found = known.iter().find(|(text, _)| *text == value);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let texts: Vec<&str> = known.iter().map(|(text, _)| *text).collect();
        FormatOptionError::invalid(name, value, &texts.join(" or "))
    })
}

/// Returns whether the value is `on` or `off`.
pub(crate) fn switch(name: &'static str, value: &str) -> Result<bool, FormatOptionError> {
    known_value(name, value, &[("on", true), ("off", false)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qcow2::{ClusterSize, Compression, RefcountBits};
    use crate::{Qcow2Options, Qcow2Version};

    fn check(options: &str, expected: Result<Qcow2Options, &str>) {
        let mut formats = [ImageFormat::Raw, ImageFormat::Qcow2(Qcow2Options::default())];
        let result = apply_options(&mut formats, options).map_err(|error| error.to_string());
        match expected {
            Ok(expected) => {
                assert_eq!(result, Ok(()), "{options}");
                assert_eq!(formats[1], ImageFormat::Qcow2(expected), "{options}");
            }
            Err(expected) => assert_eq!(result, Err(expected.to_owned()), "{options}"),
        }
    }

    #[test]
    fn options_of_qcow2() {
        let usual = Qcow2Options::default();
        check("", Ok(usual));
        check(
            "compat=0.10",
            Ok(Qcow2Options {
                version: Qcow2Version::V2,
                ..usual
            }),
        );
        check(
            "compat=1.1, compression_type=zstd,cluster_size=2M,lazy_refcounts,refcount_bits=1,preallocation=off",
            Ok(Qcow2Options {
                version: Qcow2Version::V3,
                compression: Compression::Zstd,
                cluster_size: ClusterSize::new(2 << 20).unwrap(),
                refcount_bits: RefcountBits::new(1).unwrap(),
                lazy_refcounts: true,
            }),
        );
        check("cluster_size=65536,lazy_refcounts=off", Ok(usual));
    }

    #[test]
    fn what_is_wrong_is_named() {
        check(
            "encryption=on",
            Err(
                "there is no option \"encryption\"; there are cluster_size, compat, compression_type, lazy_refcounts, \
                 preallocation, refcount_bits",
            ),
        );
        check(
            "compat=2",
            Err("the option compat can't be \"2\"; 0.10 or v2 or 1.1 or v3 is expected"),
        );
        check(
            "preallocation=full",
            Err("the option preallocation can't be \"full\"; off is expected"),
        );
        let sizes = |value| {
            format!("the option cluster_size can't be {value:?}; a power of two from 512 to 2M is expected")
        };
        for value in [
            "0",
            "3k",
            "4M",
            "256",
            "",
            "k",
            "99999999999999999999M",
            "18014398509481985k",
        ] {
            check(&format!("cluster_size={value}"), Err(&sizes(value)));
        }
        check(
            "compat=0.10,compression_type=zstd",
            Err("compression_type=zstd does not go with compat=0.10"),
        );
        check(
            "lazy_refcounts=on,compat=v2",
            Err("lazy_refcounts=on does not go with compat=0.10"),
        );
        assert_eq!(
            apply_options(&mut [ImageFormat::Tar], "a=b")
                .unwrap_err()
                .to_string(),
            "there is no option \"a\": the formats that are wanted have none"
        );
    }
}
