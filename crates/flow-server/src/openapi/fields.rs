//! The limits of fields, from the constants that are enforced.

use crate::segment::SECRET_NAME_MAX;
use flow_auth::{EMAIL_BYTES_MAX, NAME_CHARS_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN};
use flow_base::{Role, Scope, Slug};
use flow_import::Format;
use flow_store::VersionCause;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Array, KnownFormat, Ref, RefOr, Schema, SchemaFormat};

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// `null` is the same as leaving the field out.
fn or_null(field: Object) -> Object {
    let SchemaType::Type(of) = field.schema_type.clone() else { return field };
    let mut field = field;
    field.schema_type = SchemaType::from_iter([of, Type::Null]);
    field
}

/// A list of values has to allow `null`, too.
fn allow_null(mut field: Object) -> Object {
    field.enum_values.iter_mut().for_each(|values| values.push(serde_json::Value::Null));
    field
}

pub(crate) fn id() -> Object {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).build()
}

/// The format called `email` allows more than `normalise_email` does.
const EMAIL: &str = concat!(
    r"^ *[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@",
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+ *$",
);
/// Something to be seen. U+0085 is white space to Unicode and not to ECMAScript.
const NOT_BLANK: &str = r"[^\s\u0085]";

pub(crate) fn email() -> Object {
    text().pattern(Some(EMAIL)).max_length(Some(EMAIL_BYTES_MAX)).build()
}

pub(crate) fn email_or_null() -> Object {
    or_null(email())
}

/// Of one that is set.
pub(crate) fn new_password() -> Object {
    let format = Some(SchemaFormat::KnownFormat(KnownFormat::Password));
    let length = (Some(PASSWORD_CHARS_MIN), Some(PASSWORD_CHARS_MAX));
    text().format(format).min_length(length.0).max_length(length.1).build()
}

/// Of one that is compared.
pub(crate) fn password() -> Object {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Password))).build()
}

pub(crate) fn password_or_null() -> Object {
    or_null(password())
}

/// Of people and keys.
pub(crate) fn display_name() -> Object {
    text().pattern(Some(NOT_BLANK)).min_length(Some(1)).max_length(Some(NAME_CHARS_MAX)).build()
}

pub(crate) fn display_name_or_null() -> Object {
    or_null(display_name())
}

pub(crate) fn flow_name() -> Object {
    text().pattern(Some(NOT_BLANK)).min_length(Some(1)).max_length(Some(flow_model::NAME_CHARS_MAX)).build()
}

pub(crate) fn flow_name_or_null() -> Object {
    or_null(flow_name())
}

pub(crate) fn flow_description_or_null() -> Object {
    or_null(text().max_length(Some(flow_model::DESCRIPTION_CHARS_MAX)).build())
}

fn slug_text() -> ObjectBuilder {
    let length = (Some(Slug::CHARS_MIN), Some(Slug::CHARS_MAX));
    text().pattern(Some(Slug::PATTERN)).min_length(length.0).max_length(length.1)
}

/// What a flow is called in addresses; some words are reserved.
pub(crate) fn slug() -> Object {
    slug_text().build()
}

pub(crate) fn slug_or_null() -> Object {
    or_null(slug())
}

/// A flow's id or its slug; an id has the form of one. Capitals are taken for small letters.
pub(crate) fn flow_address() -> Object {
    slug_text().build()
}

pub(crate) fn version_name() -> Object {
    text()
        .pattern(Some(NOT_BLANK))
        .min_length(Some(1))
        .max_length(Some(crate::routes::VERSION_NAME_MAX))
        .build()
}

/// A name that may be empty.
pub(crate) fn version_name_or_empty() -> Object {
    text().max_length(Some(crate::routes::VERSION_NAME_MAX)).build()
}

pub(crate) fn version_description() -> Object {
    text().max_length(Some(crate::routes::VERSION_DESCRIPTION_MAX)).build()
}

/// By which nodes name a secret. No path has it as a step up.
pub(crate) fn secret_name() -> Object {
    text()
        .pattern(Some("^[A-Za-z0-9_-][A-Za-z0-9_.-]*$"))
        .min_length(Some(1))
        .max_length(Some(SECRET_NAME_MAX))
        .build()
}

/// What a secret is: as many bytes at most.
pub(crate) fn secret_value() -> Object {
    let format = Some(SchemaFormat::KnownFormat(KnownFormat::Password));
    text().format(format).min_length(Some(1)).max_length(Some(crate::routes::SECRET_BYTES_MAX)).build()
}

/// An address; `flow_egress::check_url` says which.
pub(crate) fn webhook_url() -> Object {
    text().max_length(Some(2_048)).build()
}

pub(crate) fn webhook_url_or_null() -> Object {
    or_null(webhook_url())
}

pub(crate) fn webhook_description() -> Object {
    text().max_length(Some(crate::routes::WEBHOOK_DESCRIPTION_MAX)).build()
}

pub(crate) fn webhook_description_or_null() -> Object {
    or_null(webhook_description())
}

fn webhook_event() -> Object {
    text().enum_values(Some(flow_store::WEBHOOK_EVENTS.to_vec())).build()
}

pub(crate) fn webhook_events() -> Array {
    ArrayBuilder::new().items(webhook_event()).min_items(Some(1)).build()
}

pub(crate) fn webhook_events_or_null() -> Array {
    let list = SchemaType::from_iter([Type::Array, Type::Null]);
    ArrayBuilder::new().schema_type(list).items(webhook_event()).min_items(Some(1)).build()
}

pub(crate) fn delivery_state() -> Object {
    one_of(["pending", "delivered", "failed"])
}

pub(crate) fn tags_or_null() -> Array {
    let list = SchemaType::from_iter([Type::Array, Type::Null]);
    ArrayBuilder::new()
        .schema_type(list)
        .items(Ref::from_schema_name("JsonKey"))
        .max_items(Some(flow_model::TAGS_MAX))
        .build()
}

fn one_of<const N: usize>(names: [&str; N]) -> Object {
    text().enum_values(Some(names)).build()
}

pub(crate) fn role() -> Object {
    one_of([Role::Viewer, Role::Commenter, Role::Editor, Role::Owner].map(Role::as_str))
}

/// Why a version was kept.
pub(crate) fn version_cause() -> Object {
    one_of(VersionCause::ALL.map(VersionCause::as_str))
}

/// A flow to start from.
pub(crate) fn sample() -> Object {
    let names = flow_model::samples().iter().map(|sample| sample.id);
    text().enum_values(Some(names.collect::<Vec<_>>())).build()
}

pub(crate) fn sample_or_null() -> Object {
    allow_null(or_null(sample()))
}

/// What a share link lets do.
pub(crate) fn link_role() -> Object {
    one_of(flow_base::LinkRole::ALL.map(flow_base::LinkRole::as_str))
}

pub(crate) fn flow_sort() -> Object {
    let names = ["updatedAt", "-updatedAt", "createdAt", "-createdAt", "name", "-name"];
    text().enum_values(Some(names)).default(Some("-updatedAt".into())).build()
}

/// Whose flows: a user's id, or `me`.
pub(crate) fn owner() -> Object {
    text().pattern(Some("^(me|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")).build()
}

/// Of a list that is also given in numbered pages.
pub(crate) fn page() -> Object {
    let most = crate::routes::PAGES_MAX;
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(most)).build()
}

/// What a list has given for its next page.
pub(crate) fn cursor() -> Object {
    text().pattern(Some("^[A-Za-z0-9_-]+$")).build()
}

/// A version to compare with.
pub(crate) fn against() -> Object {
    text().pattern(Some("^(current|[0-9]{1,9})$")).default(Some("current".into())).build()
}

/// A version's number.
pub(crate) fn version() -> Object {
    let integer = ObjectBuilder::new().schema_type(Type::Integer);
    integer.minimum(Some(0)).maximum(Some(u32::MAX)).build()
}

pub(crate) fn version_or_null() -> Object {
    or_null(version())
}

/// What exports are read.
pub(crate) fn format() -> Object {
    one_of(Format::ALL.map(Format::as_str))
}

/// Found out, if it is not given.
pub(crate) fn format_or_null() -> Object {
    allow_null(or_null(format()))
}

pub(crate) fn scopes() -> Array {
    some_scopes().min_items(Some(1)).build()
}

fn some_scopes() -> ArrayBuilder {
    ArrayBuilder::new().items(one_of(Scope::ALL.map(Scope::as_str)))
}

pub(crate) fn scope_list() -> Array {
    some_scopes().build()
}

/// Of a page: how many items it has at most.
pub(crate) fn limit() -> Object {
    let (most, default) = (crate::routes::PAGE_MAX, crate::routes::PAGE_DEFAULT);
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(most))
        .default(Some(default.into()))
        .build()
}

pub(crate) fn run_kind() -> Object {
    one_of(["published", "preview", "test"])
}

pub(crate) fn run_status() -> Object {
    one_of(["busy", "waiting", "completed", "failed", "cancelled"])
}

/// By which an event is known again.
pub(crate) fn event_key_or_null() -> Object {
    or_null(text().min_length(Some(1)).max_length(Some(crate::routes::runs::KEY_CHARS_MAX)).build())
}

/// What a file is called.
pub(crate) fn ids() -> Array {
    ArrayBuilder::new().items(id()).build()
}

pub(crate) fn position_or_null() -> Object {
    or_null(position())
}

/// A position of the history.
pub(crate) fn position() -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(usize::MAX)).build()
}

/// An object with this field and no other.
pub(crate) fn only(name: &str, field: impl Into<RefOr<Schema>>, description: &str) -> Object {
    ObjectBuilder::new()
        .property(name, field)
        .required(name)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .description(Some(description))
        .build()
}
