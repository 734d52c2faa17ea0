//! Expressions that try to use up memory, time or the stack.

use serde_json::json;

use super::Variables;
use crate::language::{EvalError, Expression, Names, ParseError, Sink, Template};

fn refused(source: &str) -> EvalError {
    let mut variables = Variables::new(&json!({ "x": "xxxxxxxxxx" }));
    let error = variables.render(source, Sink::Text).expect_err("it is too much");
    assert!(error.is_exhausted(), "{source}: {error}");
    error
}

/// Ten replacements of one letter by ten: ten thousand million letters.
#[test]
fn nested_replacements() {
    let source = format!("{{{{ x{} }}}}", "| replace('x', 'xxxxxxxxxx')".repeat(10));
    assert_eq!(refused(&source), EvalError::ValueTooLarge(1 << 20));
}

#[test]
fn long_texts() {
    refused("{{ 'x' * 2000000 }}");
    refused("{{ 'x' * 9223372036854775807 }}");
    refused("{{ ('x' * 1000000) ~ ('x' * 1000000) }}");
    refused(&format!("{{{{ [{}] | join(x * 90000) }}}}", "1,".repeat(99)));
}

#[test]
fn lists_of_lists() {
    refused("{{ range(99999999) }}");
    refused("{% for a in range(1000) %}{% for b in range(1000) %}{{ b }}{% endfor %}{% endfor %}");
    refused("{% for a in range(20000) %}{{ x * 100 }}{% endfor %}");
    // One text of a megabyte, held many times, is written out many times.
    refused(
        "{{ ['x' * 900000] * 1 if false else [('x' * 300000), ('x' * 300000), ('x' * 300000), ('x' * 300000)] | join }}",
    );
    let doubled = format!("{{{{ ['{}'{}] }}}}", "x".repeat(2_000), " ~ x * 2000".repeat(30));
    refused(&doubled);
}

#[test]
fn comparing_and_searching_again_and_again() {
    refused("{% for a in range(3000) %}{% if 'y' in 'x' * 100000 %}{% endif %}{% endfor %}");
    refused("{% for a in range(90000) %}{% if a in range(9) %}{% endif %}{% endfor %}");
    refused("{{ range(2000) | unique }}");
}

#[test]
fn deep_nesting_is_refused_when_it_is_read() {
    let parse = |source: &str| Expression::parse(source, &mut Names::default()).map(drop);
    for source in [
        format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000)),
        format!("{}1{}", "[".repeat(400), "]".repeat(400)),
        format!("{}1", "not ".repeat(900)),
        format!("{}1", "-".repeat(900)),
        format!("1{}", " + 1".repeat(400)),
        format!("x{}", " | upper".repeat(400)),
        format!("x{}", ".a".repeat(400)),
        format!("x{}", "[0]".repeat(300)),
        "1 + ".repeat(20_000) + "1",
        format!("{}1{}", "1 if 1 else ".repeat(300), ""),
    ] {
        assert!(parse(&source).is_err(), "{}…", &source[..20]);
    }
    let blocks = format!("{}{}", "{% if x %}".repeat(3_000), "{% endif %}".repeat(3_000));
    assert!(Template::parse(&blocks, &mut Names::default()).is_err());
}

#[test]
fn a_long_source_is_refused_or_read() {
    let long = "x".repeat(100_001);
    assert_eq!(Template::parse(&long, &mut Names::default()).unwrap_err(), ParseError::TooLong(100_000));
    let one_line = format!("{}{{{{ x }}}}", " ".repeat(65_530));
    assert!(Template::parse(&one_line, &mut Names::default()).is_err());
    let lines = "{{ x }}\n".repeat(12_000);
    assert!(Template::parse(&lines, &mut Names::default()).is_ok());
}
