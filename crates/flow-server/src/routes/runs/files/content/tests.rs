use proptest::prelude::*;

use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";
const WAV: &[u8] = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0";
/// What a text editor saves as UTF-16.
const UTF_16: &[u8] = b"\xff\xfea\0,\0b\0";

fn kind(content: &[u8], name: &str) -> String {
    media_type(content, name).into_owned()
}

#[test]
fn the_content_decides_whatever_the_name_says() {
    for (content, name, expected) in [
        (PNG, "photo.png", "image/png"),
        (PNG, "notes.txt", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "x", "image/jpeg"),
        (b"GIF89a\x01\0\x01\0", "x.csv", "image/gif"),
        (WAV, "a.mp3", "audio/wav"),
        (b"%PDF-1.7\n1 0 obj\n", "a.txt", "application/pdf"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\0", "a", "application/pdf"),
        (b"{\\rtf1 hello}", "a.doc", "application/rtf"),
        (b"PK\x03\x04\x14\0\0\0", "a.png", "application/zip"),
        (b"MZ\x90\0\x03\0\0\0", "photo.png", "application/vnd.microsoft.portable-executable"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "a.pdf", "application/x-executable"),
        (b"\0\x01\x02\x03", "photo.png", "application/octet-stream"),
    ] {
        assert_eq!(kind(content, name), expected, "{name}");
    }
}

#[test]
fn text_is_text_even_if_it_begins_like_something_else() {
    for text in ["hello", "BM is a brand", "MZ", "GIF89a = 1;", "", "P", "größe\t1\r\n", "ID3"] {
        assert_eq!(kind(text.as_bytes(), "photo.png"), "text/plain", "{text}");
    }
    assert_eq!(kind(UTF_16, "a.csv"), "text/csv");
    assert_eq!(kind(b"Gr\xf6\xdfe;1\r\n", "a.CSV"), "text/csv", "of Windows");
    assert_eq!(kind(b"# Title\n", "README.md"), "text/markdown");
    assert_eq!(kind(b"a,b\n1,2\n", "a.png"), "text/plain", "a name chooses among texts alone");
    assert_eq!(kind(b"a,b\0", "a.csv"), "application/octet-stream");
    assert_eq!(kind(b"#!/bin/sh\n", "a.txt"), "text/x-shellscript");
}

#[test]
fn what_a_browser_would_run_is_called_what_it_is() {
    for (text, expected) in [
        ("<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>", "image/svg+xml"),
        (
            "\u{feff}<?xml version=\"1.0\"?>\n<!-- a --><!DOCTYPE svg PUBLIC \"a\" \"b\">\n<svg:svg/>",
            "image/svg+xml",
        ),
        ("<!DOCTYPE svg [ <!ENTITY a \"b\"> ]><svg/>", "image/svg+xml"),
        ("<?xml version=\"1.0\"?><note/>", "application/xml"),
        ("<?xml version=\"1.0\"?><html xmlns=\"…\"/>", "text/html"),
        ("  <!doctype html><p>", "text/html"),
        ("<!-- <svg> --><html>", "text/html"),
        ("<script>alert(1)</script>", "text/html"),
        ("<note/>", "text/plain"),
        ("<!-- never ends", "text/plain"),
        ("<", "text/plain"),
        ("{\"a\": [1]}", "application/json"),
        ("[1, 2", "text/plain"),
    ] {
        assert_eq!(kind(text.as_bytes(), "photo.png"), expected, "{text}");
    }
    assert_eq!(kind(b"<html>\0\x01", "a.html"), "application/octet-stream");
}

#[test]
fn deep_json_is_looked_at_without_end() {
    assert_eq!(kind("[".repeat(1 << 20).as_bytes(), "a.json"), "text/plain");
}

proptest! {
    #[test]
    fn anything_is_something(content in prop::collection::vec(any::<u8>(), 0..2_000), name in ".*") {
        let kind = kind(&content, &name);
        prop_assert!(axum::http::HeaderValue::try_from(&kind).is_ok(), "{}", kind);
        prop_assert!(kind.split_once('/').is_some());
    }

    #[test]
    fn damaged_documents_are_something(at in 0..2_000_usize, byte: u8) {
        // A compound file, as Word's were, and a ZIP, as they are: both are looked into.
        for begins in [&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], b"PK\x03\x04"] {
            let mut content = vec![0; 2_048];
            content[..begins.len()].copy_from_slice(begins);
            content[begins.len() + at.min(2_000 - begins.len())] = byte;
            media_type(&content, "a.doc");
        }
    }
}
