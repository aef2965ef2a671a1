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

const NAME: &str = "log";

/// Whether it is this thread that writes the log.
pub(super) fn is_this() -> bool {
    thread::current().name() == Some(NAME)
}

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

/// Starts a thread that writes to `output` what is logged. `lost` is the line that says how many were lost, if that is to
/// be said.
///
/// # Errors
/// When no thread can be started.
pub(super) fn start(
    output: impl Write + Send + 'static,
    lost: impl Fn(u64) -> Option<String> + Send + 'static,
) -> io::Result<(LogLines, LastLines)> {
    let (queue, work) = sync_channel(WAITING);
    let lines = LogLines { queue: queue.clone(), lost: Arc::default() };
    let losses = Losses { unsaid: Arc::clone(&lines.lost), line: lost };
    thread::Builder::new().name(NAME.to_owned()).spawn(move || write_all(&work, output, &losses))?;
    Ok((lines, LastLines(queue)))
}

/// Lines that were lost, and how that is said.
struct Losses<L> {
    unsaid: Arc<AtomicU64>,
    line: L,
}

impl<L: Fn(u64) -> Option<String>> Losses<L> {
    /// Past the queue, in which there may be no room: what is said there could be lost itself, and the number with it.
    fn say(&self, output: &mut impl Write) {
        let lost = self.unsaid.swap(0, Ordering::Relaxed);
        if let Some(line) = Some(lost).filter(|lost| *lost > 0).and_then(&self.line) {
            write(output, line.as_bytes());
        }
    }
}

/// Of losses it tells once all that waited is written, or else once in so many lines: a log that is too slow for its
/// lines is not to be filled with how many there were.
fn write_all(work: &Receiver<Work>, mut output: impl Write, losses: &Losses<impl Fn(u64) -> Option<String>>) {
    let mut since_said = 0;
    loop {
        let next = work.try_recv();
        if next.is_err() || since_said == WAITING {
            losses.say(&mut output);
            since_said = 0;
        }
        let Some(next) = next.ok().or_else(|| work.recv().ok()) else { return };
        match next {
            Work::Line(line) => {
                write(&mut output, &line);
                since_said += 1;
            }
            Work::Tell(done) => {
                losses.say(&mut output);
                let _ = done.try_send(());
            }
        }
    }
}

/// A disk that is full or a reader that is gone is no reason to stop: it may take the next line.
fn write(output: &mut impl Write, line: &[u8]) {
    let _ = output.write_all(line);
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

    fn say(lost: u64) -> Option<String> {
        Some(format!("lost {lost}\n"))
    }

    #[test]
    fn who_logs_never_waits_and_what_does_not_fit_is_lost_and_counted() {
        let (permit, may) = channel();
        let written: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (mut lines, last) = start(Output { may, written: Arc::clone(&written) }, say).expect("a thread");
        // More come than are written, with never more room than for one.
        let (many, more) = (WAITING + 100, 500);
        for count in 0..many + more {
            if count >= many {
                permit.send(()).expect("it is awaited");
            }
            lines.write_all(b"line\n").expect("it is taken or lost");
        }
        drop(permit);
        drop((lines, last));
        // The thread ends with the last of those who could hand it a line.
        while Arc::strong_count(&written) > 1 {
            thread::yield_now();
        }
        let text = String::from_utf8(written.lock().expect("no panic").clone()).expect("text");
        let lost: Vec<usize> = text.lines().filter_map(|line| line.strip_prefix("lost ")?.parse().ok()).collect();
        let whole = text.lines().filter(|line| *line == "line").count();
        assert_eq!(whole + lost.iter().sum::<usize>(), many + more);
        assert!((100..=100 + more).contains(&lost.iter().sum()) && lost.len() <= 2, "{lost:?}");
    }

    #[test]
    fn last_lines_are_written_before_the_end() {
        let (permit, may) = channel();
        let written = Arc::default();
        let (mut lines, last) = start(Output { may, written: Arc::clone(&written) }, say).expect("a thread");
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
        let (mut lines, last) = start(Output { may, written: Arc::default() }, say).expect("a thread");
        lines.write_all(b"line\n").expect("it is taken");
        drop(last);
    }
}
