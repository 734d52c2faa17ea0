use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::*;

fn keys() -> TokenKeys {
    TokenKeys::new(&Secret::new(b"0123456789abcdef0123456789abcdef".to_vec())).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn sign(keys: &TokenKeys, typ: &str, claims: &WireClaims) -> String {
    let header = Header { typ: Some(typ.to_owned()), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, claims, &keys.signing).unwrap()
}

fn claims() -> WireClaims {
    WireClaims {
        sub: UserId::generate(),
        sid: SessionId::generate(),
        aud: AUDIENCE.to_owned(),
        iat: at(0).as_second(),
        exp: at(900).as_second(),
    }
}

#[test]
fn a_token_names_its_user_and_its_sign_in() {
    let (user, session) = (UserId::generate(), SessionId::generate());
    let token = keys().issue(user, session, at(0));
    let expected = Claims { user, session, expires_at: at(900) };
    assert_eq!(keys().verify(token.expose(), at(1)), Ok(expected));
}

#[test]
fn a_token_lasts_15_minutes_and_a_little_by_the_time_it_is_given() {
    let token = keys().issue(UserId::generate(), SessionId::generate(), at(0));
    assert!(keys().verify(token.expose(), at(900 + 9)).is_ok());
    assert_eq!(keys().verify(token.expose(), at(900 + 10)), Err(TokenError::Expired));
    assert_eq!(keys().verify(token.expose(), at(1 << 30)), Err(TokenError::Expired));
}

#[test]
fn a_token_of_another_key_is_invalid_and_not_expired() {
    let other = TokenKeys::new(&TokenKeys::generate_key()).unwrap();
    let token = other.issue(UserId::generate(), SessionId::generate(), at(0));
    assert_eq!(keys().verify(token.expose(), at(1)), Err(TokenError::Invalid));
    assert_eq!(keys().verify(token.expose(), at(5000)), Err(TokenError::Invalid));
}

#[test]
fn a_changed_token_is_invalid() {
    let token = keys().issue(UserId::generate(), SessionId::generate(), at(0)).into_inner();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let mut changed = BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap();
    let digit = changed.iter().rposition(u8::is_ascii_digit).unwrap();
    changed[digit] ^= 1;
    let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
    let unsigned = BASE64_URL_SAFE_NO_PAD.encode(r#"{"typ":"at+jwt","alg":"none"}"#);
    for text in [
        format!("{header}.{changed}.{signature}"),
        format!("{unsigned}.{payload}."),
        format!("{unsigned}.{payload}.{signature}"),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{token} "),
        String::new(),
    ] {
        assert_eq!(keys().verify(&text, at(1)), Err(TokenError::Invalid), "{text}");
    }
}

#[test]
fn a_text_signed_for_another_use_is_no_access_token() {
    let keys = keys();
    assert!(keys.verify(&sign(&keys, TYPE, &claims()), at(1)).is_ok());
    let elsewhere = WireClaims { aud: "elsewhere".to_owned(), ..claims() };
    assert_eq!(keys.verify(&sign(&keys, TYPE, &elsewhere), at(1)), Err(TokenError::Invalid));
    for typ in ["JWT", "resume+jwt"] {
        assert_eq!(keys.verify(&sign(&keys, typ, &claims()), at(1)), Err(TokenError::Invalid), "{typ}");
    }
}

#[test]
fn an_expiry_beyond_the_calendar_is_invalid() {
    let keys = keys();
    for exp in [i64::MAX, i64::MIN] {
        let token = sign(&keys, TYPE, &WireClaims { exp, ..claims() });
        assert_eq!(keys.verify(&token, at(1)), Err(TokenError::Invalid), "{exp}");
    }
}

#[test]
fn a_short_key_is_refused() {
    assert_eq!(TokenKeys::new(&Secret::new(vec![7; 31])).unwrap_err(), KeyError::TooShort);
    assert_ne!(TokenKeys::generate_key(), TokenKeys::generate_key());
}

#[test]
fn keys_do_not_print_themselves() {
    assert_eq!(format!("{:?}", keys()), "TokenKeys(…)");
}
