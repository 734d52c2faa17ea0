use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn strict(operator: Operator, left: &Json, right: &Json) -> Result<bool, String> {
    compare(operator, &Value::from(left), &Value::from(right), false).map_err(|error| error.to_string())
}

fn loose(operator: Operator, left: &Json, right: &Json) -> Result<bool, String> {
    compare(operator, &Value::from(left), &Value::from(right), true).map_err(|error| error.to_string())
}

#[test]
fn strict_comparisons_are_of_one_type() {
    use Operator as O;
    for (operator, left, right, holds) in [
        (O::Equals, json!(1), json!(1.0), true),
        (O::Equals, json!("a"), json!("A"), false),
        (O::Equals, json!(null), json!(1), false),
        (O::NotEquals, json!(null), json!(1), true),
        (O::Equals, json!([1, 2]), json!([1.0, 2]), true),
        (O::Contains, json!("hello"), json!("ell"), true),
        (O::Contains, json!(["a", 1]), json!(1), true),
        (O::Contains, json!({ "a": 1 }), json!("a"), true),
        (O::NotContains, json!(["a"]), json!("b"), true),
        (O::Greater, json!(0), json!(-1), true),
        (O::AtLeast, json!(0), json!(0), true),
        (O::Less, json!("a"), json!("b"), true),
        (O::AtMost, json!(1), json!(0), false),
        (O::IsSet, json!(0), json!(null), true),
        (O::IsSet, json!(null), json!(null), false),
        (O::IsEmpty, json!(" "), json!(null), true),
        (O::IsEmpty, json!(0), json!(null), false),
        (O::IsEmpty, json!([]), json!(null), true),
        (O::StartsWith, json!("hello"), json!("he"), true),
        (O::EndsWith, json!("hello"), json!("he"), false),
        (O::Matches, json!("a1"), json!("^[a-z][0-9]$"), true),
        (O::NotMatches, json!("a1"), json!("[0-9]"), false),
        (O::Before, json!("2026-01-01"), json!("2026-01-02"), true),
        (O::After, json!("2026-01-01T10:00:00+02:00"), json!("2026-01-01T09:00:00Z"), false),
        (O::InList, json!("a"), json!(["b", "a", 1]), true),
        (O::LengthEquals, json!("äöü"), json!(3), true),
        (O::LengthGreater, json!([1, 2]), json!(1), true),
        (O::LengthLess, json!({}), json!(1), true),
    ] {
        assert_eq!(strict(operator, &left, &right), Ok(holds), "{left} {operator:?} {right}");
    }
    for (operator, left, right) in [
        (O::Equals, json!(1), json!("1")),
        (O::Greater, json!(1), json!("0")),
        (O::Contains, json!(12), json!(1)),
        (O::StartsWith, json!(12), json!("1")),
        (O::Before, json!("soon"), json!("2026-01-01")),
        (O::InList, json!("a"), json!("a,b")),
        (O::LengthEquals, json!(3), json!(1)),
        (O::LengthEquals, json!("abc"), json!("3")),
        (O::Matches, json!("a"), json!("(")),
        (O::Greater, json!([1]), json!([0])),
    ] {
        assert!(strict(operator, &left, &right).is_err(), "{left} {operator:?} {right}");
    }
}

/// As the table says.
#[test]
fn loose_comparisons_convert_first() {
    use Operator as O;
    for (operator, left, right, holds) in [
        (O::Equals, json!(1), json!("1.0"), true),
        (O::Equals, json!(true), json!("yes"), true),
        (O::Equals, json!(false), json!(0), true),
        (O::Equals, json!(true), json!("maybe"), false),
        (O::Equals, json!(null), json!(""), true),
        (O::Equals, json!([1]), json!("[1]"), true),
        (O::Greater, json!("10"), json!(9), true),
        (O::Contains, json!("Hello"), json!("ELL"), true),
        (O::Contains, json!(1234), json!(23), true),
        (O::InList, json!(2), json!("1, 2, 3"), true),
        (O::StartsWith, json!(12), json!("1"), true),
        (O::LengthEquals, json!("abc"), json!("3"), true),
        (O::LengthEquals, json!(null), json!(0), true),
    ] {
        assert_eq!(loose(operator, &left, &right), Ok(holds), "{left} {operator:?} {right}");
    }
    assert!(loose(Operator::Greater, &json!("ten"), &json!(9)).is_err());
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-100..100_i64).prop_map(Value::Int),
        (-100.0..100.0_f64).prop_map(Value::Float),
        "[a-z0-9 .-]{0,6}|2026-0[1-9]-1[0-9]".prop_map(|text: String| Value::text(text)),
        prop::collection::vec((0..5_i64).prop_map(Value::Int), 0..3).prop_map(Value::list),
    ]
}

proptest! {
    /// Each is the opposite of its neighbour, wherever either makes sense.
    #[test]
    fn opposites_are_opposite(left in any_value(), right in any_value(), loose in any::<bool>()) {
        use Operator as O;
        for (one, other) in [(O::Equals, O::NotEquals), (O::Contains, O::NotContains), (O::Matches, O::NotMatches), (O::Greater, O::AtMost), (O::Less, O::AtLeast)] {
            let (one, other) = (compare(one, &left, &right, loose), compare(other, &left, &right, loose));
            match (one, other) {
                (Ok(one), Ok(other)) => prop_assert_ne!(one, other),
                (one, other) => prop_assert!(one.is_err() && other.is_err()),
            }
        }
    }

    /// What holds strictly holds loosely, too, but for the case of letters.
    #[test]
    fn loose_takes_more_than_strict(left in any_value(), right in any_value()) {
        // What is in a list may be another type there.
        let of_lists = [Operator::Contains, Operator::NotContains, Operator::InList];
        for operator in Operator::ALL.iter().filter(|operator| !of_lists.contains(operator)) {
            if let Ok(holds) = compare(*operator, &left, &right, false) {
                let is_null = left == Value::Null || right == Value::Null;
                if !is_null {
                    prop_assert_eq!(compare(*operator, &left, &right, true), Ok(holds), "{:?}", operator);
                }
            }
        }
    }

    #[test]
    fn order_is_an_order(left in any_value(), right in any_value()) {
        if let (Ok(less), Ok(greater), Ok(equal)) = (
            compare(Operator::Less, &left, &right, false),
            compare(Operator::Greater, &left, &right, false),
            compare(Operator::Equals, &left, &right, false),
        ) {
            prop_assert_eq!([less, greater, equal].iter().filter(|holds| **holds).count(), 1);
        }
    }
}
