use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn shown(source: &str) -> Json {
    tree(source, &[])
}

#[test]
fn markdown_is_a_tree() {
    assert_eq!(
        shown("# Hi\n\nA *b* **c** ~~d~~ `e`\nf"),
        json!([
            { "t": "h", "level": 1, "c": [{ "t": "text", "text": "Hi" }] },
            { "t": "p", "c": [
                { "t": "text", "text": "A " },
                { "t": "em", "c": [{ "t": "text", "text": "b" }] },
                { "t": "text", "text": " " },
                { "t": "strong", "c": [{ "t": "text", "text": "c" }] },
                { "t": "text", "text": " " },
                { "t": "del", "c": [{ "t": "text", "text": "d" }] },
                { "t": "text", "text": " " },
                { "t": "code", "text": "e" },
                { "t": "text", "text": " f" },
            ] },
        ])
    );
    assert_eq!(
        shown("3. a\n4. b\n\n```\nx < y\n```"),
        json!([
            { "t": "ol", "start": 3, "c": [
                { "t": "li", "c": [{ "t": "text", "text": "a" }] },
                { "t": "li", "c": [{ "t": "text", "text": "b" }] },
            ] },
            { "t": "code", "text": "x < y" },
        ])
    );
}

#[test]
fn links_lead_where_a_page_may_go() {
    assert_eq!(
        shown("[a](https://e.com/x)")[0]["c"][0],
        json!({ "t": "a", "href": "https://e.com/x", "c": [{ "t": "text", "text": "a" }] })
    );
    for url in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "/relative",
        "java\tscript:x",
        "file:///etc/passwd",
    ] {
        let tree = tree("[a](<\u{e000}0\u{e001}>)", &[url.to_owned()]);
        assert!(!tree.to_string().contains("href"), "{url}: {tree}");
        assert_eq!(plain(&tree), "a");
    }
    let put_in = tree("[a](https://e.com/\u{e000}0\u{e001})", &["x/../y?z#\"<".to_owned()]);
    assert_eq!(put_in[0]["c"][0]["href"], "https://e.com/x%2F..%2Fy%3Fz%23%22%3C");
}

#[test]
fn values_are_text_with_their_line_breaks() {
    let tree = tree("A \u{e000}0\u{e001}", &["**b**\n<i>c</i>".to_owned()]);
    assert_eq!(
        tree,
        json!([{ "t": "p", "c": [{ "t": "text", "text": "A **b**" }, { "t": "br" }, { "t": "text", "text": "<i>c</i>" }] }])
    );
}

#[test]
fn plain_text_reads_well() {
    let source = "**Hi** [docs](https://e.com)\n\n- a\n- b\n\n1. x\n\n> q\n\n![cat](https://e.com/c.png)";
    assert_eq!(plain(&shown(source)), "Hi docs (https://e.com/)\n• a\n• b\n1. x\nq\n\ncat");
}

/// What is in the tree, and nothing else.
fn is_sound(node: &Json) -> bool {
    match node {
        Json::Array(children) => children.iter().all(is_sound),
        Json::Object(fields) => {
            let known = [
                "p", "h", "ul", "ol", "li", "quote", "code", "hr", "text", "strong", "em", "del", "a", "img",
                "br",
            ];
            let url = |name: &str| {
                fields.get(name).is_none_or(|url| safe_url(url.as_str().unwrap_or("")).is_some())
            };
            known.contains(&fields["t"].as_str().unwrap_or(""))
                && fields
                    .keys()
                    .all(|name| ["t", "c", "text", "href", "src", "alt", "level", "start"].contains(&&**name))
                && url("href")
                && url("src")
                && fields.get("c").is_none_or(is_sound)
        }
        _ => false,
    }
}

fn depth(node: &Json) -> usize {
    match node {
        Json::Array(children) => children.iter().map(depth).max().unwrap_or(0),
        Json::Object(fields) => 1 + fields.get("c").map_or(0, depth),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn whatever_is_written_the_tree_is_sound(source in "[a-z<>&\"'*_~`#!\\[\\]()\\-+0-9.\\\\ \n:/\u{e000}\u{e001}]{0,80}", values in prop::collection::vec("\\PC{0,20}", 0..3)) {
        let tree = tree(&source, &values);
        prop_assert!(is_sound(&tree), "{}", tree);
        prop_assert!(plain(&tree).len() <= 10_000);
    }
}

#[test]
fn deep_nesting_stays_shallow() {
    let tree = shown(&format!("{}x", "> ".repeat(3_000)));
    assert!(is_sound(&tree) && depth(&tree) <= 25, "{}", depth(&tree));
    let stars = shown(&format!("{}x{}", "*a ".repeat(2_000), "*".repeat(2_000)));
    assert!(is_sound(&stars) && depth(&stars) <= 25);
}
