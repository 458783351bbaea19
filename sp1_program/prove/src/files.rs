//! Files that are there whole or not at all, so that a stage that was interrupted is never taken for done.

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

/// Reads what [`write`] wrote.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    bincode::deserialize_from(BufReader::new(file)).with_context(|| path.display().to_string())
}

pub fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    replace(path, |file| Ok(bincode::serialize_into(file, value)?))
}

pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, |file| Ok(file.write_all(bytes)?))
}

pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    serde_json::from_reader(BufReader::new(file)).with_context(|| path.display().to_string())
}

pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    replace(path, |file| Ok(serde_json::to_writer(file, value)?))
}

/// Fills a file beside `path` and renames it when it is on disk.
fn replace(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let partial = path.with_extension("partial");
    let mut file = BufWriter::new(File::create(&partial).with_context(|| partial.display().to_string())?);
    fill(&mut file).with_context(|| partial.display().to_string())?;
    file.flush()?;
    file.get_ref().sync_all()?;
    fs::rename(&partial, path).with_context(|| path.display().to_string())
}
