//! What is known of a built guest: `manifest.json`, written next to it by `scripts/build_elf.sh`.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::{fs, io};

#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Parse { path: PathBuf, source: serde_json::Error },
    #[error("the program's SHA-256 is {actual}, its manifest says {expected}")]
    OtherProgram { actual: String, expected: String },
}

#[derive(Debug, Deserialize)]
struct Manifest {
    elf_sha256: String,
    vkey: String,
}

/// The verifying key of the program at `elf`, as the manifest has it (by default `manifest.json` beside the program).
///
/// # Errors
/// When a file cannot be read, or the manifest is of another program.
pub fn verifying_key(elf: &Path, manifest: Option<&Path>) -> Result<String, ManifestError> {
    let path = manifest.map_or_else(|| elf.with_file_name("manifest.json"), Path::to_owned);
    let manifest: Manifest =
        serde_json::from_slice(&read(&path)?).map_err(|source| ManifestError::Parse { path, source })?;
    let actual = format!("0x{}", hex::encode(Sha256::digest(read(elf)?)));
    if actual != manifest.elf_sha256 {
        return Err(ManifestError::OtherProgram { actual, expected: manifest.elf_sha256 });
    }
    Ok(manifest.vkey)
}

fn read(path: &Path) -> Result<Vec<u8>, ManifestError> {
    fs::read(path).map_err(|source| ManifestError::Read { path: path.to_owned(), source })
}
