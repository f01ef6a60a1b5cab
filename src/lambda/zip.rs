//! Zip archives of code: read, checked, unpacked (APPNOTE.TXT of PKWARE, without zip64).

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use flate2::read::DeflateDecoder;

/// AWS: "250 MB for all uploaded contents of a deployment package (zip) and layers, unzipped".
const UNPACKED_BYTES_MAX: u64 = 262_144_000;

/// The end record and the longest comment behind it.
const END_BYTES_MAX: usize = 22 + 65_535;

/// What of an archive is to be unpacked.
struct Entry<'a> {
    path: PathBuf,
    mode: u32,
    is_folder: bool,
    is_deflated: bool,
    packed: &'a [u8],
    bytes: u64,
}

/// Unpacks `archive` into the new folder `target`.
///
/// # Errors
/// What is wrong with it, as a text for people; `target` may hold a part then.
pub fn unpack(archive: &[u8], target: &Path) -> Result<(), String> {
    let entries = last_of_each(read(archive)?);
    let wrong = |error: io::Error| format!("the code cannot be unpacked: {error}");
    fs::create_dir_all(target).map_err(wrong)?;
    let mut links = Vec::new();
    for entry in &entries {
        let path = target.join(&entry.path);
        if entry.is_folder {
            fs::create_dir_all(&path).map_err(wrong)?;
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(wrong)?;
        }
        if entry.mode & libc::S_IFMT == libc::S_IFLNK {
            links.push((entry, path));
        } else {
            write(entry, &path).map_err(wrong)?;
        }
    }
    // Links come last, so that nothing is written through them.
    for (entry, path) in links {
        let mut to = Vec::new();
        content(entry).read_to_end(&mut to).map_err(wrong)?;
        symlink(String::from_utf8_lossy(&to).as_ref(), path).map_err(wrong)?;
    }
    Ok(())
}

/// Whether `archive` could be unpacked and has something in it.
///
/// # Errors
/// What is wrong with it.
pub fn check(archive: &[u8]) -> Result<(), String> {
    match read(archive)?.is_empty() {
        true => Err("Uploaded file must be a non-empty zip".to_owned()),
        false => Ok(()),
    }
}

/// An archive that was added to may have a file twice: the later one counts, as with `unzip`.
fn last_of_each(mut entries: Vec<Entry<'_>>) -> Vec<Entry<'_>> {
    let mut seen = HashSet::new();
    entries.reverse();
    entries.retain(|entry| seen.insert(entry.path.clone()));
    entries.reverse();
    entries
}

fn write(entry: &Entry<'_>, path: &Path) -> io::Result<()> {
    // All may read it, as Lambda wants; the owner may always write, to remove it again.
    let mode = entry.mode & 0o777 | 0o644;
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    let count = io::copy(&mut content(entry), &mut file)?;
    if count != entry.bytes {
        let text = format!("{} is damaged", entry.path.display());
        return Err(io::Error::other(text));
    }
    file.flush()
}

/// Never more than the entry says, whatever its bytes do.
fn content<'a>(entry: &Entry<'a>) -> Box<dyn Read + 'a> {
    let most = entry.bytes.saturating_add(1);
    match entry.is_deflated {
        true => Box::new(DeflateDecoder::new(entry.packed).take(most)),
        false => Box::new(entry.packed.take(most)),
    }
}

fn read(archive: &[u8]) -> Result<Vec<Entry<'_>>, String> {
    const NO_ZIP: &str =
        "Could not unzip uploaded file. Please check your file, then try to upload again.";
    let start = archive.len().saturating_sub(END_BYTES_MAX);
    let end = archive[start..]
        .windows(4)
        .rposition(|window| window == b"PK\x05\x06")
        .ok_or(NO_ZIP)?;
    let end = Record(archive.get(start + end..).unwrap_or_default());
    // The record ends with the length of its comment.
    end.half(20).ok_or(NO_ZIP)?;
    let count = end.half(10).ok_or(NO_ZIP)?;
    let mut at = end.word(16).ok_or(NO_ZIP)? as usize;
    let (mut entries, mut total) = (Vec::new(), 0_u64);
    for _ in 0..count {
        let header = Record(archive.get(at..).ok_or(NO_ZIP)?);
        if header.word(0) != Some(0x0201_4b50) {
            return Err(NO_ZIP.to_owned());
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| header.half(at).unwrap_or(0) as usize);
        let entry = entry(archive, header, name).ok_or(NO_ZIP)??;
        total = total.saturating_add(entry.bytes);
        if total > UNPACKED_BYTES_MAX {
            return Err(format!(
                "Unzipped size must be smaller than {UNPACKED_BYTES_MAX} bytes"
            ));
        }
        entries.push(entry);
        at += 46 + name + extra + comment;
    }
    Ok(entries)
}

/// None when the header points outside of the archive.
fn entry<'a>(
    archive: &'a [u8],
    header: Record<'a>,
    name_bytes: usize,
) -> Option<Result<Entry<'a>, String>> {
    let name = header.0.get(46..46 + name_bytes)?;
    let name = String::from_utf8_lossy(name);
    let (flags, method) = (header.half(8)?, header.half(10)?);
    if flags & 1 != 0 {
        return Some(Err(format!("`{name}` in the archive is encrypted")));
    }
    if !matches!(method, 0 | 8) {
        return Some(Err(format!(
            "`{name}` in the archive is packed by a method other than deflate"
        )));
    }
    let Some(path) = inside(&name) else {
        return Some(Err(format!("`{name}` in the archive leaves its folder")));
    };
    let local = Record(archive.get(header.word(42)? as usize..)?);
    if local.word(0)? != 0x0403_4b50 {
        return None;
    }
    let data = 30 + local.half(26)? as usize + local.half(28)? as usize;
    let packed = local.0.get(data..data + header.word(20)? as usize)?;
    // Made on Unix: the upper half of the attributes is the file's mode.
    let mode = match header.half(4)? >> 8 {
        3 => header.word(38)? >> 16,
        _ => 0,
    };
    Some(Ok(Entry {
        // Archives made elsewhere know nothing of executables.
        mode: if mode & 0o777 == 0 {
            mode | 0o755
        } else {
            mode
        },
        is_folder: name.ends_with('/'),
        is_deflated: method == 8,
        packed,
        bytes: header.word(24)?.into(),
        path,
    }))
}

/// The path below the folder; none for one that leaves it.
fn inside(name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    let fine = path
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let is_named = |part: &Component<'_>| matches!(part, Component::Normal(_));
    (fine && !name.is_empty() && !name.contains('\0'))
        .then(|| path.components().filter(is_named).collect())
}

/// Little-endian numbers at fixed places.
#[derive(Clone, Copy)]
struct Record<'a>(&'a [u8]);

impl Record<'_> {
    fn half(self, at: usize) -> Option<u32> {
        let bytes = self.0.get(at..at + 2)?;
        Some(u32::from(bytes[0]) | u32::from(bytes[1]) << 8)
    }

    fn word(self, at: usize) -> Option<u32> {
        Some(self.half(at)? | self.half(at + 2)? << 16)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// An archive of stored files, made on Unix.
    fn archive(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for (name, mode, content) in files {
            let at = u32::try_from(out.len()).unwrap();
            let size = u32::try_from(content.len()).unwrap().to_le_bytes();
            let length = u16::try_from(name.len()).unwrap().to_le_bytes();
            let sizes = [[0; 4], size, size].concat();
            out.extend([&b"PK\x03\x04"[..], &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0], &sizes].concat());
            out.extend([&length[..], &[0, 0], name.as_bytes(), content].concat());
            directory.extend([&b"PK\x01\x02"[..], &[20, 3, 20, 0], &[0; 8], &sizes].concat());
            directory.extend([&length[..], &[0; 8]].concat());
            directory.extend([(mode << 16).to_le_bytes(), at.to_le_bytes()].concat());
            directory.extend(name.as_bytes());
        }
        let at = u32::try_from(out.len()).unwrap();
        let count = u16::try_from(files.len()).unwrap().to_le_bytes();
        let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
        out.extend(directory);
        let end = [
            &[0; 4][..],
            &count,
            &count,
            &size,
            &at.to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        out.extend([&b"PK\x05\x06"[..], &end].concat());
        out
    }

    #[test]
    fn files_come_out_with_their_modes_and_links() {
        let archive = archive(&[
            ("bootstrap", 0o100_755, b"#!/bin/sh\n"),
            ("lib/a.py", 0o100_600, b"a"),
            ("link", 0o120_777, b"lib/a.py"),
        ]);
        let target = tempfile::tempdir().unwrap();
        let target = target.path().join("code");
        unpack(&archive, &target).unwrap();
        let mode = |name: &str| {
            fs::metadata(target.join(name))
                .unwrap()
                .permissions()
                .mode()
        };
        assert_eq!(mode("bootstrap") & 0o111, 0o111 & !umask());
        assert_eq!(mode("lib/a.py") & 0o400, 0o400);
        assert_eq!(fs::read(target.join("link")).unwrap(), b"a");
    }

    #[test]
    fn of_a_file_that_is_there_twice_the_later_one_counts() {
        let archive = archive(&[
            ("a.py", 0o100_644, b"old"),
            ("b", 0o120_777, b"/etc"),
            ("./a.py", 0o100_644, b"new"),
            ("b", 0o100_644, b"b"),
        ]);
        let target = tempfile::tempdir().unwrap();
        let target = target.path().join("code");
        unpack(&archive, &target).unwrap();
        assert_eq!(fs::read(target.join("a.py")).unwrap(), b"new");
        assert_eq!(fs::read(target.join("b")).unwrap(), b"b");
        assert!(fs::symlink_metadata(target.join("b")).unwrap().is_file());
    }

    fn umask() -> u32 {
        let probe = tempfile::tempdir().unwrap();
        let path = probe.path().join("x");
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o777)
            .open(path);
        !file.unwrap().metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn bad_archives_are_refused_and_never_leave_their_folder() {
        let target = tempfile::tempdir().unwrap();
        let refused = |archive: &[u8], expected: &str| {
            let error = unpack(archive, &target.path().join("code")).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        refused(b"no zip at all", "Could not unzip");
        refused(b"", "Could not unzip");
        assert!(check(&archive(&[])).unwrap_err().contains("non-empty"));
        refused(
            &archive(&[("../out", 0o100_644, b"x")]),
            "leaves its folder",
        );
        refused(
            &archive(&[("/etc/out", 0o100_644, b"x")]),
            "leaves its folder",
        );
        let fine = archive(&[("a", 0o100_644, b"some content")]);
        for end in 0..fine.len() {
            assert!(check(&fine[..end]).is_err(), "cut at {end}");
        }
        let through = archive(&[("l", 0o120_777, b"/tmp"), ("l/out", 0o100_644, b"x")]);
        assert!(unpack(&through, &target.path().join("through")).is_err());
    }
}
