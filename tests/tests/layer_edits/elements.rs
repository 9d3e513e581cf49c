//! The elements that are edited, and the edits.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::world::World;

/// Makes the tree of an operating system in which bash runs.
const ROOT: &str = r#"#!/bin/bash
set -eu -o pipefail
mkdir -p "$TARGET_ROOT"/{bin,etc,root,tmp,usr/bin,var/log}
for program in bash env; do
    path=$(type -P "$program")
    cp -L "$path" "$TARGET_ROOT/bin/$program"
    for library in $(ldd "$path" | grep -o '/[^ )]*'); do
        mkdir -p "$TARGET_ROOT${library%/*}"
        cp -L "$library" "$TARGET_ROOT$library"
    done
done
"#;

/// What no archive vouches for.
const OF_OS: &str = "root.d/* stable\n";
const OF_ONE: &str = "root.d/* stable\nextra-data.d/* stable\npre-install.d/* stable\ninstall.d/* stable\n\
                      post-install.d/* stable\npost-root.d/* stable\nfinalise.d/* stable\ncleanup.d/* stable\n";
/// The other scripts stand as long as the mirror's index does.
const OF_TWO: &str = "finalise.d/* stable\ncleanup.d/* stable\n";
/// The checksums of the two base images that there are, which are their numbers and nothing else.
const CHECKSUMS: [&str; 2] = [
    "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
    "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
];

/// The phases of the scripts that are edited.
const PHASES: [&str; 10] = [
    "root",
    "extra-data",
    "pre-install",
    "pre-install",
    "install",
    "install",
    "post-install",
    "post-root",
    "finalise",
    "cleanup",
];

/// A variable of the log-in, which counts where a file mentions it.
pub(super) const OF_SESSION: &str = "SSH_CLIENT";

/// Numbers that look random and are the same each time.
pub(super) struct Generator(u32);

/// A script that is edited.
#[derive(Debug, Clone)]
pub(super) struct Script {
    element: &'static str,
    phase: &'static str,
    is_there: bool,
    /// The number and the last word of its name; between them is its place in the list, so that no two have one name.
    order: u32,
    word: &'static str,
    place: usize,
    mode: u32,
    value: u32,
    mentions_session: bool,
}

/// A file of an element.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct File {
    pub(super) text: String,
    pub(super) mode: u32,
}

/// All that is edited.
#[derive(Debug, Clone)]
pub(super) struct Elements {
    scripts: Vec<Script>,
    words: u32,
    words_mode: u32,
    words_mention_session: bool,
    environment: u32,
    pub(super) seen: Option<u32>,
    pub(super) of_session: Option<u32>,
    /// What is in the two files of the host of which a variable names one.
    files: [u32; 2],
    named: usize,
    /// Which base image the mirror has.
    pub(super) base: usize,
    /// The versions of the two packages that the mirror has.
    versions: [u32; 2],
    /// A variable that a hook of the mirror's element looks at.
    pub(super) flavour: Option<u32>,
}

impl Generator {
    pub(super) fn of(seed: u32) -> Self {
        Self(seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) as usize % bound
    }

    /// Returns a small number: few enough that what was comes back.
    fn value(&mut self) -> u32 {
        [0, 1, 2][self.below(3)]
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

impl Script {
    fn name(&self) -> String {
        format!("{}-{}-{}", self.order, self.place, self.word)
    }

    /// Returns its text: what it writes hangs on all that it may look at.
    fn text(&self) -> String {
        let (of_hooks, of_tree, named) = match self.phase {
            "root" | "extra-data" | "post-root" | "cleanup" => {
                ("$TMP_HOOKS_PATH", "$TARGET_ROOT", "$(<\"$EDITS_FILE\")")
            }
            _ => ("/tmp/in_target.d", "", ""),
        };
        let session = if self.mentions_session {
            format!("${{{OF_SESSION}:-none}}")
        } else {
            String::new()
        };
        format!(
            "#!/bin/bash\nset -eu\nread -r words < \"{of_hooks}/static/words\"\n\
             echo \"${{0##*/}} {value} ${{EDITS_SEEN:-none}} ${{EDITS_ENVIRONMENT:-none}} $words {named} {session}\" \
             >> \"{of_tree}/etc/lines\"\n",
            value = self.value
        )
    }
}

impl Default for Elements {
    fn default() -> Self {
        let scripts = PHASES.iter().enumerate().map(|(place, phase)| Script {
            element: ["two", "one"][place % 2],
            phase,
            is_there: true,
            order: 12,
            word: "first",
            place,
            mode: 0o755,
            value: 0,
            mentions_session: false,
        });
        Self {
            scripts: scripts.collect(),
            words: 0,
            words_mode: 0o644,
            words_mention_session: false,
            environment: 0,
            seen: Some(0),
            of_session: Some(0),
            files: [0; 2],
            named: 0,
            base: 0,
            versions: [0; 2],
            flavour: None,
        }
    }
}

impl Elements {
    /// Changes something, or now and then nothing, and says what.
    pub(super) fn edit(&mut self, generator: &mut Generator) -> String {
        let kind = generator.below(23);
        let value = generator.value();
        let place = generator.below(self.scripts.len());
        let script = &mut self.scripts[place];
        match kind {
            0..=2 => script.value = value,
            3 => script.mode = generator.one_of(&[0o755, 0o700, 0o744]),
            4 => script.mode = generator.one_of(&[0o755, 0o644]),
            5 | 6 => script.word = generator.one_of(&["first", "other", "third"]),
            7 | 8 => script.order = generator.one_of(&[12, 50, 80]),
            9 | 10 => script.is_there = !script.is_there,
            11 => script.element = generator.one_of(&["one", "two"]),
            12 => script.mentions_session = !script.mentions_session,
            13 => self.words = value,
            14 => self.words_mode = generator.one_of(&[0o644, 0o600, 0o755]),
            15 if value == 0 => self.words_mention_session = !self.words_mention_session,
            15 => self.environment = value - 1,
            16 => self.seen = [None, Some(0), Some(1)][generator.below(3)],
            17 => self.of_session = [None, Some(0), Some(1)][generator.below(3)],
            18 => self.files[generator.below(2)] = value,
            19 => self.named = generator.below(2),
            20 => self.base = generator.below(2),
            21 => self.versions[generator.below(2)] = value,
            _ => self.flavour = [None, Some(0), Some(1)][generator.below(3)],
        }
        let script = &self.scripts[place];
        match kind {
            0..=12 => format!("{kind}: {script:?}"),
            _ => format!(
                "{kind}: words {} {:o} {}, environment {}, seen {:?}, of session {:?}, files {:?} {}, \
                 base {}, versions {:?}, flavour {:?}",
                self.words,
                self.words_mode,
                self.words_mention_session,
                self.environment,
                self.seen,
                self.of_session,
                self.files,
                self.named,
                self.base,
                self.versions,
                self.flavour
            ),
        }
    }

    /// Returns the files of the elements, by their elements and their places there.
    pub(super) fn files(&self) -> BTreeMap<(&'static str, String), File> {
        let file = |text: &str, mode| File {
            text: text.to_owned(),
            mode,
        };
        let mut files = BTreeMap::new();
        for (element, rules) in [("os", OF_OS), ("one", OF_ONE), ("two", OF_TWO)] {
            files.insert((element, "element-layers".to_owned()), file(rules, 0o644));
        }
        files.insert(
            ("os", "element-provides".to_owned()),
            file("operating-system\n", 0o644),
        );
        files.insert(("os", "root.d/10-root".to_owned()), file(ROOT, 0o755));
        let mention = if self.words_mention_session {
            OF_SESSION
        } else {
            ""
        };
        let words = format!("{} {mention}\n", self.words);
        files.insert(("one", "static/words".to_owned()), file(&words, self.words_mode));
        let environment = format!("export EDITS_ENVIRONMENT={}\n", self.environment);
        files.insert(
            ("two", "environment.d/10-edits".to_owned()),
            file(&environment, 0o644),
        );
        for script in self.scripts.iter().filter(|script| script.is_there) {
            let place = format!("{}.d/{}", script.phase, script.name());
            files.insert((script.element, place), file(&script.text(), script.mode));
        }
        files
    }

    /// Writes the elements, and the files that a variable names.
    pub(super) fn write(&self, world: &World) {
        let elements = world.path("home/elements");
        if elements.exists() {
            fs::remove_dir_all(&elements).unwrap();
        }
        for ((element, place), file) in self.files() {
            let path = elements.join(element).join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, file.text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(file.mode)).unwrap();
        }
        for (index, value) in self.files.iter().enumerate() {
            fs::write(world.path(&format!("home/file{index}")), value.to_string()).unwrap();
        }
    }

    /// Returns the variables that are set for a build.
    pub(super) fn variables(&self, world: &World) -> Vec<(&'static str, String)> {
        let file = world.path(&format!("home/file{}", self.named));
        let optional = [
            ("EDITS_SEEN", self.seen),
            (OF_SESSION, self.of_session),
            ("MYORG_FLAVOUR", self.flavour),
        ];
        let set = optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.to_string())));
        set.chain([("EDITS_FILE", file.into_string())]).collect()
    }

    /// Returns the file that a variable names, and what is in it.
    pub(super) fn named_file(&self) -> (usize, u32) {
        (self.named, self.files[self.named])
    }

    /// Returns what the mirror says of what it has.
    pub(super) fn index(&self) -> String {
        let [first, second] = self.versions;
        format!("base {}\nfirst {first}\nsecond {second}\n", CHECKSUMS[self.base])
    }

    /// Returns the mirror's files.
    pub(super) fn published(&self) -> [(&'static str, String); 2] {
        [("index", self.index()), ("base", self.base.to_string())]
    }

    /// Returns whether there is a hook, such as `install.d/50-site`.
    pub(super) fn has_hook(&self, inside: &str) -> bool {
        self.files()
            .iter()
            .any(|((_, place), file)| place == inside && file.mode & 0o111 != 0)
    }
}
