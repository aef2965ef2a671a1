//! The thread that writes the log, so that nobody who probes or answers waits for whoever reads it.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait to be written; further ones are lost, and counted.
const WAITING: usize = 4096;

/// How long the end of the process waits for its last lines.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Where lines are handed over. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct LogLines {
    queue: SyncSender<Work>,
    lost: Arc<AtomicU64>,
}

/// Sees to it that what was logged is written before the process ends, unless nobody takes it.
#[derive(Debug)]
pub struct LastLines(SyncSender<Work>);

enum Work {
    Line(Box<[u8]>),
    /// All lines before it are written.
    Tell(SyncSender<()>),
}

/// Starts a thread that writes to `output` what is logged.
///
/// # Errors
/// When no thread can be started.
pub(super) fn start(output: impl Write + Send + 'static) -> io::Result<(LogLines, LastLines)> {
    let (queue, work) = sync_channel(WAITING);
    let lines = LogLines { queue: queue.clone(), lost: Arc::default() };
    let lost = Arc::clone(&lines.lost);
    thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&work, output, &lost))?;
    Ok((lines, LastLines(queue)))
}

fn write_all(work: &Receiver<Work>, mut output: impl Write, lost: &AtomicU64) {
    while let Ok(work) = work.recv() {
        match work {
            // A disk that is full or a reader that is gone is no reason to stop: it may take the next line.
            Work::Line(line) => drop(output.write_all(&line)),
            Work::Tell(done) => drop(done.try_send(())),
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lines = lost, "lines of the log are lost, as they were not read quickly enough");
        }
    }
}

impl Write for LogLines {
    /// One line, whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Work::Line(line.into())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for LogLines {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Drop for LastLines {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        // Where there is no room, nobody reads.
        if self.0.try_send(Work::Tell(done)).is_ok() {
            let _ = written.recv_timeout(LAST_WORDS);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;

    /// Writes when it may.
    struct Output {
        may: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.may.recv();
            self.written.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_logs_never_waits_and_what_does_not_fit_is_lost_and_counted() {
        let (permit, may) = channel();
        let written = Arc::default();
        let (mut lines, last) = start(Output { may, written: Arc::clone(&written) }).expect("a thread");
        for _ in 0..WAITING + 100 {
            lines.write_all(b"line\n").expect("it is taken or lost");
        }
        // One is being written, or not yet.
        assert!((99..=100).contains(&lines.lost.load(Ordering::Relaxed)));
        drop(permit);
        while written.lock().expect("no panic").len() < WAITING * 5 {
            thread::yield_now();
        }
        assert_eq!(lines.lost.load(Ordering::Relaxed), 0, "it was told");
        drop(last);
    }

    #[test]
    fn last_lines_are_written_before_the_end() {
        let (permit, may) = channel();
        let written = Arc::default();
        let (mut lines, last) = start(Output { may, written: Arc::clone(&written) }).expect("a thread");
        for _ in 0..100 {
            lines.write_all(b"line\n").expect("it is taken");
        }
        drop(permit);
        drop(last);
        assert_eq!(written.lock().expect("no panic").len(), 500);
    }

    #[test]
    fn end_does_not_wait_for_ever_for_who_does_not_read() {
        let (_never, may) = channel();
        let (mut lines, last) = start(Output { may, written: Arc::default() }).expect("a thread");
        lines.write_all(b"line\n").expect("it is taken");
        drop(last);
    }
}
