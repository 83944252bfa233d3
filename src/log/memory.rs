//! `MemoryDisk`: a disk that forgets. It knows for every byte and every name whether it was synced; a power cut keeps,
//! loses, tears or reorders the rest. It can stop dead at the n-th sync or the n-th change, fill up, and fail writes and
//! syncs. Deterministic: chance comes from the caller.

use super::disk::{Disk, DiskError, DiskErrorKind, DiskFile, DiskResult};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Bytes that are written whole or not at all.
const SECTOR_BYTES: usize = 512;
/// The root folder's node.
const ROOT: u64 = 0;

/// A log directory in memory. Clones are the same directory.
#[derive(Clone)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
    life: u64,
}

/// An open file of a [`MemoryDisk`].
#[derive(Clone)]
pub struct MemoryFile {
    disk: MemoryDisk,
    node: u64,
}

#[derive(Default)]
struct State {
    nodes: BTreeMap<u64, Node>,
    next_node: u64,
    /// Grows with every crash: handles of an earlier life are dead.
    life: u64,
    frozen: bool,
    syncs: u64,
    changes: u64,
    freeze_at_sync: Option<u64>,
    freeze_at_change: Option<u64>,
    fail_sync: Option<u64>,
    fail_change: Option<(u64, DiskErrorKind)>,
    capacity_bytes: Option<u64>,
    used_bytes: u64,
}

enum Node {
    Folder(Folder),
    File(File),
}

#[derive(Default)]
struct Folder {
    names: BTreeMap<String, u64>,
    durable: BTreeMap<String, u64>,
    pending: Vec<NameChange>,
    /// A sync failed: `names` may hold what will never be on disk.
    sync_failed: bool,
}

enum NameChange {
    Put(String, u64),
    Remove(String),
    Rename(String, String),
}

#[derive(Default)]
struct File {
    content: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<ContentChange>,
    /// A sync failed: `content` may hold what will never be on disk.
    sync_failed: bool,
}

enum ContentChange {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

impl Default for MemoryDisk {
    fn default() -> Self {
        MemoryDisk::new()
    }
}

impl MemoryDisk {
    /// An empty directory.
    pub fn new() -> MemoryDisk {
        let mut state = State { next_node: ROOT + 1, ..State::default() };
        state.nodes.insert(ROOT, Node::Folder(Folder::default()));
        MemoryDisk { state: Arc::new(Mutex::new(state)), life: 0 }
    }

    /// The process dies: handles are dead, what was written stays, synced or not. What a failed sync was for goes: the
    /// system takes those pages for clean and may drop them at any time. Returns the disk of the next process.
    pub fn kill(&self) -> MemoryDisk {
        let mut state = self.lock();
        for node in state.nodes.values_mut() {
            match node {
                Node::Folder(folder) => folder.evict(),
                Node::File(file) => file.evict(),
            }
        }
        state.revive();
        MemoryDisk { state: self.state.clone(), life: state.life }
    }

    /// The power goes: of what was not synced, `chance` decides what is kept, lost, torn, or came in another order.
    /// Returns the disk of the next process.
    pub fn power_cut(&self, chance: &mut dyn FnMut() -> u64) -> MemoryDisk {
        let mut state = self.lock();
        for node in state.nodes.values_mut() {
            match node {
                Node::Folder(folder) => folder.power_cut(chance),
                Node::File(file) => file.power_cut(chance),
            }
        }
        state.collect_garbage();
        state.revive();
        MemoryDisk { state: self.state.clone(), life: state.life }
    }

    /// The power goes, and everything that was not synced is lost.
    pub fn power_cut_all_lost(&self) -> MemoryDisk {
        self.power_cut(&mut || 0)
    }

    /// The `n`-th sync from now (1 is the next), and every change after it, fails without effect until the next life.
    pub fn freeze_at_sync(&self, n: u64) {
        let mut state = self.lock();
        state.freeze_at_sync = Some(state.syncs + n);
    }

    /// The `n`-th change from now (1 is the next; syncs count), and every one after it, fails without effect until the
    /// next life.
    pub fn freeze_at_change(&self, n: u64) {
        let mut state = self.lock();
        state.freeze_at_change = Some(state.changes + n);
    }

    /// The `n`-th sync from now fails, and what it should have put on disk will never get there, whatever later syncs
    /// say: as Linux does it.
    pub fn fail_sync(&self, n: u64) {
        let mut state = self.lock();
        state.fail_sync = Some(state.syncs + n);
    }

    /// The `n`-th change from now fails without effect; later ones work.
    pub fn fail_change(&self, n: u64, kind: DiskErrorKind) {
        let mut state = self.lock();
        state.fail_change = Some((state.changes + n, kind));
    }

    /// Writes that would make all files together larger than this fail with [`DiskErrorKind::Full`], after a part got
    /// through; `None` is no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity_bytes = bytes;
    }

    /// Whether it is frozen.
    pub fn is_frozen(&self) -> bool {
        self.lock().frozen
    }

    /// Syncs so far, of files and folders.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Changes so far, syncs included.
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// All files with their contents, as a process sees them now.
    pub fn image(&self) -> BTreeMap<String, Vec<u8>> {
        let mut image = BTreeMap::new();
        self.lock().collect(ROOT, String::new(), &mut image);
        image
    }

    /// Changes a file behind everybody's back, on disk too; false when there is none of that name.
    pub fn tamper(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut state = self.lock();
        let node = state.find(path);
        let Some(Node::File(file)) = node.and_then(|node| state.nodes.get_mut(&node)) else { return false };
        change(&mut file.content);
        file.durable = file.content.clone();
        file.pending.clear();
        true
    }

    /// Removes a file behind everybody's back, on disk too; false when there is none of that name.
    pub fn take_away(&self, path: &str) -> bool {
        let mut state = self.lock();
        let Ok((folder, name)) = state.parent(path) else { return false };
        folder.durable.remove(name);
        folder.pending.retain(|change| !matches!(change, NameChange::Put(put, _) if put == name));
        folder.names.remove(name).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds the disk")
    }

    /// For everything a process does: the state, if this process is alive.
    fn alive(&self) -> DiskResult<MutexGuard<'_, State>> {
        let state = self.lock();
        match state.life == self.life {
            true => Ok(state),
            false => Err(error(DiskErrorKind::Io, "this process is dead")),
        }
    }
}

impl State {
    fn revive(&mut self) {
        self.life += 1;
        self.frozen = false;
        self.freeze_at_sync = None;
        self.freeze_at_change = None;
        self.fail_sync = None;
        self.fail_change = None;
    }

    fn change(&mut self, what: &str, path: &str) -> DiskResult<()> {
        self.changes += 1;
        self.frozen |= self.freeze_at_change.is_some_and(|n| self.changes >= n);
        if self.frozen {
            return Err(error(DiskErrorKind::Io, &format!("{what} {path}: the disk stands still")));
        }
        match self.fail_change {
            Some((n, kind)) if n == self.changes => Err(error(kind, &format!("{what} {path}: made to fail"))),
            _ => Ok(()),
        }
    }

    /// Counts a sync; `Ok(false)` when it has to fail and lose what it was for.
    fn sync(&mut self, path: &str) -> DiskResult<bool> {
        self.syncs += 1;
        self.frozen |= self.freeze_at_sync.is_some_and(|n| self.syncs >= n);
        self.change("sync", path)?;
        Ok(self.fail_sync != Some(self.syncs))
    }

    fn find(&self, path: &str) -> Option<u64> {
        let mut node = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let Some(Node::Folder(folder)) = self.nodes.get(&node) else { return None };
            node = *folder.names.get(name)?;
        }
        Some(node)
    }

    fn folder(&mut self, path: &str) -> DiskResult<&mut Folder> {
        let node = self.find(path);
        match node.and_then(|node| self.nodes.get_mut(&node)) {
            Some(Node::Folder(folder)) => Ok(folder),
            _ => Err(error(DiskErrorKind::NotFound, &format!("no folder {path}"))),
        }
    }

    fn parent<'p>(&mut self, path: &'p str) -> DiskResult<(&mut Folder, &'p str)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.folder(folder)?, name))
    }

    fn file(&mut self, node: u64) -> DiskResult<&mut File> {
        match self.nodes.get_mut(&node) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(error(DiskErrorKind::NotFound, "no such file")),
        }
    }

    fn add(&mut self, path: &str, node: Node) -> DiskResult<u64> {
        let id = self.next_node;
        let (folder, name) = self.parent(path)?;
        folder.names.insert(name.to_owned(), id);
        folder.pending.push(NameChange::Put(name.to_owned(), id));
        self.nodes.insert(id, node);
        self.next_node += 1;
        Ok(id)
    }

    fn collect(&self, node: u64, path: String, image: &mut BTreeMap<String, Vec<u8>>) {
        match self.nodes.get(&node) {
            Some(Node::File(file)) => {
                image.insert(path, file.content.clone());
            }
            Some(Node::Folder(folder)) => {
                for (name, child) in &folder.names {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                    self.collect(*child, path, image);
                }
            }
            None => {}
        }
    }

    fn size_of(&self, node: u64) -> u64 {
        match self.nodes.get(&node) {
            Some(Node::File(file)) => file.content.len() as u64,
            Some(Node::Folder(folder)) => folder.names.values().map(|child| self.size_of(*child)).sum(),
            None => 0,
        }
    }

    fn collect_garbage(&mut self) {
        let mut reached = vec![ROOT];
        let mut i = 0;
        while i < reached.len() {
            if let Some(Node::Folder(folder)) = self.nodes.get(&reached[i]) {
                reached.extend(folder.names.values().copied());
            }
            i += 1;
        }
        reached.sort_unstable();
        self.nodes.retain(|node, _| reached.binary_search(node).is_ok());
        self.used_bytes = self.size_of(ROOT);
    }
}

impl Folder {
    fn evict(&mut self) {
        if std::mem::take(&mut self.sync_failed) {
            self.names = self.durable.clone();
            for change in &self.pending {
                change.apply(&mut self.names);
            }
        }
    }

    fn power_cut(&mut self, chance: &mut dyn FnMut() -> u64) {
        let pending = std::mem::take(&mut self.pending);
        // Journalling file systems keep a first part of the changes; nobody promises that.
        let journal = chance().is_multiple_of(2);
        let kept = chance() % (pending.len() as u64 + 1);
        for (i, change) in pending.into_iter().enumerate() {
            if if journal { (i as u64) < kept } else { !chance().is_multiple_of(2) } {
                change.apply(&mut self.durable);
            }
        }
        self.names = self.durable.clone();
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            NameChange::Put(name, node) => {
                names.insert(name.clone(), *node);
            }
            NameChange::Remove(name) => {
                names.remove(name);
            }
            NameChange::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
        }
    }
}

impl File {
    fn evict(&mut self) {
        if std::mem::take(&mut self.sync_failed) {
            self.content = self.durable.clone();
            for change in &self.pending {
                change.apply(&mut self.content);
            }
        }
    }

    fn power_cut(&mut self, chance: &mut dyn FnMut() -> u64) {
        for change in std::mem::take(&mut self.pending) {
            match (chance() % 6, change) {
                (0 | 1, ContentChange::Write(at, bytes)) => {
                    // Lost; sometimes the file grew already, with zeros or whatever was there.
                    let filler = match chance() % 4 {
                        1 => 0,
                        2 => chance() as u8,
                        _ => continue,
                    };
                    let end = at as usize + bytes.len();
                    if self.durable.len() < end {
                        self.durable.resize(end, filler);
                    }
                }
                (2 | 3, ContentChange::Write(at, bytes)) => self.tear(at as usize, &bytes, chance),
                (4 | 5, change) => change.apply(&mut self.durable),
                (_, ContentChange::SetLen(_)) => {}
                (_, change) => change.apply(&mut self.durable),
            }
        }
        self.content = self.durable.clone();
    }

    /// Some sectors of a write get through.
    fn tear(&mut self, at: usize, bytes: &[u8], chance: &mut dyn FnMut() -> u64) {
        let mut from = 0;
        while from < bytes.len() {
            let to = (from + SECTOR_BYTES - (at + from) % SECTOR_BYTES).min(bytes.len());
            if !chance().is_multiple_of(2) {
                write_into(&mut self.durable, at + from, &bytes[from..to]);
            }
            from = to;
        }
    }
}

impl ContentChange {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            ContentChange::Write(at, bytes) => write_into(content, *at as usize, bytes),
            ContentChange::SetLen(len) => content.resize(*len as usize, 0),
        }
    }
}

fn write_into(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

fn error(kind: DiskErrorKind, what: &str) -> DiskError {
    DiskError { kind, what: what.to_owned() }
}

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn create_dir(&self, path: &str) -> DiskResult<()> {
        let mut state = self.alive()?;
        if state.find(path).is_none() {
            state.change("create folder", path)?;
            state.add(path, Node::Folder(Folder::default()))?;
        }
        Ok(())
    }

    fn list(&self, path: &str) -> DiskResult<Vec<String>> {
        Ok(self.alive()?.folder(path)?.names.keys().cloned().collect())
    }

    fn open(&self, path: &str) -> DiskResult<MemoryFile> {
        let mut state = self.alive()?;
        let Some(node) = state.find(path) else {
            return Err(error(DiskErrorKind::NotFound, &format!("no file {path}")));
        };
        state.file(node)?;
        Ok(MemoryFile { disk: self.clone(), node })
    }

    fn create(&self, path: &str) -> DiskResult<MemoryFile> {
        let mut state = self.alive()?;
        state.change("create", path)?;
        let node = match state.find(path) {
            Some(node) => {
                let file = state.file(node)?;
                let freed = file.content.len() as u64;
                file.content.clear();
                file.pending.push(ContentChange::SetLen(0));
                state.used_bytes = state.used_bytes.saturating_sub(freed);
                node
            }
            None => state.add(path, Node::File(File::default()))?,
        };
        Ok(MemoryFile { disk: self.clone(), node })
    }

    fn rename(&self, from: &str, to: &str) -> DiskResult<()> {
        let mut state = self.alive()?;
        state.change("rename", from)?;
        let (folder, target) = to.rsplit_once('/').unwrap_or(("", to));
        assert_eq!(from.rsplit_once('/').map_or("", |(f, _)| f), folder, "the log renames within a folder only");
        let target_node = state.find(to);
        if target_node.is_some_and(|node| matches!(state.nodes.get(&node), Some(Node::Folder(_)))) {
            return Err(error(DiskErrorKind::Exists, &format!("rename {from}: there is a folder {to}")));
        }
        let replaced = target_node.map_or(0, |node| state.size_of(node));
        let (folder, source) = state.parent(from)?;
        let Some(node) = folder.names.remove(source) else {
            return Err(error(DiskErrorKind::NotFound, &format!("rename {from}: no such name")));
        };
        folder.names.insert(target.to_owned(), node);
        folder.pending.push(NameChange::Rename(source.to_owned(), target.to_owned()));
        state.used_bytes = state.used_bytes.saturating_sub(replaced);
        Ok(())
    }

    fn remove(&self, path: &str) -> DiskResult<()> {
        let mut state = self.alive()?;
        state.change("remove", path)?;
        let freed = state.find(path).map_or(0, |node| state.size_of(node));
        let (folder, name) = state.parent(path)?;
        if folder.names.remove(name).is_none() {
            return Err(error(DiskErrorKind::NotFound, &format!("remove {path}: no such file")));
        }
        folder.pending.push(NameChange::Remove(name.to_owned()));
        state.used_bytes = state.used_bytes.saturating_sub(freed);
        Ok(())
    }

    fn remove_dir(&self, path: &str) -> DiskResult<()> {
        self.remove(path)
    }

    fn sync_dir(&self, path: &str) -> DiskResult<()> {
        let mut state = self.alive()?;
        let works = state.sync(path)?;
        let folder = state.folder(path)?;
        for change in std::mem::take(&mut folder.pending) {
            if works {
                change.apply(&mut folder.durable);
            }
        }
        folder.sync_failed |= !works;
        if works { Ok(()) } else { Err(error(DiskErrorKind::Io, &format!("sync {path}: made to fail"))) }
    }
}

impl DiskFile for MemoryFile {
    fn len(&self) -> DiskResult<u64> {
        Ok(self.disk.alive()?.file(self.node)?.content.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> DiskResult<usize> {
        let mut state = self.disk.alive()?;
        let content = &state.file(self.node)?.content;
        let rest = content.get(position as usize..).unwrap_or(&[]);
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn write_at(&self, parts: &[&[u8]], position: u64) -> DiskResult<()> {
        let mut state = self.disk.alive()?;
        state.change("write", "a file")?;
        let mut bytes = parts.concat();
        let wanted = bytes.len();
        let length = state.file(self.node)?.content.len() as u64;
        if let Some(capacity) = state.capacity_bytes {
            let room = (length + capacity.saturating_sub(state.used_bytes)).saturating_sub(position);
            bytes.truncate(room.try_into().unwrap_or(usize::MAX));
        }
        let whole = bytes.len() == wanted;
        state.used_bytes += (position + bytes.len() as u64).saturating_sub(length);
        let file = state.file(self.node)?;
        if !bytes.is_empty() {
            write_into(&mut file.content, position as usize, &bytes);
            file.pending.push(ContentChange::Write(position, bytes));
        }
        if whole { Ok(()) } else { Err(error(DiskErrorKind::Full, "write: no space left")) }
    }

    fn set_len(&self, bytes: u64) -> DiskResult<()> {
        let mut state = self.disk.alive()?;
        state.change("set the length of", "a file")?;
        let file = state.file(self.node)?;
        let before = file.content.len() as u64;
        file.content.resize(bytes as usize, 0);
        file.pending.push(ContentChange::SetLen(bytes));
        state.used_bytes = state.used_bytes + bytes - before;
        Ok(())
    }

    fn sync(&self) -> DiskResult<()> {
        let mut state = self.disk.alive()?;
        let works = state.sync("a file")?;
        let file = state.file(self.node)?;
        for change in std::mem::take(&mut file.pending) {
            if works {
                change.apply(&mut file.durable);
            }
        }
        file.sync_failed |= !works;
        if works { Ok(()) } else { Err(error(DiskErrorKind::Io, "sync: made to fail")) }
    }
}
