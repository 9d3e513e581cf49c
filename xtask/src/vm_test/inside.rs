//! What an image tells of itself while it runs, and what it should tell.

use std::collections::BTreeMap;

/// Waits until everything that starts at boot has started; what has failed is looked at later.
pub(super) const WAIT: &str = "systemctl is-system-running --wait || true";

/// Prints what is looked at, one `name=value` a line.
pub(super) const LOOK: &str = "
echo root=$(findmnt -no SOURCE /)
echo type=$(findmnt -no FSTYPE /)
echo labelled=$(readlink -f /dev/disk/by-label/cloudimg-rootfs)
echo bytes=$(df -B1 --output=size / | tail -n 1)
echo hostname=$(hostname)
echo address=$(ip -brief -4 address show scope global)
test -d /sys/firmware/efi && echo firmware=uefi || echo firmware=bios
echo keys=$(ls /etc/ssh/ssh_host_*_key | wc -l)
echo boot=$(sed -n 's/^btime //p' /proc/stat)
echo oldest_key=$(stat -c %Y /etc/ssh/ssh_host_*_key | sort -n | head -n 1)
echo ssh=$(systemctl is-active ssh)
echo sudo=$(sudo -n id -u 2>/dev/null)
echo failed=$(systemctl --failed --no-legend --plain)
";

/// The address that QEMU's network gives its first guest by DHCP. Source: QEMU's documentation of `-netdev user`.
const ADDRESS: &str = "10.0.2.15/24";
/// How much of the disk the root file system must have, in percent: other partitions and the file system's own needs
/// take the rest.
const GROWN: u64 = 75;

/// What an image should tell.
#[derive(Debug)]
pub(super) struct Expected<'e> {
    pub(super) root: &'e str,
    pub(super) file_system: &'e str,
    pub(super) hostname: &'e str,
    pub(super) firmware: &'e str,
    pub(super) disk_bytes: u64,
}

impl Expected<'_> {
    /// Compares with what the image has printed, and returns a line for each thing that is wrong.
    pub(super) fn compare(&self, printed: &str) -> Vec<String> {
        let told: BTreeMap<&str, &str> = printed.lines().filter_map(|line| line.split_once('=')).collect();
        let value = |name: &str| told.get(name).copied().unwrap_or_default();
        let number = |name: &str| value(name).parse::<u64>().unwrap_or(0);
        let mut wrong = Vec::new();
        let mut check = |holds: bool, what: String| {
            if !holds {
                wrong.push(what);
            }
        };
        for (name, expected) in [
            ("root", self.root),
            ("labelled", self.root),
            ("type", self.file_system),
            ("hostname", self.hostname),
            ("firmware", self.firmware),
            ("ssh", "active"),
            ("sudo", "0"),
            ("failed", ""),
        ] {
            check(
                told.contains_key(name) && value(name) == expected,
                format!("{name} is {:?}, not {expected:?}", value(name)),
            );
        }
        check(
            value("address").split_whitespace().any(|word| word == ADDRESS),
            format!(
                "no interface has the address {ADDRESS} by DHCP: {:?}",
                value("address")
            ),
        );
        check(
            number("bytes") >= self.disk_bytes / 100 * GROWN,
            format!(
                "the root file system has not grown to the disk: it has {} bytes",
                value("bytes")
            ),
        );
        check(number("keys") > 0, "there are no ssh host keys".to_owned());
        check(
            number("boot") > 0 && number("oldest_key") >= number("boot"),
            "an ssh host key is older than the machine".to_owned(),
        );
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "running
root=/dev/vda1
type=ext4
labelled=/dev/vda1
bytes=3900000000
hostname=debian
address=enp0s2 UP 10.0.2.15/24
firmware=bios
keys=3
boot=1800000000
oldest_key=1800000010
ssh=active
sudo=0
failed=
";

    fn compare(printed: &str) -> Vec<String> {
        let expected = Expected {
            root: "/dev/vda1",
            file_system: "ext4",
            hostname: "debian",
            firmware: "bios",
            disk_bytes: 4 << 30,
        };
        expected.compare(printed)
    }

    #[test]
    fn each_thing_that_is_wrong_is_told() {
        assert_eq!(compare(GOOD), [""; 0]);
        for (good, bad) in [
            ("root=/dev/vda1", "root=/dev/vda2"),
            ("bytes=3900000000", "bytes=900000000"),
            ("10.0.2.15/24", "169.254.0.1/16"),
            ("oldest_key=1800000010", "oldest_key=1700000000"),
            ("keys=3", "keys=0"),
            ("failed=", "failed=ssh.service loaded failed failed"),
            ("failed=\n", ""),
        ] {
            assert_eq!(compare(&GOOD.replace(good, bad)).len(), 1, "{bad}");
        }
    }
}
