//! How long the hooks of a phase took, as a table.

use std::fmt::Write as _;

use dib_core::PhaseProfile;

/// Returns the table of a phase, or nothing for a phase without hooks.
pub(crate) fn table(profile: &PhaseProfile) -> String {
    let mut table = String::new();
    if profile.hooks.is_empty() {
        return table;
    }
    writeln!(table, "phase {} took {:.1} s", profile.phase, profile.seconds)
        .expect("a String takes all text");
    let width = profile
        .hooks
        .iter()
        .map(|timing| timing.hook.len())
        .max()
        .unwrap_or(0);
    for timing in &profile.hooks {
        writeln!(
            table,
            "{:>10.3} s  {:width$}  {}",
            timing.seconds, timing.hook, timing.element
        )
        .expect("a String takes all text");
    }
    table
}

#[cfg(test)]
mod tests {
    use dib_core::{HookTiming, Phase};

    use super::*;

    #[test]
    fn a_phase_is_a_table() {
        let timing = |hook: &str, element: &str, seconds| HookTiming {
            hook: hook.to_owned(),
            element: element.parse().unwrap(),
            seconds,
        };
        let hooks = vec![
            timing("01-ccache", "base", 0.0004),
            timing("99-trim-dpkg", "dpkg", 12.5),
        ];
        let profile = PhaseProfile {
            phase: Phase::Root,
            seconds: 12.51,
            hooks,
        };
        assert_eq!(
            table(&profile),
            "phase root took 12.5 s\n     0.000 s  01-ccache     base\n    12.500 s  99-trim-dpkg  dpkg\n"
        );
        assert_eq!(
            table(&PhaseProfile {
                hooks: Vec::new(),
                ..profile
            }),
            ""
        );
    }
}
