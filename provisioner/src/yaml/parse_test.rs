use super::*;
use crate::yaml::{Writer, quote};
use proptest::prelude::*;

fn source(text: &str) -> Arc<Source> {
    Source::new("rules/test.yaml", text)
}

fn message(text: &str) -> String {
    parse(&source(text)).unwrap_err().to_string()
}

#[test]
fn remembers_where_everything_stands() {
    let text = "a: 1\nbé:\n  - x\n  - !Ref Y\n";
    let node = parse(&source(text)).unwrap();
    let item = node.pointer("/bé/1").unwrap();
    assert_eq!(item.tag.as_deref(), Some("Ref"));
    assert!(text[item.span.start..item.span.end].ends_with('Y'));
    let key = node.entry("bé").unwrap();
    assert_eq!(&text[key.key_span.start..key.key_span.end], "bé");
}

#[test]
fn expands_anchors_within_limits() {
    let node = parse(&source("a: &x {k: 1}\nb: *x\n")).unwrap();
    assert_eq!(node.pointer("/b/k").and_then(Node::as_int), Some(1));
    let level = |level: usize| {
        let below = vec![format!("*a{}", level.wrapping_sub(1)); 10].join(", ");
        if level == 0 { "a0: &a0 [x]\n".to_owned() } else { format!("a{level}: &a{level} [{below}]\n") }
    };
    let bomb: String = (0..9).map(level).collect();
    assert!(message(&bomb).contains("more than 400000 values"));
    assert!(message("a: &x [*x]").contains("alias"));
}

#[test]
fn says_what_is_wrong() {
    assert!(message("a: 1\na: 2\n").contains("given twice"));
    assert!(message("a:\n\tb: 1\n").contains("tab in the indentation"));
    assert!(message("a: 1\n---\nb: 2\n").contains("second YAML document"));
    assert!(message("a: [1\n").contains("not valid YAML"));
    assert!(message(&"[".repeat(100)).contains("64 levels"));
    assert!(message("? [a]\n: 1\n").contains("key must be text"));
}

proptest! {
    #[test]
    fn any_text_survives_quoting(text in any::<String>()) {
        let node = parse(&source(&format!("k: {}\n", quote(&text)))).unwrap();
        prop_assert_eq!(node.get("k").and_then(Node::as_str), Some(text.as_str()));
    }

    #[test]
    fn any_text_survives_the_writer(text in any::<String>(), block in "[ a-z:#\\-\n]{0,60}") {
        for text in [text, block] {
            prop_assume!(text != "texts");
            let node = Node::map(vec![Entry::new("texts", vec![Node::from(text.as_str())]), Entry::new(text.as_str(), "v")]);
            let mut writer = Writer::default();
            writer.node(&node);
            let written = writer.finish();
            let read = parse(&source(&written)).unwrap();
            prop_assert_eq!(read.pointer("/texts/0").and_then(Node::as_str), Some(text.as_str()), "{}", written);
            prop_assert_eq!(&read.entries()[1].key, &text);
        }
    }

    #[test]
    fn never_panics(text in "[ \t\n\\-:\\[\\]{}&*!|>'\"%@`#a0é]{0,80}") {
        let _ = parse(&source(&text));
    }
}
