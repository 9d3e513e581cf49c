use super::*;

/// Prints a tree as nested brackets.
fn print(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Text { text, .. } => text.clone(),
        Value::Sequence(nodes) => format!("[{}]", nodes.iter().map(print).collect::<Vec<_>>().join(" ")),
        Value::Mapping(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(key, value)| format!("{}={}", print(key), print(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(" "))
        }
    }
}

fn check(text: &str, expected: &str) {
    assert_eq!(print(&parse(text).unwrap()), expected, "for {text:?}");
}

fn check_fault(text: &str, line: usize, column: usize, message: &str) {
    let Misplaced { place, fault } = parse(text).unwrap_err();
    assert_eq!(
        (place, fault.to_string().as_str()),
        (Place { line, column }, message),
        "for {text:?}"
    );
}

#[test]
fn yaml_and_json_become_one_tree() {
    check("", "null");
    check("# nothing\n", "null");
    check("a:\nb: {c: ~}\nd:\n- 1\n- '2'\n", "{a=null b={c=null} d=[1 2]}");
    check(
        "{\n\t\"a\":\tnull,\n\t\"b\": [\"c\", true]\n}\n",
        "{a=null b=[c true]}",
    );
    check("a: 'null'\n", "{a=null}");
    check("a: &x [1, 2]\nb: *x\n", "{a=[1 2] b=[1 2]}");
}

#[test]
fn nodes_know_their_places() {
    let document = parse("a: 1\nb:\n  ccc: [x]\n").unwrap();
    let b = &document.mapping("it").unwrap()[1].1;
    let (key, value) = &b.mapping("b").unwrap()[0];
    assert_eq!(key.place, Place { line: 3, column: 3 });
    assert_eq!(value.place, Place { line: 3, column: 8 });
}

#[test]
fn faults_have_places() {
    check_fault("a: [\n", 1, 4, "unclosed bracket '['");
    check_fault(
        "a: 1\n---\nb: 2\n",
        2,
        1,
        "a second document begins here, and only one is read",
    );
    check_fault("a: &x [*x]\n", 1, 8, "an alias stands in what it stands for");
    check_fault("a:\nb:\n  c: 1\n  'c': 2\n", 4, 3, "\"c\" is given twice");
    check_fault("{\"a\": 1, \"a\": 1}", 1, 10, "\"a\" is given twice");
    check("a: {x: 1}\nb: {x: 1}\n", "{a={x=1} b={x=1}}");
}

#[test]
fn aliases_make_no_bomb() {
    let level = |level: usize| {
        let before = format!("*a{}", level - 1);
        format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", "))
    };
    let text = "a0: &a0 [x]\n".to_owned() + &(1..12).map(level).collect::<String>();
    assert_eq!(parse(&text).unwrap_err().fault, Fault::TooLarge);
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), ["*a"; 20].join(", "));
    assert_eq!(parse(&text).unwrap_err().fault, Fault::TooLarge);
}

#[test]
fn switches_have_the_words_of_yaml_1_1() {
    let switch = |text: &str| parse(text).unwrap().switch("it").ok();
    for text in ["True", "true", "yes", "On"] {
        assert_eq!(switch(text), Some(true), "for {text}");
    }
    for text in ["False", "no", "OFF"] {
        assert_eq!(switch(text), Some(false), "for {text}");
    }
    for text in ["'true'", "1", "", "[]"] {
        assert_eq!(switch(text), None, "for {text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[a-b:{}\\[\\],\"'\\-&*#|> \t\n!%~?]{0,60}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_text_at_all_panics(text in ".{0,60}") {
        let _ = parse(&text);
    }
}
