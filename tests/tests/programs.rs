//! The programs as their users run them.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod attached_disks;
mod break_points;
mod broken_elements;
mod builds;
mod command_lines;
mod differences;
mod elements_path;
mod image_files;
mod killed;
mod killed_scripts;
mod layer_edits;
mod layer_options;
mod layers;
mod other_names;
mod world;
