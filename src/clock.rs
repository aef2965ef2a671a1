//! The one place that reads the machine's clocks.

use std::future::Future;
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::model::time::{Moment, Stamp};

/// What loops wait on and decisions are handed.
pub trait Clock: Send + Sync {
    /// Both clocks, read together.
    fn now(&self) -> Stamp;

    /// Returns once `moment` has come.
    fn sleep_until(&self, moment: Moment) -> impl Future<Output = ()> + Send;
}

/// `CLOCK_BOOTTIME`, which counts suspend, with the machine's wall time beside it.
#[derive(Clone, Copy, Debug, Default)]
pub struct BootClock;

impl Clock for BootClock {
    #[expect(clippy::disallowed_methods, reason = "this is where both clocks are read together")]
    fn now(&self) -> Stamp {
        let boot = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(boot.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(boot.tv_nsec).unwrap_or(0);
        Stamp { moment: Moment::since_boot(Duration::new(seconds, nanos)), wall: SystemTime::now() }
    }

    async fn sleep_until(&self, moment: Moment) {
        // A timer may fire a moment early by this clock, since it runs on another one.
        loop {
            let left = self.now().moment.until(moment);
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}
