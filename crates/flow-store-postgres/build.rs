//! The query and migration macros read more than Rust files: build again when
//! any of that changes.

fn main() {
    for path in ["../../migrations/postgres", "sqlx.toml", ".sqlx"] {
        println!("cargo:rerun-if-changed={path}");
    }
    for variable in ["POSTGRES_DATABASE_URL", "SQLX_OFFLINE", "SQLX_OFFLINE_DIR"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
}
