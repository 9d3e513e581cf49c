//! The packages' manifests: one table of versions, one of lints.

use super::SourceFile;

/// The crate whose work is unsafe by nature and which therefore states its lints itself.
const OWN_LINTS: &str = "crates/dib-sys/Cargo.toml";

/// Finds versions outside the root's table and packages without the root's lints.
pub(super) fn check(files: &[SourceFile]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.path.file_name() == Some("Cargo.toml") && file.path != "Cargo.toml")
    {
        let mut section = "";
        let mut inherits_lints = false;
        for (number, line) in (1..).zip(file.text.lines().map(str::trim)) {
            if line.starts_with('[') {
                section = line;
            } else if section == "[lints]" && line == "workspace = true" {
                inherits_lints = true;
            } else if section.contains("dependencies") && line.contains('=') && !line.starts_with('#') {
                let flat = line.replace(' ', "");
                if !flat.contains("workspace=true") {
                    faults.push(format!(
                        "{}:{number}: versions stand in the root Cargo.toml only",
                        file.path
                    ));
                }
            }
        }
        if !inherits_lints && file.path != OWN_LINTS {
            faults.push(format!("{}: the workspace's lints are not inherited", file.path));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn manifests() {
        let good = "[package]\nname = \"a\"\nversion = \"1\"\n[lints]\nworkspace = true\n\
                    [dependencies]\na.workspace = true\nb = { workspace = true, features = [\"x\"] }\n";
        let bad = "[package]\nname = \"a\"\n[dev-dependencies]\na = \"1\"\n";
        assert_eq!(
            check(&[file("Cargo.toml", bad), file("a/Cargo.toml", good)]),
            Vec::<String>::new()
        );
        assert_eq!(
            check(&[file("a/Cargo.toml", bad)]),
            [
                "a/Cargo.toml:4: versions stand in the root Cargo.toml only",
                "a/Cargo.toml: the workspace's lints are not inherited",
            ]
        );
    }
}
