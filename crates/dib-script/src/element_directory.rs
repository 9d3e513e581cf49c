//! An element that is a directory.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _};

use camino::Utf8Path;
use dib_core::{Arch, Element, ElementName, LayerRule, Phase};

use crate::error::{ElementError, Fault, Misplaced};
use crate::{hooks, maps, package_installs, readme};
use dib_yaml::{Node, Place};

/// How many bytes a file may have that says something about an element.
const LARGEST: u64 = 16 << 20;

/// Reads what the directory of an element declares.
///
/// Its name is the directory's, and its hooks are the scripts in the directories of the phases.
///
/// # Errors
/// When the directory's name is no element's, or when a file in it can't be read or says what makes no sense.
pub fn load_element(directory: &Utf8Path) -> Result<Element, ElementError> {
    let name: ElementName = directory.file_name().unwrap_or_default().parse()?;
    let mut element = Element::new(name.as_str()).of_directory(directory);
    // No build needs it, and whatever has its name is as good.
    if let Ok(Some(text)) = read(&directory.join("README.rst")) {
        element = element.about(&readme::first_sentence(&text));
    }
    let dependencies = element_names(&directory.join("element-deps"))?;
    let provided = element_names(&directory.join("element-provides"))?;
    element = element
        .depends_on(&as_texts(&dependencies))
        .provides(&as_texts(&provided));
    // In upstream's order, which decides between the two where one wants what the other doesn't.
    for file in ["package-installs.json", "package-installs.yaml"] {
        for rule in read_document(&directory.join(file), package_installs::rules)?.unwrap_or_default() {
            element = element.package_rule(rule);
        }
    }
    if let Some(map) = read_document(&directory.join("pkg-map"), maps::package_map)? {
        element = element.package_map(map);
    }
    if let Some(map) = read_document(&directory.join("svc-map"), maps::service_map)? {
        element = element.service_map(map);
    }
    for (file, arch) in layouts(directory)? {
        let file = directory.join(file);
        if let Some(config) = read(&file)? {
            element = element.block_device_of_file(arch, &file, &config);
        }
    }
    for (hook, rule) in layer_rules(&directory.join("element-layers"))? {
        element = element.keeps_layers(&hook, rule);
    }
    for hook in hooks::hooks_of(directory)? {
        element = element.with_hook(hook);
    }
    Ok(element)
}

/// Reads a file, if it is there.
fn read(path: &Utf8Path) -> Result<Option<String>, ElementError> {
    let failed = |source| ElementError::Read {
        path: path.to_owned(),
        source,
    };
    // A pipe or a device would be read for ever.
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            return Err(ElementError::NoFile {
                path: path.to_owned(),
            });
        }
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(ElementError::TooLarge {
            path: path.to_owned(),
            largest: LARGEST,
        });
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|error| ElementError::Fault {
            path: path.to_owned(),
            place: place_after(&error.as_bytes()[..error.utf8_error().valid_up_to()]),
            fault: Fault::NotUtf8,
        })
}

/// Returns the place after what a file begins with.
fn place_after(start: &[u8]) -> Place {
    let text = String::from_utf8_lossy(start);
    let last = text.rsplit('\n').next().unwrap_or_default();
    Place {
        line: 1 + text.matches('\n').count(),
        column: 1 + last.chars().count(),
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Reads a document, if it is there.
fn read_document<T>(
    path: &Utf8Path,
    interpret: fn(&Node) -> Result<T, Misplaced>,
) -> Result<Option<T>, ElementError> {
    let Some(text) = read(path)? else {
        return Ok(None);
    };
    dib_yaml::parse(&text)
        .map_err(Misplaced::from)
        .and_then(|document| interpret(&document))
        .map(Some)
        .map_err(|Misplaced { place, fault }| ElementError::Fault {
            path: path.to_owned(),
            place,
            fault,
        })
}

/// Reads how long what hooks did may be taken from earlier builds: on each line a hook, `PHASE.d/NAME` or `PHASE.d/*`, and a
/// rule.
fn layer_rules(path: &Utf8Path) -> Result<Vec<(String, LayerRule)>, ElementError> {
    let text = read(path)?.unwrap_or_default();
    let lines = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    let rule = |(index, line): (usize, &str)| {
        let fault = |fault| ElementError::Fault {
            path: path.to_owned(),
            place: Place {
                line: index + 1,
                column: 1 + line.len() - line.trim_start().len(),
            },
            fault,
        };
        let (hook, rule) = line
            .trim()
            .split_once(char::is_whitespace)
            .unwrap_or((line.trim(), ""));
        let phase = hook.split_once(".d/").map(|(phase, _)| phase);
        if phase.is_none_or(|phase| phase.parse::<Phase>().is_err()) {
            return Err(fault(Fault::LayerHook(hook.to_owned())));
        }
        let rule = rule.parse().map_err(|error| fault(Fault::LayerRule(error)))?;
        Ok((hook.to_owned(), rule))
    };
    lines.map(rule).collect()
}

/// Reads names of elements, one on each line.
fn element_names(path: &Utf8Path) -> Result<Vec<ElementName>, ElementError> {
    let text = read(path)?.unwrap_or_default();
    let lines = text.lines().enumerate();
    let mut seen = HashSet::new();
    lines
        .filter(|(_, line)| !line.trim().is_empty() && seen.insert(line.trim()))
        .map(|(index, line)| {
            line.trim().parse().map_err(|error| ElementError::Fault {
                path: path.to_owned(),
                place: Place {
                    line: index + 1,
                    column: 1 + line.len() - line.trim_start().len(),
                },
                fault: Fault::ElementName(error),
            })
        })
        .collect()
}

fn as_texts(names: &[ElementName]) -> Vec<&str> {
    names.iter().map(ElementName::as_str).collect()
}

/// Lists the files that lay out a disk, each with the architecture that it is for.
fn layouts(directory: &Utf8Path) -> Result<Vec<(String, Option<Arch>)>, ElementError> {
    let mut layouts = Vec::new();
    for name in hooks::names(directory)? {
        let of = name
            .strip_prefix("block-device-")
            .and_then(|rest| rest.strip_suffix(".yaml"));
        let arch = |of: &str| Arch::ALL.iter().copied().find(|arch| arch.is_called(of));
        match of {
            Some("default") => layouts.push((name, None)),
            // One for an architecture that nobody knows is for no build.
            Some(of) => layouts.extend(arch(of).map(|arch| (name.clone(), Some(arch)))),
            None => {}
        }
    }
    Ok(layouts)
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;
    use dib_core::PackageRule;

    use super::*;

    /// Makes an element `mine` of these files in a directory that goes away with the first value.
    fn element(files: &[(&str, &str)]) -> (tempfile::TempDir, Utf8PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(parent.path()).unwrap().join("mine");
        fs::create_dir(&directory).unwrap();
        for (name, contents) in files {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        (parent, directory)
    }

    fn texts(names: &[ElementName]) -> Vec<&str> {
        names.iter().map(ElementName::as_str).collect()
    }

    #[test]
    fn all_that_an_element_declares_is_read() {
        let (_parent, directory) = element(&[
            ("README.rst", "====\nmine\n====\n\nDoes it. And more.\n"),
            ("element-deps", "dpkg\n\n  cache-url  \n"),
            ("element-provides", "operating-system\noperating-system\n"),
            ("package-installs.json", r#"{"a": null}"#),
            ("package-installs.yaml", "b:\n  uninstall: True\n"),
            ("pkg-map", r#"{"family": {"debian": {"a": "c"}}}"#),
            ("svc-map", "s:\n  debian: t\n"),
            ("static/etc/x", ""),
            ("test-elements/y/README.rst", ""),
        ]);
        let element = load_element(&directory).unwrap();
        assert_eq!(element.name().as_str(), "mine");
        assert_eq!(element.summary(), "Does it");
        assert_eq!(element.directory(), Some(directory.as_path()));
        assert_eq!(texts(element.dependencies()), ["dpkg", "cache-url"]);
        assert_eq!(texts(element.provided()), ["operating-system"]);
        let rules = [PackageRule::new("a"), PackageRule::new("b").uninstalled()];
        assert_eq!(element.package_rules(), rules);
        assert_eq!(element.package_mapping().unwrap().map("a", "ubuntu", ""), ["c"]);
        assert_eq!(element.service_mapping().unwrap().map("s", "debian"), "t");
        assert_eq!(element.why_unusable(), None);
    }

    #[test]
    fn an_empty_directory_is_an_element() {
        let (_parent, directory) = element(&[]);
        let element = load_element(&directory).unwrap();
        assert_eq!(element.summary(), "");
        assert!(element.package_mapping().is_none());
    }

    #[test]
    fn a_disk_is_laid_out_by_files_for_architectures() {
        let (_parent, directory) = element(&[
            ("block-device-default.yaml", "of the rest"),
            ("block-device-ppc64le.yaml", "of POWER"),
            ("block-device-vax.yaml", "of nobody"),
        ]);
        let element = load_element(&directory).unwrap();
        let layout = |arch| {
            element
                .block_device_for(arch)
                .map(|device| device.config.as_str())
        };
        assert_eq!(layout(Arch::Amd64), Some("of the rest"));
        assert_eq!(layout(Arch::Ppc64el), Some("of POWER"));
        assert_eq!(element.why_unusable(), None);
    }

    #[test]
    fn faults_name_file_line_and_column() {
        let check = |name: &str, contents: &str, message: &str| {
            let (_parent, directory) = element(&[(name, contents)]);
            let error = load_element(&directory).unwrap_err();
            assert_eq!(error.to_string(), format!("{directory}/{name}:{message}"));
        };
        check(
            "package-installs.yaml",
            "a:\n  arhc: amd64\n",
            r#"2:3: there is no key "arhc"; did you mean arch?"#,
        );
        check("pkg-map", "{\"family\": {", "1:12: unclosed bracket '{'");
        check(
            "element-deps",
            "a\n b c\n",
            r#"2:2: "b c" is no name for an element: letters, digits, "-", "_", "+" and "." make one"#,
        );
    }

    #[test]
    fn what_is_not_utf_8_has_a_place() {
        let (_parent, directory) = element(&[]);
        fs::write(directory.join("element-deps"), b"dpkg\n caf\xe9\n").unwrap();
        let error = load_element(&directory).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{directory}/element-deps:2:5: the text is not UTF-8 here")
        );
    }

    #[test]
    fn a_file_that_is_none_is_an_error() {
        let (_parent, directory) = element(&[("pkg-map/x", "")]);
        let error = load_element(&directory).unwrap_err();
        assert_eq!(error.to_string(), format!("{directory}/pkg-map is not a file"));
    }

    #[test]
    fn a_file_without_end_is_an_error() {
        let (_parent, directory) = element(&[]);
        let huge = File::create(directory.join("element-deps")).unwrap();
        huge.set_len(LARGEST + 1).unwrap();
        let error = load_element(&directory).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{directory}/element-deps has more than 16777216 bytes")
        );
        fs::remove_file(directory.join("element-deps")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", directory.join("element-deps")).unwrap();
        let error = load_element(&directory).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{directory}/element-deps is not a file")
        );
    }

    #[test]
    fn what_only_people_read_may_be_anything() {
        let (_parent, directory) = element(&[("README.rst/x", "")]);
        assert_eq!(load_element(&directory).unwrap().summary(), "");
    }
}
