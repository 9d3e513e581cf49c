//! The first line of a field `License`: names of licences, joined by words.

/// Which licences hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// One licence, by the name that the file gives it, with its exception where it has one (`GPL-2+ with OpenSSL
    /// exception`). Whatever is no expression is one licence with a strange name.
    License(String),
    /// All of them hold.
    And(Vec<Self>),
    /// Whoever uses it chooses one.
    Or(Vec<Self>),
}

impl Expression {
    /// Reads a line whose words are separated by single blanks. `and` binds more tightly than `or`, and both do than
    /// either with a comma before it.
    pub(super) fn parse(line: &str) -> Self {
        let mut words = Vec::new();
        for word in line.split_ascii_whitespace() {
            match word.strip_suffix(',') {
                Some(word) if !word.is_empty() => words.extend([word, ","]),
                _ => words.push(word),
            }
        }
        parse_list(&words).unwrap_or_else(|| Self::License(line.to_owned()))
    }

    /// Returns whether this was no expression.
    pub(super) fn is_prose(&self) -> bool {
        matches!(self, Self::License(name) if name.contains(' ') && !name.contains(" with "))
    }
}

/// Reads what commas separate.
fn parse_list(words: &[&str]) -> Option<Expression> {
    // Alternatives of what holds together, as without commas.
    let mut alternatives = Vec::new();
    let mut together = Vec::new();
    let mut start = 0;
    for index in 0..words.len() {
        let follows = |joint| words[index] == "," && is_word(words.get(index + 1), joint);
        let (ends_together, is_joint) = (follows("or"), follows("and"));
        if ends_together || is_joint {
            together.push(parse_alternatives(&words[start..index])?);
            start = index + 2;
        }
        if ends_together {
            alternatives.push(joined(std::mem::take(&mut together), Expression::And)?);
        }
    }
    together.push(parse_alternatives(words.get(start..)?)?);
    alternatives.push(joined(together, Expression::And)?);
    joined(alternatives, Expression::Or)
}

fn parse_alternatives(words: &[&str]) -> Option<Expression> {
    let alternatives = words
        .split(|word| word.eq_ignore_ascii_case("or"))
        .map(|words| {
            let together = words
                .split(|word| word.eq_ignore_ascii_case("and"))
                .map(parse_license)
                .collect::<Option<_>>()?;
            joined(together, Expression::And)
        })
        .collect::<Option<_>>()?;
    joined(alternatives, Expression::Or)
}

/// Reads `name` or `name with … exception`.
fn parse_license(words: &[&str]) -> Option<Expression> {
    let is_exception = words.len() > 3 && is_word(words.get(1), "with") && is_word(words.last(), "exception");
    if words.len() != 1 && !is_exception {
        return None;
    }
    Some(Expression::License(words.join(" ")))
}

fn is_word(word: Option<&&str>, wanted: &str) -> bool {
    word.is_some_and(|word| word.eq_ignore_ascii_case(wanted))
}

fn joined(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Option<Expression> {
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(join(parts)),
    }
}
