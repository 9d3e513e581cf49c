//! nodepool: two builders, each a process with a directory for images of its own, that share out two images through
//! `ZooKeeper`, and remove one when they are told to.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::progress;
use crate::scratch_build;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

use super::image_files;
use super::place::{self, Place, Running};
use super::python;
use super::zookeeper::{self, ZooKeeper};

/// The images, and with them the builders: each has one to begin with.
const IMAGES: [&str; 2] = ["callers-one", "callers-two"];

/// The release that the images are said to be of.
const RELEASE: &str = "callers-release";

/// Formats as the configuration names them.
const FORMATS: [&str; 2] = ["qcow2", "raw"];

/// How long two builds may take, with ten seconds between two looks of a builder for work.
const BUILD_TIME: Duration = Duration::from_secs(180);

/// How long the builders' cleanup may take, which is done once a minute.
const CLEANUP_TIME: Duration = Duration::from_secs(150);

/// A builder's process and its directories.
struct Builder {
    running: Running,
    images: Utf8PathBuf,
    logs: Utf8PathBuf,
}

/// A line of `nodepool dib-image-list`.
#[derive(Debug, PartialEq, Eq)]
struct Build {
    /// Image and build, with a hyphen between: the base of the files' names.
    id: String,
    image: String,
    state: String,
}

/// Builds both images at the same time, looks at them, deletes one, and sees it go.
pub(super) fn build(workspace: &Workspace, place: &Place) -> Result<(), TaskError> {
    let environment = place.copy(&python::install(workspace, "nodepool")?, "python")?;
    let mut zookeeper = zookeeper::start(place)?;
    let meeting = place.directory("meeting")?;
    let mut builders = Vec::new();
    for (index, name) in IMAGES.into_iter().enumerate() {
        builders.push(start_builder(
            place,
            &environment,
            &zookeeper,
            &meeting,
            index,
            name,
        )?);
    }
    let nodepool = Nodepool {
        place,
        environment: &environment,
        settings: place.path().join(settings_name(IMAGES[0])),
    };

    progress::step("two builders build two images");
    let builds = place::wait_for("both images", BUILD_TIME, || {
        check_that_all_run(&mut zookeeper, &mut builders)?;
        let builds = nodepool.builds()?;
        if let Some(failed) = builds.iter().find(|build| build.state == "failed") {
            return Err(TaskError::Check(format!(
                "{} failed\n{}",
                failed.id,
                logs_of(&builders, &failed.id)
            )));
        }
        let ready = IMAGES.iter().all(|image| {
            builds
                .iter()
                .any(|build| build.image == *image && build.state == "ready")
        });
        Ok(ready.then_some(builds))
    })?;
    let mut owners = Vec::new();
    for build in &builds {
        owners.push(check_files(&builders, build)?);
    }
    if builds.len() != 2 || owners != [0, 1] && owners != [1, 0] {
        return Err(TaskError::Check(format!(
            "the builds were not shared out: {builds:?} by {owners:?}"
        )));
    }

    let (deleted, kept) = (&builds[0], &builds[1]);
    progress::step(format!("nodepool deletes {}", deleted.id));
    // A paused image is not built anew when it has no build any more.
    nodepool.call(&["image-pause", &deleted.image])?;
    nodepool.call(&["dib-image-delete", &deleted.id])?;
    place::wait_for("the end of the deleted image", CLEANUP_TIME, || {
        check_that_all_run(&mut zookeeper, &mut builders)?;
        let listed = nodepool.builds()?.iter().any(|build| build.id == deleted.id);
        let left = files_of(&builders[owners[0]], &deleted.id)?;
        Ok((!listed && left.is_empty()).then_some(()))
    })?;
    check_files(&builders, kept)?;
    Ok(())
}

/// The client, as an administrator calls it.
struct Nodepool<'a> {
    place: &'a Place,
    environment: &'a Utf8Path,
    settings: Utf8PathBuf,
}

impl Nodepool<'_> {
    fn call(&self, arguments: &[&str]) -> Result<String, TaskError> {
        let mut command = self.place.python(self.environment, "nodepool");
        command.args(["-c", self.settings.as_str()]).args(arguments);
        image_files::read(&mut command, "nodepool")
    }

    fn builds(&self) -> Result<Vec<Build>, TaskError> {
        Ok(parse_builds(&self.call(&["dib-image-list"])?))
    }
}

/// Starts a builder that looks at the image of its name first.
fn start_builder(
    place: &Place,
    environment: &Utf8Path,
    zookeeper: &ZooKeeper,
    meeting: &Utf8Path,
    index: usize,
    name: &str,
) -> Result<Builder, TaskError> {
    let images = place.directory(&format!("images-of-{name}"))?;
    let logs = place.directory(&format!("logs-of-{name}"))?;
    let mut settings = format!(
        "elements-dir: {}\nimages-dir: {images}\nbuild-log-dir: {logs}\n{}labels: []\nproviders: []\ndiskimages:\n",
        place.elements(),
        zookeeper.settings_of_nodepool(),
    );
    let mut in_order = IMAGES;
    in_order.rotate_left(index);
    for image in in_order {
        settings.push_str(&settings_of_image(image, &place.disk_image_create(), meeting));
    }
    let settings = place.write(&settings_name(name), &settings)?;
    let mut command = place.python(environment, "nodepool-builder");
    command.args(["-f", "-c", settings.as_str(), "--upload-workers", "1"]);
    Ok(Builder {
        running: place.start(&format!("builder-of-{name}"), &mut command)?,
        images,
        logs,
    })
}

fn settings_name(builder: &str) -> String {
    format!("nodepool-of-{builder}.yaml")
}

fn settings_of_image(image: &str, program: &Utf8Path, meeting: &Utf8Path) -> String {
    let formats = FORMATS.join(", ");
    format!(
        "  - name: {image}\n    \
             dib-cmd: {program}\n    \
             formats: [{formats}]\n    \
             release: {RELEASE}\n    \
             elements: [callers-tiny, callers-word, callers-meeting]\n    \
             env-vars:\n      \
               CALLERS_MEETING: {meeting}\n"
    )
}

fn check_that_all_run(zookeeper: &mut ZooKeeper, builders: &mut [Builder]) -> Result<(), TaskError> {
    zookeeper.check_that_it_runs()?;
    builders
        .iter_mut()
        .try_for_each(|builder| builder.running.check_that_it_runs())
}

/// Checks the files of a build, which one builder has; returns the builder's number.
fn check_files(builders: &[Builder], build: &Build) -> Result<usize, TaskError> {
    let mut owners = Vec::new();
    for (index, builder) in builders.iter().enumerate() {
        if !files_of(builder, &build.id)?.is_empty() {
            owners.push(index);
        }
    }
    let [owner] = *owners else {
        return Err(TaskError::Check(format!(
            "{} is with the builders {owners:?}",
            build.id
        )));
    };
    let base = builders[owner].images.join(&build.id);
    for format in FORMATS {
        let image = Utf8PathBuf::from(format!("{base}.{format}"));
        let information = image_files::information(&image)?;
        if information["format"] != format {
            return Err(TaskError::Check(format!(
                "{image} is another format: {information}"
            )));
        }
        image_files::check_sums(&image)?;
    }
    let raw = Utf8PathBuf::from(format!("{base}.raw"));
    image_files::check_that_it_is_sparse(&raw)?;
    let word = image_files::file_in(&raw, "/etc/callers-word")?;
    let expected = format!("tiny {RELEASE} for {}\n", build.image);
    if word != expected {
        return Err(TaskError::Check(format!(
            "{raw} says {word:?} instead of {expected:?}"
        )));
    }
    image_files::check_that_there_is(&Utf8PathBuf::from(format!("{base}.d/dib-manifests")))?;
    // What nodepool calls version 0.10 of the format's compatibility has a version 2 in its header.
    let qcow2 = image_files::information(&Utf8PathBuf::from(format!("{base}.qcow2")))?;
    if qcow2["format-specific"]["data"]["compat"] != "0.10" {
        return Err(TaskError::Check(format!(
            "the option for qemu-img had no effect: {qcow2}"
        )));
    }
    Ok(owner)
}

/// Names the files of a build: those of its name, whatever comes after a dot.
fn files_of(builder: &Builder, id: &str) -> Result<Vec<String>, TaskError> {
    let mut names = scratch_build::names_in(&builder.images)?;
    names.retain(|name| name.contains(id));
    Ok(names)
}

/// What a build printed last, and the builders.
fn logs_of(builders: &[Builder], id: &str) -> String {
    let mut texts = Vec::new();
    for builder in builders {
        texts.push(place::last_lines(&builder.logs.join(format!("{id}.log"))));
    }
    for builder in builders {
        texts.push(builder.running.last_lines());
    }
    texts.join("\n")
}

/// Reads the table that `nodepool dib-image-list` prints: cells between bars, a row for each build.
fn parse_builds(table: &str) -> Vec<Build> {
    table
        .lines()
        .filter_map(|line| line.trim().strip_prefix('|')?.strip_suffix('|'))
        .map(|row| row.split('|').map(str::trim).collect::<Vec<_>>())
        .filter_map(|cells| match *cells {
            [id, image, _, _, state, _] if id != "ID" => Some(Build {
                id: id.to_owned(),
                image: image.to_owned(),
                state: state.to_owned(),
            }),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_builds() {
        let table = "\
            +-----------+-------+---------+---------+-------+-------------+\n\
            | ID        | Image | Builder | Formats | State | Age         |\n\
            +-----------+-------+---------+---------+-------+-------------+\n\
            | one-0af19 | one   | host    | raw     | ready | 00:00:01:02 |\n\
            +-----------+-------+---------+---------+-------+-------------+\n";
        assert_eq!(
            parse_builds(table),
            [Build {
                id: "one-0af19".to_owned(),
                image: "one".to_owned(),
                state: "ready".to_owned(),
            }]
        );
        assert_eq!(parse_builds(""), []);
    }
}
