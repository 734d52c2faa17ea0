//! Passwords, tokens, roles and the permission table.
