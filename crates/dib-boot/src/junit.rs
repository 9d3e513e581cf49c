//! A boot test's results as a `JUnit` file. Source: the schema that Jenkins' `JUnit` plugin reads.

use std::fmt::Write as _;

use camino::Utf8Path;

use crate::boot_test::FirmwareResult;

/// Returns the file's text: one suite for the image, and in it one case for each firmware.
#[must_use]
pub fn document(image: &Utf8Path, results: &[FirmwareResult]) -> String {
    let failures = results.iter().filter(|result| result.failure.is_some()).count();
    let time: f64 = results.iter().map(|result| result.time.as_secs_f64()).sum();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut add = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    add(&format!(
        "<testsuite name=\"boot test of {}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" \
         time=\"{time:.3}\">",
        escaped(image.as_str()),
        results.len()
    ));
    for result in results {
        add(&format!(
            "  <testcase classname=\"dib.boot\" name=\"{}\" time=\"{:.3}\">",
            result.firmware,
            result.time.as_secs_f64()
        ));
        let last_lines = escaped(&result.last_lines.join("\n"));
        match &result.failure {
            Some(failure) => add(&format!(
                "    <failure message=\"{}\">{last_lines}</failure>",
                escaped(&failure.to_string())
            )),
            None => add(&format!("    <system-out>{last_lines}</system-out>")),
        }
        add("  </testcase>");
    }
    add("</testsuite>");
    text
}

/// Returns a text as it stands in XML. What XML can't hold at all is a replacement character.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            control if control.is_control() && control < '\u{80}' => escaped.push('\u{fffd}'),
            other => write!(escaped, "{other}").expect("a String takes all text"),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::diagnosis::{Cause, Failure, Stage};
    use crate::machine::Firmware;

    #[test]
    fn one_case_for_each_firmware() {
        let good = FirmwareResult {
            firmware: Firmware::Bios,
            time: Duration::from_millis(43_210),
            failure: None,
            last_lines: vec![
                "Debian GNU/Linux 12 debian ttyS0".to_owned(),
                "debian login:".to_owned(),
            ],
            log: "/out/image.d/boot-test/console-bios.log".into(),
        };
        let bad = FirmwareResult {
            firmware: Firmware::Uefi,
            failure: Some(Failure {
                cause: Cause::NoUefiLoader,
                stage: Stage::Firmware,
                evidence: Some("BdsDxe: failed to load Boot0001 \"UEFI Misc Device\"".to_owned()),
            }),
            last_lines: vec!["Shell> \u{7}<&>".to_owned()],
            ..good.clone()
        };
        insta::assert_snapshot!(document("/out/image.qcow2".into(), &[good, bad]), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuite name="boot test of /out/image.qcow2" tests="2" failures="1" errors="0" skipped="0" time="86.420">
          <testcase classname="dib.boot" name="BIOS" time="43.210">
            <system-out>Debian GNU/Linux 12 debian ttyS0
        debian login:</system-out>
          </testcase>
          <testcase classname="dib.boot" name="UEFI" time="43.210">
            <failure message="UEFI found no boot loader: look at the EFI system partition, which should hold EFI/BOOT/BOOTX64.EFI (on arm64 BOOTAA64.EFI) (the console says: BdsDxe: failed to load Boot0001 &quot;UEFI Misc Device&quot;)">Shell&gt; �&lt;&amp;&gt;</failure>
          </testcase>
        </testsuite>
        "#);
    }
}
