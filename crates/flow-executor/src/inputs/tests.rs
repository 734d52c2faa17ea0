use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::language::Slot;
use crate::plan::pattern;

/// No variables.
struct Nothing;

impl Scope for Nothing {
    fn get(&self, _: Slot) -> Option<&Value> {
        None
    }

    fn name(&self, _: Slot) -> &str {
        ""
    }
}

fn check(kind: &InputKind, answer: &Answer) -> Result<Json, &'static str> {
    match kind.check(answer, &Nothing) {
        Ok(accepted) => Ok(accepted.value.to_json()),
        Err(CheckError::Refused(refusal)) => Err(refusal.code),
        Err(CheckError::Eval(error)) => panic!("{error}"),
    }
}

fn typed(kind: &InputKind, text: &str) -> Result<Json, &'static str> {
    check(kind, &Answer::Text(text.to_owned()))
}

fn text_kind(min: Option<u64>, max: Option<u64>, source: Option<&str>, multiline: bool) -> InputKind {
    let pattern = source.map(|source| pattern(&format!("^(?:{source})$")).unwrap());
    InputKind::Text { min, max, pattern, multiline }
}

#[test]
fn texts_have_bounds_and_match_as_a_whole() {
    let kind = text_kind(Some(2), Some(4), Some("[a-z]+|ÄÖ"), false);
    assert_eq!(typed(&kind, " abc "), Ok(json!("abc")));
    assert_eq!(typed(&kind, "ÄÖ"), Ok(json!("ÄÖ")), "characters are counted, not bytes");
    assert_eq!(typed(&kind, "a"), Err("too_short"));
    assert_eq!(typed(&kind, "abcde"), Err("too_long"));
    assert_eq!(typed(&kind, "ab1"), Err("pattern"));
    assert_eq!(typed(&kind, ""), Err("empty"));
    assert_eq!(typed(&text_kind(Some(0), None, None, false), ""), Ok(json!("")));
    assert_eq!(typed(&text_kind(None, None, None, false), "a\nb"), Ok(json!("a b")));
    assert_eq!(typed(&text_kind(None, None, None, true), "a\nb"), Ok(json!("a\nb")));
}

fn number_kind(min: Option<f64>, max: Option<f64>, step: Option<f64>, integer: bool) -> InputKind {
    InputKind::Number { min, max, step, integer }
}

#[test]
fn numbers_are_read_as_people_write_them() {
    let any = number_kind(None, None, None, false);
    for (text, number) in [
        ("0", json!(0)),
        ("-3", json!(-3)),
        (" 1.5 ", json!(1.5)),
        ("1,5", json!(1.5)),
        ("0,125", json!(0.125)),
        ("1 000", json!(1000)),
        ("1'000'000", json!(1_000_000)),
        ("1,234.5", json!(1234.5)),
        ("1.234,5", json!(1234.5)),
        ("1,234,567", json!(1_234_567)),
        ("−7", json!(-7)),
        (".5", json!(0.5)),
        ("1e3", json!(1000.0)),
    ] {
        assert_eq!(typed(&any, text), Ok(number), "{text}");
    }
    for text in ["", "one", "1,234", "1,2,3", "0x10", "NaN", "inf", "1e999", "--1", "1 2 x", "1.2.3"] {
        assert_eq!(typed(&any, text), Err("no_number"), "{text}");
    }
}

#[test]
fn zero_is_a_bound_like_any_other() {
    let kind = number_kind(Some(0.0), Some(0.0), None, false);
    assert_eq!(typed(&kind, "0"), Ok(json!(0)));
    assert_eq!((typed(&kind, "-1"), typed(&kind, "1")), (Err("too_small"), Err("too_large")));
    let whole = number_kind(Some(1.0), None, Some(2.0), true);
    assert_eq!(
        (typed(&whole, "3.0"), typed(&whole, "2"), typed(&whole, "2.5")),
        (Ok(json!(3)), Err("step"), Err("not_whole"))
    );
    let tenths = number_kind(None, None, Some(0.1), false);
    assert_eq!((typed(&tenths, "0.3"), typed(&tenths, "0.35")), (Ok(json!(0.3)), Err("step")));
    assert_eq!(check(&whole, &Answer::Value(json!(5))), Ok(json!(5)));
}

#[test]
fn ratings_and_confirmations_are_what_they_are() {
    let rating = InputKind::Rating { max: 5 };
    assert_eq!((typed(&rating, "5"), typed(&rating, "1")), (Ok(json!(5)), Ok(json!(1))));
    for text in ["0", "6", "2.5", "five"] {
        assert_eq!(typed(&rating, text), Err("rating"), "{text}");
    }
    let confirm = InputKind::Confirm { yes: None, no: None };
    for (text, value) in [("yes", true), ("Y", true), ("No", false), ("0", false), ("true", true)] {
        assert_eq!(typed(&confirm, text), Ok(json!(value)), "{text}");
    }
    assert_eq!(
        (typed(&confirm, "maybe"), check(&confirm, &Answer::Value(json!(false)))),
        (Err("not_yes_or_no"), Ok(json!(false)))
    );
}

#[test]
fn addresses_and_numbers_of_people() {
    for (text, value) in
        [("ada@example.org", "ada@example.org"), ("Ada.L+x@EXAMPLE.org", "Ada.L+x@example.org")]
    {
        assert_eq!(typed(&InputKind::Email, text), Ok(json!(value)));
    }
    for text in [
        "ada",
        "ada@",
        "@example.org",
        "a b@example.org",
        "ada@example",
        ".a@example.org",
        "a..b@example.org",
        "a@-x.org",
    ] {
        assert_eq!(typed(&InputKind::Email, text), Err("no_email"), "{text}");
    }
    assert_eq!(typed(&InputKind::Url, "example.org/a"), Ok(json!("https://example.org/a")));
    assert_eq!(typed(&InputKind::Url, "http://example.org"), Ok(json!("http://example.org/")));
    for text in ["", "javascript:alert(1)", "ftp://example.org", "just words", "http://"] {
        assert_eq!(typed(&InputKind::Url, text), Err("no_url"), "{text}");
    }
    let here = InputKind::Phone { country: Some(phonenumber::country::AT) };
    assert_eq!(typed(&here, "0660 1234567"), Ok(json!("+436601234567")));
    assert_eq!(typed(&here, "+49 30 901820"), Ok(json!("+4930901820")));
    let anywhere = InputKind::Phone { country: None };
    assert_eq!(typed(&anywhere, "0660 1234567"), Err("no_phone"));
    for text in ["", "12", "call me", "+43", "+1 555"] {
        assert_eq!(typed(&here, text), Err("no_phone"), "{text}");
    }
}

#[test]
fn dates_have_bounds_and_may_have_a_time() {
    let at = |text: &str| DateTime::parse(text);
    let day = InputKind::Date { min: at("2026-01-01"), max: at("2026-12-31"), with_time: false };
    assert_eq!(typed(&day, "2026-11-26"), Ok(json!("2026-11-26")));
    assert_eq!(typed(&day, "26.11.2026"), Ok(json!("2026-11-26")));
    assert_eq!((typed(&day, "2025-12-31"), typed(&day, "2027-01-01")), (Err("too_early"), Err("too_late")));
    for text in ["", "tomorrow", "2026-02-30", "11/26/2026", "26.11.26"] {
        assert_eq!(typed(&day, text), Err("no_date"), "{text}");
    }
    let time = InputKind::Date { min: None, max: None, with_time: true };
    assert_eq!(typed(&time, "2026-11-26 15:30"), Ok(json!("2026-11-26T15:30:00Z")));
    assert_eq!(typed(&time, "26.11.2026 15:30"), Ok(json!("2026-11-26T15:30:00Z")));
    assert_eq!(typed(&time, "2026-11-26"), Err("no_date"), "a day has no time");
}

#[test]
fn files_are_judged_by_type_size_and_number() {
    let file = |media_type: &str, bytes| FileRef {
        id: "1".into(),
        name: "a".into(),
        media_type: media_type.into(),
        bytes,
        url: "/api/runs/r/files/1".into(),
    };
    let kind = InputKind::File {
        types: vec!["image/*".into(), "application/pdf".into()],
        bytes_max: 10,
        files_max: 2,
    };
    let given = |files: Vec<FileRef>| check(&kind, &Answer::Files(files));
    let value =
        json!({ "id": "1", "name": "a", "type": "image/png", "bytes": 10, "url": "/api/runs/r/files/1" });
    assert_eq!(given(vec![file("image/png", 10)]), Ok(json!([value])), "a list, where there may be several");
    let one = InputKind::File { types: vec![], bytes_max: 10, files_max: 1 };
    assert_eq!(check(&one, &Answer::Files(vec![file("image/png", 10)])), Ok(value));
    assert_eq!(given(vec![file("image/png", 11)]), Err("too_large"));
    assert_eq!(given(vec![file("text/html", 1)]), Err("wrong_type"));
    assert_eq!(
        given(vec![file("image/png", 1), file("application/pdf", 1), file("image/gif", 1)]),
        Err("too_many")
    );
    assert_eq!((given(vec![]), typed(&kind, "a.png")), (Err("no_file"), Err("no_file")));
}

fn any_kind() -> impl Strategy<Value = InputKind> {
    let number = || prop::option::of(-1e6..1e6_f64);
    prop_oneof![
        (prop::option::of(0..9_u64), prop::option::of(0..9_u64), any::<bool>())
            .prop_map(|(min, max, multiline)| text_kind(min, max, Some("[a-z0-9 ]*"), multiline)),
        (number(), number(), prop::option::of(0.001..10.0), any::<bool>())
            .prop_map(|(min, max, step, integer)| number_kind(min, max, step, integer)),
        any::<bool>().prop_map(|_| InputKind::Email),
        any::<bool>().prop_map(|_| InputKind::Url),
        any::<bool>().prop_map(|_| InputKind::Phone { country: Some(phonenumber::country::AT) }),
        any::<bool>().prop_map(|with_time| InputKind::Date { min: None, max: None, with_time }),
        (2..100_i64).prop_map(|max| InputKind::Rating { max }),
        any::<bool>().prop_map(|_| InputKind::Confirm { yes: None, no: None }),
    ]
}

proptest! {
    /// Whatever is answered is taken or refused, and what was taken is taken again as it is
    /// stored.
    #[test]
    fn every_answer_is_taken_or_refused(kind in any_kind(), text in "\\PC{0,30}|[-0-9.,+ :]{0,20}|[a-z0-9.@]{0,20}") {
        if let Ok(value) = typed(&kind, &text) {
            let again = match &value {
                Json::String(text) => typed(&kind, text),
                value => check(&kind, &Answer::Value(value.clone())),
            };
            prop_assert_eq!(again, Ok(value));
        }
    }

    /// Within its bounds, whole if it has to be, on a step.
    #[test]
    fn a_number_that_is_taken_keeps_its_bounds(min in -100.0..100.0_f64, size in 0.0..100.0_f64, number in -300.0..300.0_f64) {
        let kind = number_kind(Some(min), Some(min + size), None, false);
        let taken = check(&kind, &Answer::Value(json!(number)));
        prop_assert_eq!(taken.is_ok(), number >= min && number <= min + size);
    }
}
