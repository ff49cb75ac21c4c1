//! The master key: 32 bytes in a file of its own, made on the first start, never made again beside a store that holds something sealed.
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

const FILE_NAME: &str = "master.key";
/// A longer file is no master key; it is not read.
const MAX_FILE_BYTES: u64 = 256;

/// The key everything else is sealed under. It neither prints nor clones.
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Where the master key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterKeyPlace {
    /// `master.key` in this folder, made on the first start.
    Folder(PathBuf),
    /// A file from elsewhere, such as a mounted secret; never made.
    File(PathBuf),
}

/// Why there is no master key: one line each, with the mend.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    #[error(
        "the master key {0} is missing, but the database holds keys sealed under it: restore the file, or name it with CHANCERY_MASTER_KEY_FILE"
    )]
    Missing(PathBuf),
    #[error("CHANCERY_MASTER_KEY_FILE names {0}, which does not exist")]
    NoFile(PathBuf),
    #[error("the master key {0} is not a regular file")]
    NotAFile(PathBuf),
    #[error("the master key {path} may be read or written by others (mode {mode:03o}): chmod 600 {path}", path = .path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("the master key {0} is not 32 bytes as base64url: restore the file from your backup")]
    Malformed(PathBuf),
    #[error("the master key {path} cannot be used: {reason}", path = .path.display())]
    Access { path: PathBuf, reason: std::io::Error },
}

impl MasterKeyPlace {
    /// Looks at a master key that is there, before anything is made: a file from elsewhere must be.
    ///
    /// # Errors
    /// [`MasterKeyError`].
    pub fn check(&self) -> Result<(), MasterKeyError> {
        match self {
            Self::File(path) => read(path, path.metadata(), true)?.map(drop).ok_or_else(|| MasterKeyError::NoFile(path.clone())),
            Self::Folder(folder) => {
                let path = folder.join(FILE_NAME);
                read(&path, path.symlink_metadata(), false).map(drop)
            }
        }
    }
}

impl MasterKey {
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads the master key, or makes it from `random` when nothing has been sealed yet.
    ///
    /// # Errors
    /// [`MasterKeyError`]; then nothing was made.
    pub fn read_or_make(place: &MasterKeyPlace, holds_sealed: bool, random: &Zeroizing<[u8; 32]>) -> Result<Self, MasterKeyError> {
        match place {
            MasterKeyPlace::File(path) => read(path, path.metadata(), true)?.ok_or_else(|| MasterKeyError::NoFile(path.clone())),
            MasterKeyPlace::Folder(folder) => {
                let path = folder.join(FILE_NAME);
                match read(&path, path.symlink_metadata(), false)? {
                    Some(key) => Ok(key),
                    None if holds_sealed => Err(MasterKeyError::Missing(path)),
                    None => make(folder, &path, random),
                }
            }
        }
    }
}

/// A mounted secret is often a link, which is followed; `master.key` in our own folder is not.
fn read(path: &Path, metadata: std::io::Result<fs::Metadata>, follow: bool) -> Result<Option<MasterKey>, MasterKeyError> {
    let access = |reason| MasterKeyError::Access { path: path.into(), reason };
    let metadata = match metadata {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(access(error)),
    };
    // Looked at before it is opened: opening a pipe would wait for ever.
    if !metadata.is_file() {
        return Err(MasterKeyError::NotAFile(path.into()));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o027 != 0 {
        return Err(MasterKeyError::Exposed { path: path.into(), mode });
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(MasterKeyError::Malformed(path.into()));
    }
    let no_follow = if follow { 0 } else { rustix::fs::OFlags::NOFOLLOW.bits() as i32 };
    let mut text = Zeroizing::new(String::new());
    let file = OpenOptions::new().read(true).custom_flags(no_follow).open(path).map_err(access)?;
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(|_utf8| MasterKeyError::Malformed(path.into()))?;
    let mut key = Zeroizing::new([0; 32]);
    match URL_SAFE_NO_PAD.decode_slice(text.trim_end(), key.as_mut()) {
        Ok(32) => Ok(Some(MasterKey(key))),
        _ => Err(MasterKeyError::Malformed(path.into())),
    }
}

/// Writes the key under another name, makes it durable and only then gives it its own: it is there whole, or not at all.
fn make(folder: &Path, path: &Path, random: &Zeroizing<[u8; 32]>) -> Result<MasterKey, MasterKeyError> {
    let access = |reason| MasterKeyError::Access { path: path.into(), reason };
    if !folder.is_dir() {
        fs::DirBuilder::new().mode(0o700).create(folder).map_err(access)?;
    }
    let unfinished = folder.join("master.key.new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(access(error)),
        _ => {}
    }
    let text = Zeroizing::new(format!("{}\n", URL_SAFE_NO_PAD.encode(random.as_ref())));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).map_err(access)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(access)?;
    fs::rename(&unfinished, path).map_err(access)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(access)?;
    Ok(MasterKey(random.clone()))
}
