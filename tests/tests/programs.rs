//! The programs as their users run them.

mod break_points;
mod builds;
mod command_lines;
mod killed;
mod world;
