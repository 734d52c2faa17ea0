use proptest::prelude::*;
use serde_json::json;

use super::*;

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter_map("finite", Value::number),
        "\\PC*".prop_map(|text: String| Value::text(text)),
        (0_i64..4_000_000_000, -12_i8..=12).prop_map(|(at, hours)| Value::DateTime(DateTime {
            at: Timestamp::from_second(at).unwrap(),
            offset: jiff::tz::offset(hours),
        })),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let names = "[$a-z]{0,3}|\\$datetime";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::list),
            prop::collection::btree_map(names, inner, 0..4).prop_map(|fields| Value::object(
                fields.into_iter().map(|(name, value)| (name.into(), value)).collect()
            )),
        ]
    })
}

proptest! {
    /// Journals are read back as they were written.
    #[test]
    fn typed_json_reads_back(value in any_value()) {
        let text = value.to_typed_json().to_string();
        let back = Value::from_typed_json(&serde_json::from_str(&text).unwrap());
        prop_assert_eq!(&back, &value);
        prop_assert_eq!(back.to_string(), value.to_string());
    }

    #[test]
    fn numbers_of_both_kinds_have_one_order(int in any::<i64>(), float in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
        let (int_value, float_value) = (Value::Int(int), Value::Float(float));
        let order = int_value.compare(&float_value).unwrap();
        prop_assert_eq!(float_value.compare(&int_value).unwrap(), order.reverse());
        // Exact, where f64 can say it.
        if int.abs() < 1 << 53 {
            #[expect(clippy::cast_precision_loss, reason = "it is below 2^53")]
            let exact = (int as f64).partial_cmp(&float).unwrap();
            prop_assert_eq!(order, exact);
        }
    }
}

#[test]
fn what_f64_cannot_tell_apart_is_not_the_same() {
    let (int, float) = (Value::Int((1 << 53) + 1), Value::Float(9_007_199_254_740_992.0));
    assert!(!int.equals(&float) && int.compare(&float).unwrap().is_gt());
    assert!(Value::Int(3).equals(&Value::Float(3.0)) && Value::Int(0).equals(&Value::Float(-0.0)));
    assert!(Value::Int(i64::MAX).compare(&Value::Float(9.3e18)).unwrap().is_lt());
    assert!(Value::Int(-1).compare(&Value::Float(-0.5)).unwrap().is_lt());
}

#[test]
fn moments_are_read_with_their_offset_and_compared_by_when_they_are() {
    let here = DateTime::parse("2026-11-26T12:00:00+01:00").unwrap();
    let there = DateTime::parse("2026-11-26T11:00:00Z").unwrap();
    assert_eq!(here, there);
    assert_eq!(
        (here.to_string().as_str(), there.to_string().as_str()),
        ("2026-11-26T12:00:00+01:00", "2026-11-26T11:00:00Z")
    );
    assert_eq!(here.format("%d.%m.%Y %H:%M").unwrap(), "26.11.2026 12:00");
    assert_eq!(DateTime::parse("2026-11-26").unwrap().to_string(), "2026-11-26T00:00:00Z");
    for text in ["", "tomorrow", "2026-13-01", "12:00", "2026-11-26T25:00:00Z"] {
        assert!(DateTime::parse(text).is_none(), "{text}");
    }
}

#[test]
fn numbers_are_shown_without_an_empty_fraction() {
    let shown = [json!(3), json!(3.0), json!(2.5), json!(1e21), json!(null), json!([1, "a"])];
    let shown: Vec<String> = shown.iter().map(|json| Value::from(json).to_string()).collect();
    assert_eq!(shown, ["3", "3", "2.5", "1000000000000000000000", "", r#"[1,"a"]"#]);
}
