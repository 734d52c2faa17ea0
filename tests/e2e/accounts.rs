//! What people do with their accounts, and who may not.

use flow_base::{Scope, Secret, SessionId};
use flow_client::{AccountChange, Api, ClientError, NewKey, PeerState, Session};
use flow_protocol::CloseCode;
use flow_testing::{TestDatabase, TestPostgres, TestServer};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::PROGRAM;
use crate::people::{Scene, live, scene, scene_with, until};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) fn code<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> (u16, String) {
    match answer {
        Err(ClientError::Refused { status, code, .. }) => (status, code),
        other => panic!("the server did not refuse: {other:?}"),
    }
}

pub(crate) fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

pub(crate) fn closed_with(code: CloseCode) -> impl Fn(&PeerState) -> bool {
    move |state| matches!(state, PeerState::Closed { code: closed, .. } if *closed == code)
}

/// The same on Postgres, with the database it is on.
pub(crate) async fn scene_on_postgres() -> (Scene, TestDatabase) {
    let database = TestPostgres::shared_database().await.unwrap();
    let scene = scene_with(&[("INTERFLOW_DATABASE_URL", database.url())]).await;
    (scene, database)
}

/// Ann again, signed in elsewhere.
async fn ann_elsewhere(scene: &Scene) -> Api {
    let api = Api::new(&scene.server.url()).unwrap();
    api.login("ann@example.org", PASSWORD).await.unwrap();
    api
}

/// A login by hand: the status, its code and when to come back.
async fn login(server: &TestServer, email: &str, password: &str, from: Option<&str>) -> (u16, String, u64) {
    let body = json!({ "email": email, "password": password });
    let request = reqwest::Client::new().post(format!("{}/api/auth/login", server.url())).json(&body);
    let request = from.into_iter().fold(request, |request, from| request.header("x-forwarded-for", from));
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let wait = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().parse().unwrap());
    let body: Value = answer.json().await.unwrap();
    (status, body["error"]["code"].as_str().unwrap_or_default().to_owned(), wait.unwrap_or(0))
}

#[tokio::test]
async fn a_name_changes_freely_and_an_address_with_the_password_only() {
    let scene = scene().await;
    scene.server.person("ben").await.unwrap();
    let change = async |name: Option<&str>, email: Option<&str>, password: Option<&str>| {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let current_password = own(password).map(Secret::new);
        scene.ann.change_me(&AccountChange { name: own(name), email: own(email), current_password }).await
    };
    assert_eq!(change(Some(" Ann O'Neil "), None, None).await.unwrap().name, "Ann O'Neil");
    assert_eq!(code(change(Some(" "), None, None).await), refused(422, "invalid"));
    assert_eq!(code(change(None, Some("no address"), Some(PASSWORD)).await), refused(422, "invalid"));
    let new = Some("Ann@New.example");
    for wrong in [None, Some("wrong password")] {
        let error = change(Some("Half"), new, wrong).await;
        assert!(error.as_ref().unwrap_err().to_string().starts_with("currentPassword: "), "{error:?}");
        assert_eq!(code(error), refused(422, "invalid"));
    }
    assert_eq!(
        code(change(None, Some("ben@example.org"), Some(PASSWORD)).await),
        refused(409, "email_taken")
    );
    let me = scene.ann.me().await.unwrap();
    assert_eq!((me.name.as_str(), me.email.as_str()), ("Ann O'Neil", "ann@example.org"), "nothing by half");

    assert_eq!(change(None, new, Some(PASSWORD)).await.unwrap().email, "ann@new.example");
    let again = change(None, Some("ann@new.example"), None).await.unwrap();
    assert_eq!(again.email, "ann@new.example", "the same address is no change");
    assert_eq!(login(&scene.server, "ann@example.org", PASSWORD, None).await.0, 401);
    assert_eq!(login(&scene.server, "ann@new.example", PASSWORD, None).await.0, 200);
}

async fn a_new_password_ends_everything_else(scene: Scene) {
    let other = ann_elsewhere(&scene).await;
    let (here, there) = (live(&scene.ann, scene.flow).await, live(&other, scene.flow).await);
    let key = NewKey { name: "bot".into(), scopes: vec![Scope::Read], expires_at: None };
    let bot = Api::new(&scene.server.url()).unwrap();
    bot.use_token(scene.ann.create_key(&key).await.unwrap().secret);

    let wrong = scene.ann.change_password("wrong password", "another password").await;
    assert_eq!(code(wrong), refused(422, "invalid"));
    let short = scene.ann.change_password(PASSWORD, "short").await.unwrap_err();
    assert!(short.to_string().starts_with("newPassword: "), "{short}");
    assert!(there.state().borrow().is_live(), "what was refused has ended nothing");
    scene.ann.change_password(PASSWORD, "another password").await.unwrap();

    until(&there, "signed out", closed_with(CloseCode::SignedOut)).await;
    // The client has tried to refresh it, too.
    assert!(matches!(other.me().await, Err(ClientError::SignedOut)));
    assert!(here.state().borrow().is_live());
    scene.ann.refresh().await.unwrap();
    bot.me().await.unwrap();
    assert_eq!(login(&scene.server, "ann@example.org", PASSWORD, None).await.0, 401);
    assert_eq!(login(&scene.server, "ann@example.org", "another password", None).await.0, 200);
}

#[tokio::test]
async fn a_new_password_ends_all_other_sign_ins_and_their_sockets() {
    a_new_password_ends_everything_else(scene().await).await;
}

#[tokio::test]
async fn a_new_password_ends_all_other_sign_ins_and_their_sockets_on_postgres() {
    let (scene, _database) = scene_on_postgres().await;
    a_new_password_ends_everything_else(scene).await;
}

#[tokio::test]
async fn sign_ins_are_listed_and_ended_one_by_one() {
    let scene = scene().await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    let browser = reqwest::Client::builder().user_agent("Firefox/140 ".repeat(100)).build().unwrap();
    let body = json!({ "email": "ann@example.org", "password": PASSWORD });
    let url = format!("{}/api/auth/login", scene.server.url());
    let signed_in: Value = browser.post(url).json(&body).send().await.unwrap().json().await.unwrap();
    let other = Api::new(&scene.server.url()).unwrap();
    other.use_token(Secret::new(signed_in["token"].as_str().unwrap().to_owned()));
    let socket = live(&other, scene.flow).await;

    let sessions = scene.ann.sessions().await.unwrap();
    let [second, first] = &sessions[..] else { panic!("{sessions:?}") };
    assert!(first.current && !second.current, "{sessions:?}");
    assert!(first.user_agent.is_none(), "the client says nothing of itself: {first:?}");
    assert_eq!(second.user_agent.as_deref().map(str::len), Some(256), "cut: {second:?}");
    assert!(first.created_at < second.created_at);
    let current = |sessions: Vec<Session>| sessions.into_iter().find(|session| session.current).unwrap().id;
    assert_eq!(current(other.sessions().await.unwrap()), second.id);

    let (second, bens) = (second.id, current(ben.sessions().await.unwrap()));
    for unknown in [bens, SessionId::generate()] {
        assert_eq!(code(scene.ann.end_session(unknown).await), refused(404, "not_found"));
    }
    ben.me().await.unwrap();
    scene.ann.end_session(second).await.unwrap();
    until(&socket, "signed out", closed_with(CloseCode::SignedOut)).await;
    assert_eq!(code(other.me().await).0, 401);
    assert_eq!(code(scene.ann.end_session(second).await), refused(404, "not_found"), "only once");
    assert_eq!(scene.ann.sessions().await.unwrap().len(), 1);
}

/// Whoever copied it may be the one who uses it first: both are sent away.
#[tokio::test]
async fn a_refresh_token_used_twice_ends_its_sign_in_and_sockets_and_no_other() {
    let scene = scene().await;
    let other = ann_elsewhere(&scene).await;
    let (here, there) = (live(&scene.ann, scene.flow).await, live(&other, scene.flow).await);
    let url = format!("{}/api/auth/refresh", scene.server.url());
    let body = json!({ "email": "ann@example.org", "password": PASSWORD });
    let http = reqwest::Client::new();
    let login = http.post(format!("{}/api/auth/login", scene.server.url())).json(&body);
    let stolen: Value = login.send().await.unwrap().json().await.unwrap();
    let victim = Api::new(&scene.server.url()).unwrap();
    victim.use_token(Secret::new(stolen["token"].as_str().unwrap().to_owned()));
    let socket = live(&victim, scene.flow).await;
    let present =
        async |token: &Value| http.post(&url).json(&json!({ "refreshToken": token })).send().await.unwrap();
    let successor: Value = present(&stolen["refreshToken"]).await.json().await.unwrap();
    let again = present(&stolen["refreshToken"]).await;
    assert_eq!(again.status(), 200, "within seconds it is another tab");
    // Eleven seconds pass.
    let mut database =
        SqliteConnection::connect(&format!("sqlite:{}", scene.server.database().display())).await.unwrap();
    let later =
        "update refresh_tokens set replaced_at = replaced_at - 11000000 where replaced_at is not null";
    assert_eq!(sqlx::raw_sql(AssertSqlSafe(later)).execute(&mut database).await.unwrap().rows_affected(), 1);
    assert!(socket.state().borrow().is_live());
    assert_eq!(present(&stolen["refreshToken"]).await.status(), 401);
    assert_eq!(present(&successor["refreshToken"]).await.status(), 401, "the whole family is over");
    until(&socket, "signed out", closed_with(CloseCode::SignedOut)).await;
    assert_eq!(code(victim.me().await).0, 401);
    assert!(here.state().borrow().is_live() && there.state().borrow().is_live());
    other.refresh().await.unwrap();
}

#[tokio::test]
async fn wrong_passwords_are_throttled_whether_there_is_an_account_or_not() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__FAILED_SIGN_INS_PER_ACCOUNT", "3")]).await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    for email in ["ann@example.org", "nobody@example.org", "no address"] {
        for _ in 0..3 {
            assert_eq!(login(&scene.server, email, "wrong password", None).await.1, "wrong_credentials");
        }
        let (status, code, wait) = login(&scene.server, &email.to_uppercase(), PASSWORD, None).await;
        assert_eq!((status, code.as_str()), (429, "too_many_attempts"), "{email}");
        assert!((1..=301).contains(&wait), "{wait} s: a third of fifteen minutes");
    }
    // Who is in stays in, but finds out no password, either.
    assert_eq!(
        code(scene.ann.change_password("wrong password", "new password").await).1,
        "too_many_attempts"
    );
    scene.ann.refresh().await.unwrap();
    // Others are not concerned, and a wrong password there is counted like at signing in.
    for _ in 0..3 {
        assert_eq!(code(ben.change_password("wrong password", "new password").await).1, "invalid");
    }
    assert_eq!(login(&scene.server, "ben@example.org", PASSWORD, None).await.0, 429);
}

#[tokio::test]
async fn right_passwords_do_not_count_and_wrong_ones_count_for_their_address() {
    let limits = [
        ("INTERFLOW_LIMITS__FAILED_SIGN_INS_PER_ADDRESS", "3"),
        ("INTERFLOW_TRUSTED_PROXIES", "[\"127.0.0.0/8\"]"),
    ];
    let scene = scene_with(&limits).await;
    for _ in 0..8 {
        assert_eq!(login(&scene.server, "ann@example.org", PASSWORD, None).await.0, 200);
    }
    for number in 0..3 {
        let email = format!("nobody{number}@example.org");
        // What is before the entry of the trusted proxy is what the client made up.
        let from = format!("10.0.0.{number}, 203.0.113.5");
        assert_eq!(login(&scene.server, &email, "wrong password", Some(&from)).await.0, 401);
    }
    let throttled = login(&scene.server, "ann@example.org", PASSWORD, Some("203.0.113.5")).await;
    assert_eq!((throttled.0, throttled.1.as_str()), (429, "too_many_attempts"));
    assert_eq!(login(&scene.server, "ann@example.org", PASSWORD, Some("203.0.113.6")).await.0, 200);
    assert_eq!(login(&scene.server, "ann@example.org", PASSWORD, None).await.0, 200);
}

#[tokio::test]
async fn who_is_not_a_trusted_proxy_is_not_believed_and_zero_lifts_the_limits() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__FAILED_SIGN_INS_PER_ADDRESS", "2")]).await;
    for number in 0..2 {
        let from = format!("203.0.113.{number}");
        let wrong = login(&scene.server, "nobody@example.org", "wrong password", Some(&from)).await;
        assert_eq!(wrong.0, 401);
    }
    assert_eq!(login(&scene.server, "ann@example.org", PASSWORD, Some("203.0.113.9")).await.0, 429);

    let lifted = [
        ("INTERFLOW_LIMITS__FAILED_SIGN_INS_PER_ADDRESS", "0"),
        ("INTERFLOW_LIMITS__FAILED_SIGN_INS_PER_ACCOUNT", "0"),
    ];
    let scene = scene_with(&lifted).await;
    for _ in 0..12 {
        assert_eq!(login(&scene.server, "ann@example.org", "wrong password", None).await.0, 401);
    }
}

#[tokio::test]
async fn the_first_account_owns_the_installation_and_sees_how_it_is() {
    let scene = scene().await;
    let (ben, user) = scene.server.person("ben").await.unwrap();
    assert!(scene.ann.me().await.unwrap().installation_owner && !user.installation_owner);
    let _socket = live(&scene.ann, scene.flow).await;
    let health = scene.ann.health().await.unwrap();
    assert_eq!((health.status.as_str(), health.parts["database"].as_str()), ("ready", "here"));
    assert_eq!((health.rooms, health.connections), (1, 1));
    assert_eq!(code(ben.health().await), refused(403, "forbidden"));
    assert_eq!(code(Api::new(&scene.server.url()).unwrap().health().await).0, 401);
    for (scope, may) in [(Scope::Read, false), (Scope::Manage, true)] {
        let key = NewKey { name: "watch".into(), scopes: vec![scope], expires_at: None };
        let bot = Api::new(&scene.server.url()).unwrap();
        bot.use_token(scene.ann.create_key(&key).await.unwrap().secret);
        assert_eq!(bot.health().await.is_ok(), may, "{scope:?}");
    }
}

#[tokio::test]
async fn where_registration_is_closed_the_first_account_can_still_be_made() {
    let server =
        TestServer::start_with(PROGRAM, &[("INTERFLOW_ACCOUNTS__REGISTRATION", "closed")]).await.unwrap();
    let (_, ann) = server.person("ann").await.unwrap();
    assert!(ann.installation_owner);
    let late = Api::new(&server.url()).unwrap();
    let closed = refused(403, "registration_closed");
    assert_eq!(code(late.register("ben@example.org", PASSWORD, "Ben").await), closed);
    assert_eq!(code(late.register("ann@example.org", PASSWORD, "Ann").await), closed, "whoever has one");
    assert_eq!(login(&server, "ann@example.org", PASSWORD, None).await.0, 200);
}

#[tokio::test]
async fn where_registration_is_closed_on_postgres_nobody_registers() {
    let database = TestPostgres::shared_database().await.unwrap();
    let closed = [("INTERFLOW_DATABASE_URL", database.url()), ("INTERFLOW_ACCOUNTS__REGISTRATION", "closed")];
    let server = TestServer::start_with(PROGRAM, &closed).await.unwrap();
    let first = Api::new(&server.url()).unwrap();
    let answer = first.register("ann@example.org", PASSWORD, "Ann").await;
    assert_eq!(code(answer), refused(403, "registration_closed"));
}
