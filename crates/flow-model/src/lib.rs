//! The flow document: schema, typed edits, materialised graph, validation.
