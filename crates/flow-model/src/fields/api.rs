//! Fields of `api`.

use super::common::{mock, on_error, retry, timeout_ms};
use super::{Choice, FieldKind, FieldSpec, HandleSpec, ItemSpec, LINE, TEMPLATE, choice, field};

static MODES: &[Choice] = &[choice("http", "Call"), choice("mock", "Mock")];

static METHODS: &[Choice] = &[
    choice("GET", "GET"),
    choice("HEAD", "HEAD"),
    choice("POST", "POST"),
    choice("PUT", "PUT"),
    choice("PATCH", "PATCH"),
    choice("DELETE", "DELETE"),
];

static AUTHS: &[Choice] = &[
    choice("none", "None"),
    choice("basic", "User and password"),
    choice("bearer", "Bearer token"),
    choice("api_key", "API key"),
];

static KEY_PLACES: &[Choice] = &[choice("header", "Header"), choice("query", "Query")];

static BODIES: &[Choice] =
    &[choice("none", "None"), choice("json", "JSON"), choice("form", "Form"), choice("raw", "Raw")];

pub(super) static FIELDS: &[FieldSpec] = &[
    field("mode", "Mode", FieldKind::Enum(MODES), "Whether to call out, or to answer from the mock below.")
        .default_text("http"),
    field("method", "Method", FieldKind::Enum(METHODS), "The HTTP method.").default_text("GET").when("mode", &["http"]),
    field("url", "Address", TEMPLATE, "An http or https address, with {{ variables }}.")
        .required()
        .when("mode", &["http"]),
    field("query", "Query", FieldKind::List(&PAIR), "Parameters added to the address.").when("mode", &["http"]),
    field("headers", "Headers", FieldKind::List(&PAIR), "Request headers.").when("mode", &["http"]),
    field("auth", "Sign in", FieldKind::Enum(AUTHS), "How the call is authorised.")
        .default_text("none")
        .when("mode", &["http"]),
    field("auth_user", "User", TEMPLATE, "The user name.").required().when("auth", &["basic"]),
    field("auth_name", "Key name", LINE, "The header or parameter that carries the key.")
        .required()
        .when("auth", &["api_key"]),
    field("auth_in", "Key goes in", FieldKind::Enum(KEY_PLACES), "Where the key goes.")
        .default_text("header")
        .when("auth", &["api_key"]),
    field(
        "auth_secret",
        "Secret",
        LINE,
        "The name of the stored secret that is the password, token or key; never the secret itself.",
    )
    .required()
    .when("auth", &["basic", "bearer", "api_key"]),
    field("body_kind", "Body", FieldKind::Enum(BODIES), "What kind of body is sent.")
        .default_text("none")
        .when("mode", &["http"]),
    field("body", "Content", FieldKind::Template { length_max: 100_000 }, "The body, with {{ variables }}.")
        .required()
        .when("body_kind", &["json", "raw"]),
    field("content_type", "Content type", LINE, "The media type of a raw body.")
        .default_text("text/plain")
        .when("body_kind", &["raw"]),
    field("form", "Form fields", FieldKind::List(&PAIR), "The fields of the form.")
        .required()
        .when("body_kind", &["form"]),
    field(
        "idempotent",
        "Safe to repeat",
        FieldKind::Bool,
        "Whether the other side honours the Idempotency-Key header, so that a call of unknown outcome may be repeated.",
    )
    .default_bool(false)
    .when("mode", &["http"]),
    timeout_ms("How long a call may take.").default_int(30_000).when("mode", &["http"]),
    retry().when("mode", &["http"]),
    field("map", "Results", FieldKind::List(&MAPPING), "What of the response goes into which variable."),
    field("mock_status", "Status", FieldKind::Int { min: 100, max: 599 }, "The status the mock answers.")
        .default_int(200)
        .when("mode", &["mock"]),
    field("mock_body", "Body", FieldKind::Json, "The body the mock answers.").when("mode", &["mock"]),
    field(
        "mock_delay_ms",
        "Delay",
        FieldKind::Duration { min_ms: 0, max_ms: 60_000 },
        "How long the mock takes.",
    )
    .default_int(0)
    .when("mode", &["mock"]),
    on_error(),
    mock(),
];

pub(super) static HANDLES: &[HandleSpec] = &[
    super::handles::out("Success", "The status was 2xx."),
    HandleSpec::Fixed {
        id: super::ERROR_HANDLE,
        label: "Error",
        doc: "Any other status, or no response; if nothing is connected here, On error decides.",
        when: None,
    },
];

static PAIR: ItemSpec = ItemSpec {
    name: "pair",
    label: "Entry",
    fields: &[
        field("name", "Name", LINE, "The name.").required(),
        field("value", "Value", TEMPLATE, "The value, with {{ variables }}."),
    ],
};

static MAPPING_KINDS: &[Choice] = &[choice("jsonpath", "JSONPath"), choice("expression", "Expression")];

static MAPPING: ItemSpec = ItemSpec {
    name: "mapping",
    label: "Result",
    fields: &[
        field("variable", "Store in", FieldKind::Variable, "The variable that takes it.").required(),
        field("kind", "By", FieldKind::Enum(MAPPING_KINDS), "How it is found in the response.")
            .default_text("jsonpath"),
        field("path", "Path", LINE, "A JSONPath (RFC 9535) into the body.")
            .required()
            .when("kind", &["jsonpath"]),
        field("expression", "Expression", FieldKind::Expression, "May use status, headers, body and ms.")
            .required()
            .when("kind", &["expression"]),
    ],
};
