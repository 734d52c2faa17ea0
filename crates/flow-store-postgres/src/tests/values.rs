use flow_base::{FlowId, Secret, Timestamp, UserId, WorkspaceId};
use flow_store::{AccountStore, FlowStore, NewFlow, NewUser, Origin, Quotas};

use super::TestStore;
use crate::values::Moment;

/// Documents may contain U+0000, which Postgres has no way to store in a text.
#[tokio::test]
async fn a_name_with_a_nul_is_stored_as_what_cannot_be_shown() {
    let test = TestStore::start().await;
    let (owner, workspace) = (UserId::generate(), WorkspaceId::generate());
    let user = NewUser {
        id: owner,
        email: "a\0nn@example.org".to_owned(),
        name: "A\0nn".to_owned(),
        password_hash: Secret::new("$argon2id$".to_owned()),
        workspace,
        created_at: Timestamp::UNIX_EPOCH,
    };
    test.store.create_user(&user).await.unwrap();
    assert_eq!(test.store.user_by_email("a\0nn@example.org").await.unwrap().unwrap().id, owner);
    let flow = NewFlow {
        id: FlowId::generate(),
        workspace,
        owner,
        name: "Sup\0port".to_owned(),
        description: "\0".to_owned(),
        tags: vec!["\0".to_owned(), "bot".to_owned()],
        created_at: Timestamp::UNIX_EPOCH,
        updates: vec![],
    };
    test.store
        .create_flow(&flow, &Quotas::UNBOUNDED, &Origin::operator(Timestamp::UNIX_EPOCH))
        .await
        .unwrap();
    let stored = test.store.flow(flow.id, owner).await.unwrap().unwrap();
    assert_eq!((&*stored.name, &*stored.description), ("Sup\u{fffd}port", "\u{fffd}"));
    assert_eq!(stored.tags, ["\u{fffd}", "bot"]);
}

#[tokio::test]
async fn moments_are_kept_to_the_microsecond_however_early_or_late() {
    let test = TestStore::start().await;
    let mut connection = test.connection().await;
    for text in ["-004000-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2026-11-21T09:40:03.123456789Z"] {
        let given: Timestamp = text.parse().unwrap();
        let (back, micros): (Moment, i64) =
            sqlx::query_as("select $1::timestamptz, (extract(epoch from $1::timestamptz) * 1000000)::bigint")
                .bind(Moment(given))
                .fetch_one(&mut connection)
                .await
                .unwrap();
        assert_eq!(back.0.as_microsecond(), given.as_microsecond(), "{text}");
        assert_eq!(micros, given.as_microsecond(), "{text}: Postgres understands it, too");
    }
}

#[tokio::test]
async fn a_moment_that_is_none_of_ours_is_an_error() {
    let test = TestStore::start().await;
    let mut connection = test.connection().await;
    for text in ["infinity", "-infinity", "200000-01-01"] {
        let sql = format!("select timestamptz '{text}'");
        let read = sqlx::query_scalar::<_, Moment>(sqlx::AssertSqlSafe(sql)).fetch_one(&mut connection).await;
        assert!(read.is_err(), "{text}: {read:?}");
    }
}

#[tokio::test]
async fn people_come_in_the_order_of_bytes_whatever_the_database_does() {
    let test = TestStore::start().await;
    let mut people = Vec::new();
    for name in ["Zoe", "ann", "Ärzte", "B", "a b", "ab"] {
        let user = NewUser {
            id: UserId::generate(),
            email: format!("{}@example.org", people.len()),
            name: name.to_owned(),
            password_hash: Secret::new(String::new()),
            workspace: WorkspaceId::generate(),
            created_at: Timestamp::UNIX_EPOCH,
        };
        test.store.create_user(&user).await.unwrap();
        people.push(user);
    }
    let flow = NewFlow {
        id: FlowId::generate(),
        workspace: people[0].workspace,
        owner: people[0].id,
        name: String::new(),
        description: String::new(),
        tags: vec![],
        created_at: Timestamp::UNIX_EPOCH,
        updates: vec![],
    };
    test.store
        .create_flow(&flow, &Quotas::UNBOUNDED, &Origin::operator(Timestamp::UNIX_EPOCH))
        .await
        .unwrap();
    for person in &people {
        let change =
            flow_store::MemberChange { flow: flow.id, user: person.id, role: Some(flow_base::Role::Owner) };
        test.store.change_member(change, &Origin::operator(Timestamp::UNIX_EPOCH)).await.unwrap();
    }
    let listed = test.store.flow_members(flow.id).await.unwrap();
    let mut sorted: Vec<_> = people.iter().map(|person| person.name.clone()).collect();
    sorted.sort();
    assert_eq!(listed.into_iter().map(|member| member.name).collect::<Vec<_>>(), sorted);
}
