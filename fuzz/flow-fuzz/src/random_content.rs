//! Contents of every kind, plain ones and such as stand at the edge of what is allowed.

use crate::Random;
use crate::model::{Content, buffer, uint};

pub(crate) fn content(random: &mut Random) -> Content {
    match random.below(16) {
        0 => deleted(random),
        1 => binary(random),
        2..=5 => string(random),
        6 => embed(random),
        7..=8 => format(random),
        9..=12 => a_type(random),
        _ => any(random),
    }
}

fn deleted(random: &mut Random) -> Content {
    let len = 1 + random.below(5);
    let mut bytes = Vec::new();
    uint(&mut bytes, u64::from(len));
    Content { kind: 1, len, bytes }
}

fn binary(random: &mut Random) -> Content {
    let mut bytes = Vec::new();
    buffer(&mut bytes, &[7; 5][..random.below(6) as usize]);
    Content { kind: 3, len: 1, bytes }
}

pub(crate) const TEXTS: [&str; 8] =
    ["a", "bc", "héllo", "😀", "x😀y😀", "\u{0}\u{7f}\u{2028}", "a\u{301}e", "\u{fffd}\u{feff}z"];

fn string(random: &mut Random) -> Content {
    let text = random.of(TEXTS);
    let mut bytes = Vec::new();
    buffer(&mut bytes, text.as_bytes());
    let len = text.chars().map(|char| if char.len_utf16() == 2 { 2 } else { 1 }).sum();
    Content { kind: 4, len, bytes }
}

fn embed(random: &mut Random) -> Content {
    let mut bytes = Vec::new();
    buffer(&mut bytes, json(random, 0).as_bytes());
    Content { kind: 5, len: 1, bytes }
}

fn format(random: &mut Random) -> Content {
    let mut bytes = Vec::new();
    buffer(&mut bytes, random.of(["b", "i", "link"]).as_bytes());
    let value = match random.below(3) {
        0 => "null".to_owned(),
        1 => "true".to_owned(),
        _ => json(random, 0),
    };
    buffer(&mut bytes, value.as_bytes());
    Content { kind: 6, len: 1, bytes }
}

fn a_type(random: &mut Random) -> Content {
    let kind = random.of([0_u8, 1, 1, 1, 2, 2, 3, 4, 6]);
    let mut bytes = vec![kind];
    if kind == 3 {
        buffer(&mut bytes, random.of(["p", "div", ""]).as_bytes());
    }
    Content { kind: 7, len: 1, bytes }
}

fn any(random: &mut Random) -> Content {
    let len = 1 + random.below(3);
    let mut bytes = Vec::new();
    uint(&mut bytes, u64::from(len));
    for _ in 0..len {
        value(random, &mut bytes, 0);
    }
    Content { kind: 8, len, bytes }
}

const FLOATS: [f64; 12] = [
    0.0,
    -0.0,
    0.1,
    -1.5,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MAX,
    f64::MIN_POSITIVE,
    2_147_483_648.0,
    9_007_199_254_740_993.0,
    5e-324,
];

fn value(random: &mut Random, out: &mut Vec<u8>, depth: u32) {
    match random.below(if depth > 3 { 10 } else { 12 }) {
        0 => out.push(127),
        1 => out.push(126),
        2 => out.push(120),
        3 => out.push(121),
        4 => {
            // Signed, both signs, around the lengths where another byte is needed.
            out.push(125);
            out.extend_from_slice(random.of([
                &[0][..],
                &[0x40],
                &[0x41],
                &[0x3f],
                &[0x7f],
                &[0x80, 1],
                &[0xff, 0x7f],
                &[0xbf, 0xff, 0xff, 0xff, 0x0f],
                &[0xff, 0xff, 0xff, 0xff, 0x1f],
                &[0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f],
            ]));
        }
        5 => {
            out.push(124);
            #[expect(clippy::cast_possible_truncation, reason = "any float will do")]
            out.extend((random.of(FLOATS) as f32).to_be_bytes());
        }
        6 => {
            out.push(123);
            out.extend(random.of(FLOATS).to_be_bytes());
        }
        7 => {
            out.push(122);
            out.extend(random.of([0, 5, -1, 1 << 53, (1 << 53) + 1, i64::MAX, i64::MIN]).to_be_bytes());
        }
        8 => {
            out.push(119);
            buffer(out, random.of(TEXTS).as_bytes());
        }
        9 => {
            out.push(116);
            buffer(out, &[9; 4][..random.below(5) as usize]);
        }
        10 => {
            let count = random.below(4);
            out.push(117);
            uint(out, u64::from(count));
            (0..count).for_each(|_| value(random, out, depth + 1));
        }
        _ => {
            let count = random.below(4);
            out.push(118);
            uint(out, u64::from(count));
            for _ in 0..count {
                // Names may come twice.
                buffer(out, random.of(["a", "b", "1", "0", "", "constructor", "😀", "\u{e000}"]).as_bytes());
                value(random, out, depth + 1);
            }
        }
    }
}

fn json(random: &mut Random, depth: u32) -> String {
    match random.below(if depth > 3 { 6 } else { 8 }) {
        0 => random.of(["null", "true", "false", " 1 ", "[]", "{}"]).to_owned(),
        1 => random.of(["0", "-0", "1.0", "1e3", "-0.0", "1E-7", "100000000000000000000"]).to_owned(),
        2 => random.of(["9007199254740993", "-9223372036854775808", "18446744073709551615"]).to_owned(),
        3 => {
            random.of(["0.1", "1e308", "2.2250738585072011e-308", "123456789012345.67", "5e-324"]).to_owned()
        }
        4 => random.of(["\"\"", "\"a\"", "\"\\u00e9\\n\"", "\"😀\"", "\"\\ud83d\\ude00\""]).to_owned(),
        5 => random
            .of(["{\"a\":1,\"a\":2}", "{\"b\":1,\"a\":{}}", "{\"2\":0,\"1\":0}", "{\"\":[]}"])
            .to_owned(),
        6 => format!("[{},{}]", json(random, depth + 1), json(random, depth + 1)),
        _ => format!("{{\"k\":{}}}", json(random, depth + 1)),
    }
}
