use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

/// The layout below. A reader that meets another version refuses the content.
const VERSION: u8 = 1;
/// More than any flow: its JSON form is at most a few times its document, which is
/// limited. Past it the bytes are taken for damaged.
const BYTES_MAX: u64 = 256 << 20;

/// Bytes that are no content this release can read.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    #[error("the content is empty")]
    Empty,
    #[error("the content has version {0}, this release reads {VERSION}")]
    Version(u8),
    #[error("the content cannot be decompressed")]
    Malformed(#[source] std::io::Error),
    #[error("the content has more than {BYTES_MAX} bytes")]
    TooLarge,
}

/// What a version of a flow says, as stores keep it: one byte that names the layout, then
/// zlib (RFC 1950).
#[must_use]
pub fn encode_content(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(vec![VERSION], Compression::default());
    encoder.write_all(content).expect("writing to a Vec cannot fail");
    encoder.finish().expect("writing to a Vec cannot fail")
}

/// # Errors
/// [`ContentError`] when the bytes are not one content of a known version.
pub fn decode_content(bytes: &[u8]) -> Result<Vec<u8>, ContentError> {
    let (&version, rest) = bytes.split_first().ok_or(ContentError::Empty)?;
    if version != VERSION {
        return Err(ContentError::Version(version));
    }
    let mut content = Vec::new();
    let read = ZlibDecoder::new(rest).take(BYTES_MAX + 1).read_to_end(&mut content);
    match read {
        Ok(read) if read as u64 > BYTES_MAX => Err(ContentError::TooLarge),
        Ok(_) => Ok(content),
        Err(error) => Err(ContentError::Malformed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_reads_back_and_is_small() {
        let content = "{\"id\":\"node\"}".repeat(1_000);
        let bytes = encode_content(content.as_bytes());
        assert!(bytes.len() < content.len() / 10, "{} bytes", bytes.len());
        assert_eq!(decode_content(&bytes).unwrap(), content.as_bytes());
    }

    #[test]
    fn anything_but_a_content_is_refused() {
        let bytes = encode_content(b"content");
        assert!(matches!(decode_content(&[]), Err(ContentError::Empty)));
        assert!(matches!(decode_content(b"\x02"), Err(ContentError::Version(2))));
        assert!(matches!(decode_content(&bytes[..bytes.len() - 1]), Err(ContentError::Malformed(_))));
    }
}
