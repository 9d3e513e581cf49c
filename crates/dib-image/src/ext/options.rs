//! Options of mke2fs that are wanted beside our own.

/// Splits options into those that mke2fs is given as they are, and the extended ones, which are given once.
///
/// mke2fs hears only the last of several `-E`, so what each of them says is put together. The older name of the option
/// is `-R`.
pub(super) fn split(options: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut plain, mut extended) = (Vec::new(), Vec::new());
    let mut words = options.iter();
    while let Some(word) = words.next() {
        let value = match word.get(..2) {
            Some("-E" | "-R") if word.len() > 2 => Some(&word[2..]),
            Some("-E" | "-R") => words.next().map(String::as_str),
            _ => {
                plain.push(word.clone());
                None
            }
        };
        let values = value
            .unwrap_or_default()
            .split(',')
            .filter(|value| !value.is_empty());
        extended.extend(values.map(str::to_owned));
    }
    (plain, extended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_options_are_put_together() {
        let options = "-E resize=100 -i 4096 -Estride=2,x -J size=4 -O ^metadata_csum -R y".split(' ');
        let options: Vec<String> = options.map(str::to_owned).collect();
        let (plain, extended) = split(&options);
        assert_eq!(plain, ["-i", "4096", "-J", "size=4", "-O", "^metadata_csum"]);
        assert_eq!(extended, ["resize=100", "stride=2", "x", "y"]);
        assert_eq!(split(&["-E".to_owned()]), (Vec::new(), Vec::new()));
    }
}
