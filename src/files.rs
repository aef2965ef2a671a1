//! Reading the files that the configuration names, and the configuration itself: regular ones, as long as they can
//! sensibly be, and nothing that would make the reader wait or fill the memory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::process::{getegid, geteuid};
use zeroize::Zeroizing;

/// The content of the file at `path`, which links may lead to.
///
/// # Errors
/// When it cannot be read, is no regular file, or is longer than `longest`.
pub(crate) fn read_regular(path: &Path, longest: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = open_regular(path)?;
    let likely = usize::try_from(file.metadata()?.len().min(longest)).unwrap_or(0);
    // Room for all of it: where it has to grow, it leaves its beginning behind. And more, to notice its end.
    let mut content = Zeroizing::new(Vec::with_capacity(likely + 64));
    file.take(longest.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > longest {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {longest} bytes")));
    }
    Ok(content)
}

/// Opening a FIFO, and reading one or a terminal, would wait for somebody to write.
///
/// # Errors
/// When it cannot be opened, or is no regular file.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(in_words)?;
    let kind = file.metadata()?;
    if kind.is_file() {
        return Ok(file);
    }
    if kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory, not a file"));
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

/// The system's words leave out who was refused: in a container or a unit often not the user whom the reader has in
/// mind. Its numbers of errors say nothing to a person.
fn in_words(error: io::Error) -> io::Error {
    match error.kind() {
        kind @ io::ErrorKind::PermissionDenied => {
            let (user, group) = (geteuid().as_raw(), getegid().as_raw());
            io::Error::new(kind, format!("permission denied; this process runs as user {user}, group {group}"))
        }
        kind @ io::ErrorKind::NotFound => io::Error::new(kind, "No such file or directory"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(path: &Path) -> String {
        read_regular(path, 10).expect_err("not to be read").to_string()
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::RUSR).expect("a FIFO");
        std::os::unix::fs::symlink("/dev/zero", at("zero")).expect("a link");
        std::os::unix::fs::symlink(at("link"), at("link")).expect("a link to itself");
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("a socket");
        for name in ["fifo", "zero"] {
            assert_eq!(problem(&at(name)), "not a regular file", "{name}");
        }
        assert_eq!(problem(directory.path()), "is a directory, not a file");
        assert!(problem(&at("link")).contains("symbolic links"));
        assert!(problem(&at("socket")).contains("No such device"));
    }

    #[test]
    fn file_is_read_through_links_up_to_its_longest() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("file"), "ten bytes.").expect("a file");
        std::os::unix::fs::symlink(at("file"), at("..data")).expect("a link");
        std::os::unix::fs::symlink(at("..data"), at("secret")).expect("a link");
        assert_eq!(read_regular(&at("secret"), 10).expect("the content").as_slice(), b"ten bytes.");
        assert!(read_regular(&at("secret"), 9).is_err());
    }
}
