//! A tree as images: ours beside a loop mount, `cp -a` and `qemu-img`, with the same tree in one run.

mod timed;

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;
use timed::{again, timed};
use xshell::{Shell, cmd};

use super::place::Place;
use super::{Bench, Times, machine, performance_page};
use crate::build_image;
use crate::needs;
use crate::progress;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

/// The suite that is built where no tree is given: whatever Debian's current release is.
const SUITE: &str = "stable";
/// Our memory at most, in KiB.
const MEMORY: u64 = 256 << 10;

/// As upstream makes a qcow2 of a tree: `$1` is the disk's size in MiB, `$2` the tree, `$3` the image.
const LOOP_MOUNT: &str = r#"set -e
rm -rf upstream.raw mounted; mkdir mounted
truncate -s "$1M" upstream.raw
mkfs.ext4 -q -F -i 4096 -J size=64 upstream.raw
mount -o loop upstream.raw mounted
cp -a "$2/." mounted || { umount mounted; exit 1; }
umount mounted
qemu-img convert -c -f raw -O qcow2 upstream.raw "$3"
rm upstream.raw"#;

/// Measures, prints, writes the page and judges.
pub(super) fn measure(options: &Bench) -> Result<(), TaskError> {
    if !needs::is_root() {
        return Err(TaskError::Check(
            "a loop mount is for root alone: run this as root".to_owned(),
        ));
    }
    needs::meet(&[needs::BUILD, needs::UPSTREAM])?;
    let workspace = Workspace::load()?;
    let contest = Contest::prepare(options, &workspace)?;
    let rounds = options.rounds.unwrap_or(3).max(1);
    let mut matches = [
        Match::new("tree to qcow2, zlib", 1.0 / 5.0),
        Match::new("raw disk to qcow2, zlib", 1.0 / 2.0),
        Match::new("raw disk to qcow2, zstd", 0.8),
    ];
    for _ in 0..rounds {
        let [tree, zlib, zstd] = &mut matches;
        tree.round(&contest, &contest.tree_by_us(), &contest.tree_by_upstream(), None)?;
        let disk = Some(contest.disk.as_path());
        for (compared, compression) in [(zlib, "zlib"), (zstd, "zstd")] {
            let (ours, theirs) = (
                contest.convert_by_us(compression),
                contest.convert_by_qemu(compression),
            );
            compared.round(&contest, &ours, &theirs, disk)?;
        }
    }
    let text = contest.text(&workspace, &matches, rounds)?;
    print!("{text}");
    performance_page::replace(&workspace.root.join("docs/performance.md"), "formats", &text)?;
    let faults: Vec<String> = matches.iter().flat_map(Match::faults).collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(TaskError::Check(faults.join("\n")))
}

/// What is written, and where.
struct Contest {
    _directory: TempDir,
    path: Utf8PathBuf,
    dib: Utf8PathBuf,
    tree: Utf8PathBuf,
    disk: Utf8PathBuf,
    /// The disk's size in MiB.
    size: u64,
}

impl Contest {
    fn prepare(options: &Bench, workspace: &Workspace) -> Result<Self, TaskError> {
        let dib = build_image::build_dib(workspace)?;
        let memory = &options.directory;
        let directory = tempfile::Builder::new()
            .prefix("dib-bench-")
            .tempdir_in(memory)
            .map_err(TaskError::file("create a directory in", memory))?;
        let path = Utf8Path::from_path(directory.path())
            .expect("a plain name in a UTF-8 directory is UTF-8")
            .to_owned();
        let shell = workspace.shell()?;
        let tree = path.join("tree");
        fs::create_dir(&tree).map_err(TaskError::file("create", &tree))?;
        if let Some(tar) = &options.tree {
            unpack(&shell, tar, &tree)?;
        } else {
            let place = Place::make("formats", memory, &workspace.target.join("bench"))?;
            let mut command = place.command(dib.as_str());
            command
                .args([
                    "build",
                    "-t",
                    "tar",
                    "-o",
                    place.output().as_str(),
                    "debian-minimal",
                ])
                .env("DIB_RELEASE", SUITE)
                .env("DIB_IMAGE_CACHE", place.cache());
            place.time("dib-tree", &command)?;
            unpack(&shell, &place.tar(), &tree)?;
        }
        // As much as upstream gives a tree: what it takes and two thirds more, and the journal.
        let used = cmd!(shell, "du --summarize --block-size=1M {tree}")
            .quiet()
            .read()?;
        let used: Option<u64> = used
            .split_whitespace()
            .next()
            .and_then(|number| number.parse().ok());
        let used = used.ok_or_else(|| TaskError::Check(format!("du says nothing of {tree}")))?;
        let contest = Self {
            disk: path.join("disk.raw"),
            size: used * 5 / 3 + 64,
            _directory: directory,
            path,
            dib,
            tree,
        };
        let mut raw = contest.image_of_tree("raw", "disk");
        timed(&mut raw, "the raw disk")?;
        Ok(contest)
    }

    fn image_of_tree(&self, image_type: &str, name: &str) -> Command {
        let mut command = Command::new(&self.dib);
        let (size, output) = (format!("{}MiB", self.size), self.path.join(name));
        command
            .args(["image", "--tree", self.tree.as_str(), "-t", image_type])
            .args(["-o", output.as_str(), "--image-size", &size])
            .env("OVERWRITE_OLD_IMAGE", "1");
        command
    }

    fn tree_by_us(&self) -> Participant {
        Participant {
            name: "dib image",
            command: self.image_of_tree("qcow2", "ours"),
            output: self.path.join("ours.qcow2"),
        }
    }

    fn tree_by_upstream(&self) -> Participant {
        let mut command = Command::new("sh");
        let output = self.path.join("theirs.qcow2");
        command
            .args(["-c", LOOP_MOUNT, "sh", &self.size.to_string()])
            .args([self.tree.as_str(), output.as_str()])
            .current_dir(&self.path)
            .env("PATH", needs::path_with_administrators_programs());
        Participant {
            name: "loop mount, cp -a, qemu-img convert -c",
            command,
            output,
        }
    }

    fn convert_by_us(&self, compression: &str) -> Participant {
        let mut command = Command::new(&self.dib);
        let output = self.path.join("ours.qcow2");
        let options = format!("compression_type={compression}");
        command
            .args(["convert", "-t", "qcow2", "--qemu-img-options", &options])
            .args([&self.disk, &output]);
        Participant {
            name: "dib convert",
            command,
            output,
        }
    }

    fn convert_by_qemu(&self, compression: &str) -> Participant {
        let mut command = Command::new("qemu-img");
        let output = self.path.join("theirs.qcow2");
        let options = format!("compression_type={compression}");
        command
            .args([
                "convert", "-c", "-m", "16", "-W", "-f", "raw", "-O", "qcow2", "-o", &options,
            ])
            .args([&self.disk, &output]);
        Participant {
            name: "qemu-img convert -c -m 16 -W",
            command,
            output,
        }
    }

    /// Writes the table and what it was measured with, as Markdown.
    fn text(&self, workspace: &Workspace, matches: &[Match], rounds: usize) -> Result<String, TaskError> {
        let mut lines = vec![
            "| | time of dib, median | of the other | as a part of it | goal | size by dib | by the other | memory of dib |"
                .to_owned(),
            "|---|--:|--:|--:|--:|--:|--:|--:|".to_owned(),
        ];
        lines.extend(matches.iter().map(Match::row));
        let shell = workspace.shell()?;
        let version = cmd!(shell, "qemu-img --version").quiet().read()?;
        let version = version.lines().next().unwrap_or_default().replace("version ", "");
        let allocated = cmd!(shell, "du --block-size=1M").arg(&self.disk).quiet().read()?;
        lines.push(format!(
            "\nThe other is, in the first row, {}; in the others, {}. A disk of {} MiB, {} of them in use; {rounds} rounds by \
             turns. {}; everything in memory.",
            self.tree_by_upstream().name,
            self.convert_by_qemu("zlib").name,
            self.size,
            allocated.split_whitespace().next().unwrap_or_default(),
            machine::facts_with(workspace, &version)?
        ));
        Ok(lines.join("\n") + "\n")
    }
}

fn unpack(shell: &Shell, tar: &Utf8Path, tree: &Utf8Path) -> Result<(), TaskError> {
    progress::step(format!("unpacking {tar}"));
    let options = [
        "--numeric-owner",
        "--xattrs",
        "--xattrs-include=*",
        "--exclude=./dev/*",
    ];
    cmd!(shell, "tar {options...} -C {tree} -xf {tar}")
        .quiet()
        .run()?;
    Ok(())
}

/// Who writes an image.
struct Participant {
    name: &'static str,
    command: Command,
    output: Utf8PathBuf,
}

/// Ours beside another's work.
#[derive(Debug)]
struct Match {
    name: &'static str,
    /// Our time at most, as a part of the other's.
    limit: f64,
    ours: Times,
    theirs: Times,
    our_size: u64,
    their_size: u64,
    /// The most that ours took, in KiB.
    memory: u64,
}

impl Match {
    fn new(name: &'static str, limit: f64) -> Self {
        Self {
            name,
            limit,
            ours: Times::default(),
            theirs: Times::default(),
            our_size: 0,
            their_size: 0,
            memory: 0,
        }
    }

    /// Lets each write once; with a disk, both images must hold it.
    fn round(
        &mut self,
        contest: &Contest,
        ours: &Participant,
        theirs: &Participant,
        disk: Option<&Utf8Path>,
    ) -> Result<(), TaskError> {
        for (participant, is_ours) in [(ours, true), (theirs, false)] {
            let cost = timed(
                &mut again(&participant.command),
                &format!("{}: {}", self.name, participant.name),
            )?;
            let output = &participant.output;
            let size = fs::metadata(output)
                .map_err(TaskError::file("read", output))?
                .len();
            if is_ours {
                self.ours.0.push(cost.time);
                self.our_size = size;
                self.memory = self.memory.max(cost.memory);
            } else {
                self.theirs.0.push(cost.time);
                self.their_size = size;
            }
            let shell = Shell::new()?;
            shell.change_dir(&contest.path);
            cmd!(shell, "qemu-img check -q {output}").quiet().run()?;
            if let Some(disk) = disk {
                cmd!(shell, "qemu-img compare -q -f raw -F qcow2 {disk} {output}")
                    .quiet()
                    .run()?;
            }
            fs::remove_file(output).map_err(TaskError::file("remove", output))?;
        }
        Ok(())
    }

    fn ratio(&self) -> f64 {
        self.ours.median().as_secs_f64() / self.theirs.median().as_secs_f64()
    }

    fn row(&self) -> String {
        let megabytes = |size: u64| format!("{}.{} MB", size / 1_000_000, size % 1_000_000 / 100_000);
        format!(
            "| {} | {:.2} s | {:.2} s | {:.2} | {:.2} | {} | {} | {} MiB |",
            self.name,
            self.ours.median().as_secs_f64(),
            self.theirs.median().as_secs_f64(),
            self.ratio(),
            self.limit,
            megabytes(self.our_size),
            megabytes(self.their_size),
            self.memory >> 10,
        )
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.ratio() > self.limit {
            faults.push(format!(
                "{}: {:.2} of the other's time, not {:.2}",
                self.name,
                self.ratio(),
                self.limit
            ));
        }
        if self.our_size > self.their_size {
            faults.push(format!(
                "{}: {} bytes, the other has {}",
                self.name, self.our_size, self.their_size
            ));
        }
        if self.memory >= MEMORY {
            faults.push(format!(
                "{}: {} KiB of memory, not less than {MEMORY}",
                self.name, self.memory
            ));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_too_slow_too_large_or_too_hungry() {
        let of = |ours, our_size, memory| {
            let mut compared = Match::new("x", 0.5);
            compared.ours.0.push(Duration::from_secs(ours));
            compared.theirs.0.push(Duration::from_secs(10));
            (compared.our_size, compared.their_size, compared.memory) = (our_size, 100, memory);
            compared.faults().len()
        };
        assert_eq!(of(5, 100, MEMORY - 1), 0);
        assert_eq!(of(6, 100, 0), 1);
        assert_eq!(of(6, 101, MEMORY), 3);
    }
}
