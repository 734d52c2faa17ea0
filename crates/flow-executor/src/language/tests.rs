mod exhausting;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

/// Variables by name.
pub(super) struct Variables {
    names: Names,
    values: Vec<Option<Value>>,
}

impl Variables {
    pub(super) fn new(values: &Json) -> Self {
        let mut this = Self { names: Names::default(), values: Vec::new() };
        for (name, value) in values.as_object().unwrap() {
            this.names.slot(name);
            this.values.push(Some(Value::from_typed_json(value)));
        }
        this
    }

    pub(super) fn evaluate(&mut self, source: &str) -> Result<Value, EvalError> {
        Expression::parse(source, &mut self.names).unwrap().evaluate(self)
    }

    pub(super) fn render(&mut self, source: &str, sink: Sink) -> Result<String, EvalError> {
        Template::parse(source, &mut self.names).unwrap().render(self, sink)
    }
}

impl Scope for Variables {
    fn get(&self, slot: Slot) -> Option<&Value> {
        self.values.get(slot.index())?.as_ref()
    }

    fn name(&self, slot: Slot) -> &str {
        self.names.name(slot)
    }
}

fn sample() -> Variables {
    Variables::new(&json!({
        "name": "ada lovelace",
        "age": 36,
        "price": 9.5,
        "vip": true,
        "none": null,
        "tags": ["vip", "new"],
        "order": { "total": 99.5, "lines": [{ "sku": "a", "n": 2 }, { "sku": "b", "n": 1 }] },
        "when": { "$datetime": "2026-11-26T12:00:00+01:00" },
        "html": "<b>\"5\" & '6'</b>",
        "empty": "",
    }))
}

fn evaluated(source: &str) -> Json {
    sample().evaluate(source).unwrap_or_else(|error| panic!("{source}: {error}")).to_json()
}

fn text(source: &str) -> String {
    sample().render(source, Sink::Text).unwrap_or_else(|error| panic!("{source}: {error}"))
}

#[test]
fn expressions_come_to_what_jinja_says() {
    for (source, value) in [
        ("1 + 2 * 3", json!(7)),
        ("7 / 2", json!(3.5)),
        ("6 / 2", json!(3)),
        ("-7 // 2", json!(-4)),
        ("-7 % 3", json!(2)),
        ("7 % -3", json!(-2)),
        ("2 ** 10", json!(1024)),
        ("2 ** -1", json!(0.5)),
        ("1.5 + 1", json!(2.5)),
        ("'a' + 'b'", json!("ab")),
        ("'ab' * 2", json!("abab")),
        ("[1] + [2]", json!([1, 2])),
        ("age ~ ' years'", json!("36 years")),
        ("none ~ 'x' ~ 1.0", json!("x1")),
        ("age >= 18 and 'vip' in tags", json!(true)),
        ("1 < 2 < 3", json!(true)),
        ("1 < 3 < 2", json!(false)),
        ("1 == 1.0", json!(true)),
        ("'1' == 1", json!(false)),
        ("not vip", json!(false)),
        ("vip and age", json!(36)),
        ("none or 'nobody'", json!("nobody")),
        ("'x' if vip else 'y'", json!("x")),
        ("'x' if not vip", json!(null)),
        ("order.total", json!(99.5)),
        ("order['total']", json!(99.5)),
        ("order.lines[1].sku", json!("b")),
        ("order.lines[-1].n", json!(1)),
        ("tags[0]", json!("vip")),
        ("tags[1:]", json!(["new"])),
        ("'hello'[1:3]", json!("el")),
        ("'hello'[::-1]", json!("olleh")),
        ("[1,2,3,4][::2]", json!([1, 3])),
        ("[1,2,3][-2:]", json!([2, 3])),
        ("{'a': 1, 'b': age}", json!({ "a": 1, "b": 36 })),
        ("range(3)", json!([0, 1, 2])),
        ("range(5, 1, -2)", json!([5, 3])),
        ("'b' not in tags", json!(true)),
        ("'total' in order", json!(true)),
        ("when > '2026-11-26' | datetime", json!(true)),
    ] {
        assert_eq!(evaluated(source), value, "{source}");
    }
}

#[test]
fn filters_do_what_their_names_say() {
    for (source, value) in [
        ("name | title", json!("Ada Lovelace")),
        ("\"it's me\" | title", json!("It's Me")),
        ("name | upper | lower", json!("ada lovelace")),
        ("'éCOLE' | capitalize", json!("École")),
        ("'  a ' | trim", json!("a")),
        ("name | length", json!(12)),
        ("tags | count", json!(2)),
        ("missing | default('x')", json!("x")),
        ("none | default('x')", json!("x")),
        ("empty | default('x')", json!("")),
        ("empty | d('x', true)", json!("x")),
        ("tags | join(', ')", json!("vip, new")),
        ("order.lines | join('+', attribute='sku')", json!("a+b")),
        ("tags | first", json!("vip")),
        ("tags | last", json!("new")),
        ("[] | first", json!(null)),
        ("'a-b' | replace('-', '+')", json!("a+b")),
        ("[3,1,2] | sort", json!([1, 2, 3])),
        ("['b','A','c'] | sort(reverse=true)", json!(["c", "b", "A"])),
        ("order.lines | sort(attribute='n') | map(attribute='sku')", json!(["b", "a"])),
        ("[1,1.0,2] | unique", json!([1, 2])),
        ("order.lines | sum(attribute='n')", json!(3)),
        ("[2,3,1] | max", json!(3)),
        ("[2,3,1] | min", json!(1)),
        ("-3 | abs", json!(3)),
        ("2.5 | round", json!(3)),
        ("1.005 | round(2)", json!(1.01)),
        ("-1.25 | round(1)", json!(-1.3)),
        ("'12' | int + 1", json!(13)),
        ("'x' | int(0)", json!(0)),
        ("3.9 | int", json!(3)),
        ("'1.5' | float", json!(1.5)),
        ("5 | string", json!("5")),
        ("order.lines | tojson", json!(r#"[{"n":2,"sku":"a"},{"n":1,"sku":"b"}]"#)),
        ("'[1, {\"a\": null}]' | fromjson", json!([1, { "a": null }])),
        ("'a b/ü' | urlencode", json!("a%20b%2F%C3%BC")),
        ("'a,b' | split(',')", json!(["a", "b"])),
        ("' a  b ' | split", json!(["a", "b"])),
        ("'one two three' | wordcount", json!(3)),
        ("'abcdef' | truncate(4)", json!("abc…")),
        ("'abc' | truncate(3)", json!("abc")),
        ("when | date('%d.%m.%Y')", json!("26.11.2026")),
        ("'2026-01-02' | date('%A')", json!("Friday")),
        ("order | keys", json!(["lines", "total"])),
        ("{'a': 1} | items", json!([["a", 1]])),
        ("[1,2] | reverse", json!([2, 1])),
        ("order.lines | selectattr('n', 'gt', 1) | map('sku')", json!(["a"])),
        ("order.lines | rejectattr('n', 'gt', 1) | map('sku')", json!(["b"])),
        ("'ab' | list", json!(["a", "b"])),
    ] {
        assert_eq!(evaluated(source), value, "{source}");
    }
}

#[test]
fn tests_hold_or_do_not() {
    for (source, holds) in [
        ("missing is defined", false),
        ("name is defined", true),
        ("order.gone is undefined", true),
        ("none is none", true),
        ("age is number", true),
        ("age is not string", true),
        ("price is float", true),
        ("tags is sequence", true),
        ("order is mapping", true),
        ("age is even", true),
        ("age is divisibleby(5)", false),
        ("name is startingwith('ada')", true),
        ("age is in [35, 36]", true),
        ("age is gt(40)", false),
        ("vip is true", true),
    ] {
        assert_eq!(evaluated(source), json!(holds), "{source}");
    }
}

#[test]
fn templates_put_values_into_text() {
    for (source, rendered) in [
        ("Hello {{ name | title }}!", "Hello Ada Lovelace!"),
        ("{{ missing }}-{{ missing.deeper }}-{{ none }}", "--"),
        ("{{ price }} {{ 3.0 }} {{ vip }} {{ tags }}", r#"9.5 3 true ["vip","new"]"#),
        ("{% if vip %}yes{% elif age > 3 %}no{% else %}never{% endif %}", "yes"),
        ("{% if missing %}yes{% endif %}.", "."),
        (
            "{% for tag in tags %}{{ loop.index }}. {{ tag }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "1. vip, 2. new",
        ),
        ("{% for line in order.lines if line.n > 1 %}{{ line.sku }}{% else %}none{% endfor %}", "a"),
        ("{% for x in [] %}{{ x }}{% else %}nothing{% endfor %}", "nothing"),
        ("{% for key, value in order %}{{ key }};{% endfor %}", "lines;total;"),
        ("{% for x in missing %}{{ x }}{% endfor %}", ""),
        (
            "{% for a in [1,2] %}{% for b in [3] %}{{ a }}{{ b }}{{ loop.index }} {% endfor %}{% endfor %}",
            "131 231 ",
        ),
        ("{# a remark #}{{ '{{' }}", "{{"),
        ("{% raw %}{{ name }}{% endraw %}", "{{ name }}"),
    ] {
        assert_eq!(text(source), rendered, "{source}");
    }
}

#[test]
fn unknown_variables_are_empty_in_texts_and_errors_in_expressions() {
    let mut variables = sample();
    for (source, said) in [
        ("missing", "missing is not set"),
        ("missing + 1", "missing is not set"),
        ("order.gone.deeper", "order.gone is not set"),
        ("tags[9]", "tags[9] is not set"),
        ("missing or 1", "missing is not set"),
        ("missing | upper", "missing is not set"),
        ("1 + 'a'", "cannot add a number and a text"),
        ("1 < 'a'", "a number and a text have no order"),
        ("1 / 0", "a division by zero"),
        ("9223372036854775807 + 1", "a number is too large"),
        ("10.0 ** 400", "a number is too large"),
    ] {
        assert_eq!(variables.evaluate(source).unwrap_err().to_string(), said, "{source}");
    }
}

#[test]
fn sinks_write_values_so_that_they_cannot_end_what_they_are_in() {
    let mut variables = sample();
    for (sink, source, rendered) in [
        (Sink::Html, "<i>{{ html }}</i>", "<i>&lt;b&gt;&quot;5&quot; &amp; &#39;6&#39;&lt;/b&gt;</i>"),
        (
            Sink::Url,
            "https://e.com/{{ html }}?a=b",
            "https://e.com/%3Cb%3E%225%22%20%26%20%276%27%3C%2Fb%3E?a=b",
        ),
        (Sink::Url, "{{ 'https://e.com/x' }}/{{ 'a/b' }}", "https://e.com/x/a%2Fb"),
        (
            Sink::Json,
            r#"{"a":"{{ html }}","n":{{ age }},"t":{{ tags }},"j":{{ name | tojson }},"x":{{ none }}}"#,
            r#"{"a":"<b>\"5\" & '6'</b>","n":36,"t":["vip","new"],"j":"ada lovelace","x":null}"#,
        ),
        (Sink::Header, "Bearer {{ name }}", "Bearer ada lovelace"),
    ] {
        assert_eq!(variables.render(source, sink).unwrap(), rendered, "{source}");
    }
    let split = variables.render("{{ 'a\r\nSet-Cookie: b' }}", Sink::Header);
    assert_eq!(split, Err(EvalError::LineBreak));
}

#[test]
fn values_can_be_kept_apart() {
    let mut variables = sample();
    let template = Template::parse("a {{ html }} \u{e000}7\u{e001} {{ age }}", &mut variables.names).unwrap();
    let (text, values) = template.render_apart(&variables).unwrap();
    assert_eq!(text, "a \u{e000}0\u{e001} 7 \u{e000}1\u{e001}");
    assert_eq!(values, ["<b>\"5\" & '6'</b>", "36"]);
}

#[test]
fn what_is_not_part_of_the_language_is_said_when_it_is_read() {
    for (source, said) in [
        ("{% set x = 1 %}", "{% set %} is not part of the language"),
        ("{% with x = 1 %}{% endwith %}", "{% with %} is not part of the language"),
        ("{{ x | attr('y') }}", "there is no filter \"attr\""),
        ("{{ x is callable }}", "there is no test \"callable\""),
        ("{{ debug() }}", "there is no function \"debug\""),
        ("{{ x.pop() }}", "there is no function \"pop\""),
        ("{{ x | replace('a') }}", "replace takes what is replaced, and by what"),
        ("{{ x | upper(1) }}", "upper takes nothing"),
        ("{{ x | round(places=1) }}", "round takes a number of digits"),
        ("{{ range(*x) }}", "a splat is not part of the language"),
    ] {
        let error = Template::parse(source, &mut Names::default()).unwrap_err();
        assert_eq!(error.to_string(), said, "{source}");
    }
    for source in ["{{ 1 + }}", "{% if %}", "{{ 'a }}", "{% for x in %}{% endfor %}", "{{ a b }}"] {
        let error = Template::parse(source, &mut Names::default());
        assert!(matches!(error, Err(ParseError::Syntax { .. })), "{source}: {error:?}");
    }
}

#[test]
fn every_filter_can_be_named() {
    for name in filters::NAMES {
        assert!(filters::Filter::named(name).is_some());
    }
    let names: BTreeMap<_, _> = filters::NAMES.iter().map(|name| (name, ())).collect();
    assert_eq!(names.len(), filters::NAMES.len(), "each once");
}

proptest! {
    /// Whatever is written, reading and evaluating it ends, with a value or an error.
    #[test]
    fn nothing_panics(source in "[-a-z0-9 '\"|()\\[\\]{}.,:+*/%~<>=!ü]{0,60}") {
        let mut variables = sample();
        if let Ok(expression) = Expression::parse(&source, &mut variables.names) {
            drop(expression.evaluate(&variables));
        }
        if let Ok(template) = Template::parse(&source, &mut variables.names) {
            drop(template.render(&variables, Sink::Json));
        }
    }

    /// As above, of pieces that often fit together.
    #[test]
    fn no_combination_panics(pieces in prop::collection::vec(prop::sample::select(PIECES), 1..12)) {
        let mut variables = sample();
        let source = pieces.join(" ");
        if let Ok(expression) = Expression::parse(&source, &mut variables.names) {
            drop(expression.evaluate(&variables));
        }
    }

    /// A value inside a JSON string stays inside it.
    #[test]
    fn json_stays_json(value in "\\PC*") {
        let mut variables = Variables::new(&json!({ "v": value }));
        let body = variables.render(r#"{"a": "{{ v }}", "b": {{ v | tojson }}}"#, Sink::Json).unwrap();
        let read: Json = serde_json::from_str(&body).unwrap();
        prop_assert_eq!(&read["a"], &json!(value));
        prop_assert_eq!(&read["b"], &json!(value));
    }
}

const PIECES: &[&str] = &[
    "name",
    "age",
    "tags",
    "order",
    "when",
    "none",
    "missing",
    "1",
    "-1",
    "0",
    "2.5",
    "'a'",
    "9223372036854775807",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "~",
    "==",
    "<",
    "in",
    "not",
    "and",
    "or",
    "if",
    "else",
    "is none",
    "is even",
    "| length",
    "| first",
    "| sort",
    "| join",
    "| int(0)",
    "| round(2)",
    "| title",
    "| tojson",
    "| unique",
    "| sum",
    "| default(1)",
    "| date",
    "| split",
    "| reverse",
    "| truncate(2)",
    "[0]",
    "[1:]",
    "[::-1]",
    "['a']",
    ".total",
    "(",
    ")",
    "| map(attribute='sku')",
    "| min",
    "| abs",
    "| fromjson",
    "| items",
    "| list",
    "range(3)",
    "[",
    "]",
    ",",
];
