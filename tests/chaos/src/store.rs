//! What NATS stores, and the disk that it is on: lost, exchanged for an older copy, full.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
};

use trellis_local::servers::unprivileged;

/// Small enough to be filled at once. In a long run the events alone fill it, too.
const DISK_MIB: u32 = 96;

/// The folder of NATS. None of this may be done while NATS writes.
pub struct Store {
    folder: PathBuf,
    before: PathBuf,
    /// Whether the folder is a disk of its own, which takes rights that not everybody has.
    is_disk: bool,
}

impl Store {
    /// Before NATS starts in `folder`.
    pub fn new(folder: &Path) -> Self {
        let (folder, before) = (folder.join("nats"), folder.join("nats-store-of-before"));
        let is_disk = fs::create_dir_all(&folder).is_ok() && mount(&folder);
        Self { folder, before, is_disk }
    }

    fn stored(&self) -> PathBuf {
        self.folder.join("jetstream")
    }

    pub fn keep_copy(&self) -> anyhow::Result<()> {
        remove(&self.before)?;
        copy(&self.stored(), &self.before)
    }

    pub fn wipe(&self) -> anyhow::Result<()> {
        remove(&self.stored())
    }

    /// What was kept is back; `false` where nothing was.
    pub fn restore(&self) -> anyhow::Result<bool> {
        if !self.before.exists() {
            return Ok(false);
        }
        self.wipe()?;
        copy(&self.before, &self.stored())?;
        Ok(true)
    }

    pub fn can_be_filled(&self) -> bool {
        self.is_disk
    }

    /// Nothing more can be written.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut file = fs::File::create(self.folder.join("filler"))?;
        let block = vec![0_u8; 64 * 1024];
        while file.write_all(&block).is_ok() {}
        Ok(())
    }

    pub fn make_room(&self) -> anyhow::Result<()> {
        remove(&self.folder.join("filler"))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if self.is_disk {
            Command::new("umount").arg("--lazy").arg(&self.folder).output().ok();
        }
    }
}

fn mount(folder: &Path) -> bool {
    let options = format!("size={DISK_MIB}m,mode=0755");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "trellis-chaos"]).arg(folder).output();
    mounted.is_ok_and(|output| output.status.success())
}

fn remove(path: &Path) -> anyhow::Result<()> {
    let outcome = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match outcome {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// With all that is in it, for the user that NATS runs as.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.exists() {
        return Ok(());
    }
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else {
        fs::copy(from, to)?;
    }
    if let Some(user) = unprivileged()? {
        chown(to, Some(user.uid), Some(user.gid))?;
    }
    Ok(())
}
