use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::PathBuf;

use super::content::Content;
use super::name::{Name, Stage};

/// A directory that no one else uses as a spool meanwhile, and what is done to its files.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Held open for its lock, which the system takes back when the process ends in any way.
    lock: File,
}

const LOCK: &str = "spool.lock";

/// The longest file that is written or read: an item has at most 1 MiB before it is compressed.
pub(super) const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024;

impl Directory {
    /// Creates the directory if need be; gives none if someone else uses it.
    pub(super) fn open(path: PathBuf) -> io::Result<Option<Self>> {
        builder().create(&path)?;
        let file = path.join(LOCK);
        if fs::symlink_metadata(&file).is_ok_and(|lock| !lock.is_file()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "spool.lock is no file"));
        }
        let lock = options().create(true).truncate(false).open(file)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { path, lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Our own files with their lengths; links and whatever else has such a name are no files.
    pub(super) fn files(&self) -> io::Result<Vec<(Name, Stage, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if let Some((name, stage)) = entry.file_name().to_str().and_then(Name::parse)
                && let Ok(metadata) = entry.metadata()
                && metadata.is_file()
            {
                files.push((name, stage, metadata.len()));
            }
        }
        Ok(files)
    }

    /// Writes a file that is there wholly or not at all, even if the process ends meanwhile, and
    /// if it is `durable` even if the power fails.
    pub(super) fn write(
        &self,
        name: &Name,
        content: &Content<'_>,
        durable: bool,
    ) -> io::Result<()> {
        let unfinished = self.path_of(name, Stage::Unfinished);
        let whole = self.path_of(name, Stage::Whole);
        let written = write_new(&unfinished, content, durable)
            .and_then(|()| fs::rename(&unfinished, &whole))
            .and_then(|()| if durable { self.sync() } else { Ok(()) });
        if written.is_err() {
            let _ = fs::remove_file(unfinished);
            let _ = fs::remove_file(whole);
        }
        written
    }

    /// Gives `InvalidData` if the file is longer than any that was written.
    pub(super) fn read(&self, name: &Name) -> io::Result<Vec<u8>> {
        let path = self.path_of(name, Stage::Whole);
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_FILE_BYTES.saturating_add(1)).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).is_ok_and(|len| len <= MAX_FILE_BYTES) {
            Ok(bytes)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    pub(super) fn rename(&self, from: &Name, to: &Name) -> io::Result<()> {
        fs::rename(self.path_of(from, Stage::Whole), self.path_of(to, Stage::Whole))
    }

    pub(super) fn set_aside(&self, name: &Name) -> io::Result<()> {
        fs::rename(self.path_of(name, Stage::Whole), self.path_of(name, Stage::Aside))
    }

    pub(super) fn remove(&self, name: &Name, stage: Stage) -> io::Result<()> {
        fs::remove_file(self.path_of(name, stage))
    }

    fn path_of(&self, name: &Name, stage: Stage) -> PathBuf {
        self.path.join(name.file(stage))
    }

    /// Makes the names of the files outlive a loss of power.
    #[cfg(unix)]
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// Other systems do so themselves, and open no directories.
    #[cfg(not(unix))]
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Directory {
    /// A process that is just being started holds a copy of the file, which must not hold the lock.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

fn write_new(path: &PathBuf, content: &Content<'_>, durable: bool) -> io::Result<()> {
    let mut file = options().create_new(true).open(path)?;
    file.write_all(&content.line)?;
    file.write_all(content.body)?;
    if durable { file.sync_all() } else { Ok(()) }
}

/// For files that only their owner may read.
fn options() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// For directories that only their owner may enter.
fn builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
